package store

import (
	"path/filepath"
	"sync"
	"sync/atomic"
)

// Store is an open state. Its locks are taken in the order restore, commit, write, mu.
type Store struct {
	dir     string
	options Options

	commit sync.Mutex // held over a bbolt commit, and while the file is changed
	write  sync.Mutex // held by the one Update there may be, and over a freeze

	restore sync.Mutex // held by the one Restore or Compact there may be; before commit
	closing bool       // guarded by write

	views   atomic.Int64
	trusted atomic.Bool // all rows of the file were read, or made, since the machine was started; written with commit held

	// mu guards what follows and is held for moments only.
	mu        sync.Mutex
	settled   *sync.Cond // of mu: durable, now.frozen, putOffs or err has changed
	now       layers     // what the next reader gets; holds a reference of now.base
	file      *file      // holds a reference
	applied   uint64     // updates that wrote something
	freezing  uint64     // applied, when now.frozen was frozen
	durable   uint64     // applied, as of the last commit
	putOffs   uint64     // flushes that Options.Guard put off
	putOff    error      // what it said last
	err       error      // why nothing more can be done: ErrClosed or the flusher's
	flushed   flushStats
	missed    *missed // by a compaction that runs; nil: none does
	restoring int     // Restores that wait for the restore lock

	kick  chan struct{} // flush now
	dirty chan struct{} // the first row came into an empty overlay
	stop  chan struct{}
	done  chan struct{}
}

// Open opens the state in dir and makes both if they do not exist. It returns an
// error that is ErrTorn if the file cannot be trusted, having read all of it:
// about a second for 600 MB that are in the page cache. A file that was closed in
// order and has not been written to since is not read, nor is one that is known
// to be whole although its process was killed (Vouch).
func Open(dir string, o Options) (*Store, error) {
	o, err := o.validate()
	if err != nil {
		return nil, err
	}
	if err := MakeDir(dir); err != nil {
		return nil, err
	}
	defer faultsPanic()()
	path := filepath.Join(dir, stateName)
	orderly, err := takeOrderly(dir)
	if err != nil {
		return nil, err
	}
	vouched, err := takeVouched(dir)
	if err != nil {
		return nil, err
	}
	if !orderly && !vouched {
		if err := verify(path); err != nil {
			return nil, err
		}
	}
	s := &Store{
		dir:     dir,
		options: o,
		kick:    make(chan struct{}, 1),
		dirty:   make(chan struct{}, 1),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	s.settled = sync.NewCond(&s.mu)
	if s.file, err = openFile(path, false, s.closeFailed); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		s.file.release()
		return nil, err
	}
	s.trusted.Store(orderly || !vouched)
	s.mustSpeak()
	go s.flusher()
	return s, nil
}

// begin makes what is in the file the current generation.
func (s *Store) begin() error {
	// Only with the lock on the state is an unfinished file nobody's.
	if err := removeStale(filepath.Join(s.dir, pendingName)); err != nil {
		return err
	}
	if err := syncDir(s.dir); err != nil {
		return err
	}
	if err := reindex(s.file.db); err != nil {
		return err
	}
	b, err := newBase(s.file)
	if err != nil {
		return err
	}
	s.now = layers{live: newOverlay(), base: b}
	return nil
}

// View opens a view of everything that was applied. It panics with ErrClosed
// after Close.
func (s *Store) View() *View {
	v, err := s.view()
	if err != nil {
		panic(err)
	}
	return v
}

func (s *Store) view() (*View, error) {
	l, err := s.acquire()
	if err != nil {
		return nil, err
	}
	s.views.Add(1)
	return &View{store: s, layers: l}, nil
}

// acquire returns the current layers with a reference of their base.
func (s *Store) acquire() (layers, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.base == nil {
		return layers{}, ErrClosed
	}
	s.now.base.retain()
	return s.now, nil
}

// Update runs fn on a transaction and makes all its writes visible at once, or,
// if fn returns an error or panics, none. One Update runs at a time. It returns
// the error of fn as it is, or ErrClosed, or what made a flush fail.
//
// The writes are in memory: they survive a crash after the next flush, or by
// being applied again from the log. fn may open views, which do not show what it
// wrote, but must not call Update, Flush, Snapshot, Restore or Close.
func (s *Store) Update(fn func(*Tx) error) error {
	if err := s.backpressure(); err != nil {
		return err
	}
	s.write.Lock()
	defer s.write.Unlock()
	if s.closing {
		return ErrClosed
	}
	if err := s.failed(); err != nil {
		return err
	}
	l, err := s.acquire()
	if err != nil {
		return err
	}
	defer l.base.release()
	l.live, l.recent = l.live.copy(), &recent{}
	tx := &Tx{layers: l, watch: s.options.Watch}
	defer func() { tx.done = true }()
	if err := fn(tx); err != nil {
		return err
	}
	if tx.wrote {
		s.publish(tx.live)
	}
	return nil
}

// publish shows the writes of a transaction. The flusher may have finished since
// it began, so only the top layer is the transaction's to say.
func (s *Store) publish(live *overlay) {
	s.mu.Lock()
	first := s.now.live.rows.Len() == 0
	s.now.live = live
	s.applied++
	s.mu.Unlock()
	if first {
		signal(s.dirty)
	}
	if live.bytes >= s.options.FlushBytes {
		signal(s.kick)
	}
}

// failed returns why the store can do nothing more, if so.
func (s *Store) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close flushes, if Options.Guard lets it, and closes; an Update that comes later gets ErrClosed. Open views
// and snapshots stay readable, and the file stays locked until the last of them
// is closed. Closing again does nothing.
func (s *Store) Close() error {
	s.write.Lock()
	s.closing = true
	s.write.Unlock()
	err := s.Flush()
	b, f := s.retire()
	if b == nil {
		return nil
	}
	close(s.stop)
	<-s.done
	f.orderly.Store(err == nil)
	b.release()
	f.release()
	return err
}

// retire takes the current generation away from the store; nil if Close had it.
func (s *Store) retire() (*base, *file) {
	s.commit.Lock() // a commit that runs settles first
	defer s.commit.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	b, f := s.now.base, s.file
	s.now, s.file, s.err = layers{}, nil, ErrClosed
	s.settled.Broadcast()
	return b, f
}

func (s *Store) closeFailed(err error) {
	s.options.Logger.Error("state file not closed cleanly", "err", err)
}

package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

const (
	// compactSync is how much of a file that is written anew may be unsynced, in bytes: a sync of gigabytes at once would hold up
	// those of the log.
	compactSync = 16 << 20
	// compactBehind is how much may have been flushed meanwhile before the flusher is held up for the rest, in bytes.
	compactBehind = 1 << 20
	// compactMissed is how much may be flushed meanwhile at all: it is kept in memory.
	compactMissed = 256 << 20
)

// ErrBusy ends a compaction during which more was written than is kept for it. The state is as it was.
var ErrBusy = errors.New("store: more is being written than a compaction can follow; try again later")

// Compact writes the state's file anew, without its gaps, and puts it in the place of the old one. Updates, flushes and readers go on
// meanwhile, but for flushes at the very end. It takes as much room as the rows have, until the old file's last reader has left. When it
// returns an error, or the process dies in it, the old file is untouched; a Restore that comes meanwhile ends it.
func (s *Store) Compact(ctx context.Context) (err error) {
	defer recoverCorrupt(&err)
	defer recoverFault(&err)
	defer faultsPanic()()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c, err := s.beginCompaction(cancel)
	if err != nil {
		return err
	}
	defer c.end()
	if err := c.copy(ctx); err != nil {
		return err
	}
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n, err := c.catchUp()
		if err != nil {
			return err
		}
		if err := c.sync(); err != nil {
			return fmt.Errorf("store: compact: %w", err)
		}
		if n <= compactBehind {
			return c.swap()
		}
	}
}

var errRestored = errors.New("store: the state is being replaced")

// compaction is a file that is being written anew. It holds the store's restore lock.
type compaction struct {
	store *Store
	from  *base // what the file held when it began
	file  *file // the new one; nil once it is the store's
	path  string
}

// missed is what was flushed to a file since its compaction began, oldest first.
type missed struct {
	overlays []*overlay
	bytes    int
	cancel   context.CancelCauseFunc
}

// beginCompaction opens a new file and has every flush from here on noted.
func (s *Store) beginCompaction(cancel context.CancelCauseFunc) (*compaction, error) {
	s.restore.Lock()
	c := &compaction{store: s, path: filepath.Join(s.dir, pendingName)}
	if err := c.open(cancel); err != nil {
		s.restore.Unlock()
		return nil, err
	}
	return c, nil
}

func (c *compaction) open(cancel context.CancelCauseFunc) error {
	s := c.store
	if err := s.failed(); err != nil {
		return err
	}
	if err := removeStale(c.path); err != nil {
		return err
	}
	f, err := openFile(c.path, true, s.closeFailed)
	if err != nil {
		return err
	}
	s.commit.Lock() // a flush belongs either to what is copied or to what is missed
	defer s.commit.Unlock()
	l, err := s.acquire()
	if err != nil {
		f.release()
		return errors.Join(err, removeStale(c.path))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.restoring > 0 {
		err = errRestored
		l.base.release()
		f.release()
		return errors.Join(err, removeStale(c.path))
	}
	s.missed = &missed{cancel: cancel}
	c.from, c.file = l.base, f
	return nil
}

// end leaves nothing behind but what swap has put into place.
func (c *compaction) end() {
	s := c.store
	s.mu.Lock()
	s.missed = nil
	s.mu.Unlock()
	c.from.release()
	if c.file != nil {
		c.file.release()
		if err := removeStale(c.path); err != nil {
			s.options.Logger.Error("a compaction has left a file behind", "err", err)
		}
	}
	s.restore.Unlock()
}

// copy writes all rows of the old file to the new one, in their order.
func (c *compaction) copy(ctx context.Context) error {
	rows := c.from.rows.Cursor()
	k, v := rows.First()
	unsynced := 0
	for k != nil {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		err := c.file.db.Update(func(tx *bolt.Tx) error {
			b := tx.Bucket(rowsBucket)
			b.FillPercent = 0.9
			for n := 0; n < loadBytes && k != nil; k, v = rows.Next() {
				if !sealed(k, v) {
					return &Corrupt{Table: spaceOf(string(k)), Key: string(k), Err: errChecksum}
				}
				if err := b.Put(k, v); err != nil {
					return err
				}
				n += len(k) + len(v) + rowCost
				unsynced += len(k) + len(v) + rowCost
			}
			return nil
		})
		if err == nil && unsynced >= compactSync {
			unsynced = 0
			err = c.sync()
		}
		if err != nil {
			return fmt.Errorf("store: compact: %w", err)
		}
	}
	return nil
}

// sync makes what was written so far durable, unless a flush would be put off: what room there is then is not for this.
func (c *compaction) sync() error {
	done, err := c.store.options.Guard()
	if err != nil {
		return err
	}
	defer done()
	return c.file.db.Sync()
}

// catchUp writes to the new file what was flushed to the old one since the last call, and says how many bytes that was.
func (c *compaction) catchUp() (int, error) {
	s := c.store
	s.mu.Lock()
	overlays, n := s.missed.overlays, s.missed.bytes
	s.missed.overlays, s.missed.bytes = nil, 0
	s.mu.Unlock()
	for _, o := range overlays {
		if err := commit(c.file.db, o); err != nil {
			return n, err
		}
	}
	return n, nil
}

// swap gives the new file the last of what was flushed, and the old one's name. What is applied and not flushed stays where it is.
func (c *compaction) swap() error {
	s := c.store
	s.commit.Lock()
	defer s.commit.Unlock()
	if err := s.failed(); err != nil {
		return err
	}
	if _, err := c.catchUp(); err != nil {
		return err
	}
	if err := c.file.db.Sync(); err != nil {
		return fmt.Errorf("store: compact: %w", err)
	}
	c.file.db.NoSync = false
	if err := s.take(c.file, c.path, func(b *base) { s.now.base = b }); err != nil {
		return err
	}
	c.file = nil
	// Both files hold the same, but from the next flush on they do not: until then the name must be durable.
	if err := syncDir(s.dir); err != nil {
		s.fail(err)
		return err
	}
	return nil
}

// noteMissed keeps what was flushed for a compaction that runs; s.mu is held.
func (s *Store) noteMissed(o *overlay) {
	m := s.missed
	if m == nil {
		return
	}
	m.overlays = append(m.overlays, o)
	m.bytes += o.bytes
	if m.bytes > compactMissed {
		m.cancel(ErrBusy)
	}
}

// endCompaction tells one that runs, or is about to, to end: a Restore is coming, and does not wait for it.
func (s *Store) endCompaction() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restoring++
	if s.missed != nil {
		s.missed.cancel(errRestored)
	}
}

// restoresNow says that the Restore that was coming has the restore lock.
func (s *Store) restoresNow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restoring--
}

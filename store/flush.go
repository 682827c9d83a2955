package store

import (
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// flushStats counts flushes.
type flushStats struct {
	count, rows, bytes uint64
	last, all          time.Duration
}

// slowFlush is how long a flush may take before a line is logged: a disk that
// needs this for a few MiB will hold updates back under load.
const slowFlush = time.Second

// Flush returns when everything applied before the call is in the file and
// synced, or with the error of Options.Guard.
func (s *Store) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	want, before := s.applied, s.putOffs
	for s.durable < want && s.err == nil {
		if s.putOffs > before {
			return s.putOff
		}
		signal(s.kick)
		s.settled.Wait()
	}
	return s.err
}

// backpressure waits while a flush is running and too much has gathered behind
// it: memory is bounded by what the disk can take. Rows that lie scattered cost
// their flush a page and a node each, some twenty times their bytes.
func (s *Store) backpressure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil && s.now.frozen != nil && s.now.live.bytes > 2*s.options.FlushBytes {
		s.settled.Wait()
	}
	return s.err
}

// flusher carries overlays into the file until Close or the first error. An
// idle store costs nothing: the timer runs only while there is a row to flush.
func (s *Store) flusher() {
	defer close(s.done)
	defer faultsPanic()()
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-s.dirty:
			if s.options.FlushEvery > 0 {
				timer.Reset(s.options.FlushEvery)
			}
			continue
		case <-s.kick:
		case <-timer.C:
		}
		done, err := s.options.Guard()
		if err != nil {
			s.delay(err)
			timer.Reset(max(s.options.FlushEvery, time.Second))
			continue
		}
		err = s.flush()
		done()
		if err != nil {
			s.fail(err)
			return
		}
	}
}

// delay tells those who wait for a flush that it is put off.
func (s *Store) delay(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.putOffs++
	s.putOff = fmt.Errorf("store: flush put off: %w", err)
	s.settled.Broadcast()
}

// flush makes the overlay of this moment durable. The readers see the same rows
// before, while and after it moves.
func (s *Store) flush() error {
	s.commit.Lock()
	defer s.commit.Unlock()
	frozen, f := s.freeze()
	if frozen == nil {
		return nil
	}
	start := time.Now()
	if err := commit(f.db, frozen); err != nil {
		return err
	}
	b, err := newBase(f)
	if err != nil {
		return err
	}
	took := time.Since(start)
	s.mustSpeak()
	s.settle(b, frozen, took)
	if took > slowFlush {
		s.options.Logger.Warn("slow flush", "took", took, "rows", frozen.rows.Len(), "bytes", frozen.bytes)
	}
	return nil
}

// freeze puts an empty overlay on top of the current one, which nobody changes
// from here on. It returns nil if there is nothing to flush.
func (s *Store) freeze() (*overlay, *file) {
	s.write.Lock() // no transaction may hold a copy of what is frozen
	defer s.write.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, nil
	}
	if s.now.live.rows.Len() == 0 { // all that came has gone again
		s.durable = s.applied
		s.settled.Broadcast()
		return nil, nil
	}
	s.now.frozen, s.now.live = s.now.live, newOverlay()
	s.freezing = s.applied
	return s.now.frozen, s.file
}

// commit writes an overlay in one bbolt transaction, which is synced.
func commit(db *bolt.DB, o *overlay) (err error) {
	defer recoverFault(&err)
	writeFreelist(db)
	err = db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(rowsBucket)
		var err error
		o.rows.Scan(func(key string, val []byte) bool {
			k := []byte(key)
			if val == nil {
				err = b.Delete(k)
			} else {
				err = b.Put(k, seal(k, val))
			}
			return err == nil
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("store: flush: %w", err)
	}
	return nil
}

// settle replaces the frozen overlay and the base it lay on by the new base.
func (s *Store) settle(b *base, o *overlay, took time.Duration) {
	s.mu.Lock()
	old := s.now.base
	s.now.base, s.now.frozen = b, nil
	s.durable = s.freezing
	s.noteMissed(o)
	s.flushed.count++
	s.flushed.rows += uint64(o.rows.Len())
	s.flushed.bytes += uint64(o.bytes)
	s.flushed.last = took
	s.flushed.all += took
	s.settled.Broadcast()
	s.mu.Unlock()
	old.release()
}

// fail ends the store: what is on disk can no longer follow what is in memory.
func (s *Store) fail(err error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = err
	s.settled.Broadcast()
	s.mu.Unlock()
	if lost := withdraw(s.dir); lost != nil { // a disk that fails to write may have lost more
		err = errors.Join(err, lost)
	}
	s.options.Fatal(err)
}

// signal leaves a token in a channel that holds one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

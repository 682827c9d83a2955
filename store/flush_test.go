package store

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	berrors "go.etcd.io/bbolt/errors"
)

func TestFlush_ACrashKeepsWhatWasFlushed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, manual)
	for n := range uint64(5) {
		update(t, s, func(tx *Tx) {
			counters.Put(tx, "first", n)
			counters.Put(tx, Uint(n), n)
			counters.Put(tx, "last", n)
		})
		want := frozen(s)
		flush(t, s)
		put(t, s, "first", 99) // dies with the process
		if got := frozen(open(t, crash(t, s), manual)); !maps.Equal(got, want) {
			t.Fatalf("crashed after flush %d: %v, want %v", n, got, want)
		}
	}
}

func TestFlush_ComesByItself(t *testing.T) {
	for name, o := range map[string]Options{
		"after FlushEvery": {FlushBytes: 1 << 30, FlushEvery: time.Minute},
		"after FlushBytes": {FlushBytes: 1, FlushEvery: -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				s, err := Open(t.TempDir(), o)
				if err != nil {
					t.Fatal(err)
				}
				put(t, s, "k", 1)
				s.mu.Lock()
				for s.durable < 1 {
					s.settled.Wait()
				}
				s.mu.Unlock()
				if took := time.Since(start); o.FlushEvery > 0 && took != o.FlushEvery {
					t.Errorf("flushed after %v", took)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A view may stay open as long as it likes.
func TestFlush_WaitsForNoReader(t *testing.T) {
	blobs := NewTable[[]byte]("flush-blobs")
	s := open(t, t.TempDir(), manual)
	v := s.View()
	defer v.Close()
	for i := range uint64(8) {
		update(t, s, func(tx *Tx) { blobs.Put(tx, Uint(i), make([]byte, 3<<20)) })
		flush(t, s)
		defer s.View().Close()
	}
	if n := blobs.Len(v, ""); n != 0 {
		t.Errorf("the first view shows %d rows", n)
	}
	if size := s.Stats().FileBytes; size < 24<<20 {
		t.Errorf("the file has not grown: %d bytes", size)
	}
}

func TestFlush_HoldsUpdatesBackWhileItIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.TempDir(), Options{FlushBytes: 1000, FlushEvery: -1})
		if err != nil {
			t.Fatal(err)
		}
		close(s.stop) // the disk is slow: we are the flusher for a while
		<-s.done
		put(t, s, "k", 1)
		rows, f := s.freeze()
		n := uint64(0)
		for s.Stats().Unflushed-rows.bytes <= 2*1000 {
			put(t, s, Uint(n), n) // so far, and
			n++
		}
		done := make(chan error)
		go func() { done <- s.Update(func(tx *Tx) error { counters.Put(tx, "k", 2); return nil }) }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("no further, but the update came through: %v", err)
		default:
		}
		thaw(t, s, rows, f)
		s.stop, s.done = make(chan struct{}), make(chan struct{})
		go s.flusher()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestFlush_AFailureIsFatalAndStays(t *testing.T) {
	fatal := make(chan error, 2)
	o := manual
	o.Fatal = func(err error) { fatal <- err }
	dir := t.TempDir()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "k", 1)
	flush(t, s)
	s.file.db.MaxSize = 1 // the disk is full
	update(t, s, func(tx *Tx) {
		for n := range uint64(500_000) {
			counters.Put(tx, Uint(n), n)
		}
	})
	reason := s.Flush()
	if !errors.Is(reason, berrors.ErrMaxSizeReached) {
		t.Fatalf("Flush: %v", reason)
	}
	if err := <-fatal; err != reason {
		t.Errorf("Fatal was told %v", err)
	}
	if err := s.Update(func(*Tx) error { return nil }); err != reason {
		t.Errorf("Update: %v", err)
	}
	if _, err := s.Snapshot(); err != reason {
		t.Errorf("Snapshot: %v", err)
	}
	if err := s.Close(); err != reason {
		t.Errorf("Close: %v", err)
	}
	if len(fatal) != 0 {
		t.Error("Fatal was told twice")
	}
	if got := frozen(open(t, dir, manual)); !maps.Equal(got, map[Key]uint64{"k": 1}) {
		t.Errorf("the file has %d rows, not the last good state", len(got))
	}
}

// Run with -race: readers, a writer, flushes and restores at the same time.
// Every reader must see two counters that are always written together equal.
func TestStore_ReadersNeverSeeHalfAnUpdate(t *testing.T) {
	s := open(t, t.TempDir(), Options{FlushBytes: 2000, FlushEvery: time.Millisecond})
	write := func(n uint64) {
		update(t, s, func(tx *Tx) {
			counters.Put(tx, "a", n)
			counters.Put(tx, Uint(n%50), n)
			counters.Delete(tx, Uint((n+25)%50))
			counters.Put(tx, "b", n)
		})
	}
	write(0)
	stream := snapshot(t, s, "")
	stop, done := make(chan struct{}), make(chan error)
	for range 3 {
		go func() { done <- readUntil(s, stop) }()
	}
	for n := range uint64(600) {
		write(n)
		switch n % 100 {
		case 50:
			flush(t, s)
		case 75:
			restore(t, s, stream)
		case 90:
			snapshot(t, s, "")
		}
	}
	close(stop)
	for range 3 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func readUntil(s *Store, stop chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		v := s.View()
		a, _ := counters.Get(v, "a")
		rows := all(v)
		b, _ := counters.Get(v, "b")
		v.Close()
		if a != b || rows["a"] != a || rows["b"] != a {
			return errors.New("a reader met half an update")
		}
	}
}

// The lock keeps a second process, or a second Open, away.
func TestOpen_TheFileIsOneStores(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, manual)
	if _, err := Open(dir, manual); err == nil || errors.Is(err, ErrTorn) {
		t.Errorf("got %v; nobody may take this file for torn and delete it", err)
	}
	if _, err := os.Stat(filepath.Join(dir, stateName)); err != nil {
		t.Error(err)
	}
}

func TestFlush_PutOff(t *testing.T) {
	var full atomic.Bool
	full.Store(true)
	none := errors.New("no room")
	s, err := Open(t.TempDir(), Options{FlushEvery: time.Millisecond, Guard: func() (func(), error) {
		if full.Load() {
			return nil, none
		}
		return func() {}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "a", 1)
	if err := s.Flush(); !errors.Is(err, none) {
		t.Fatalf("a flush that may not begin: %v", err)
	}
	put(t, s, "b", 2)
	if st := s.Stats(); st.Durable != 0 || st.Applied != 2 {
		t.Errorf("%+v", st)
	}
	full.Store(false)
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	put(t, s, "c", 3)
	if err := s.Close(); !errors.Is(err, none) {
		t.Errorf("close: %v", err)
	}
}

package store

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	bolt "go.etcd.io/bbolt"
)

var ballast = NewTable[[]byte]("compact-ballast")

// gaps writes a state of which most was deleted again.
func gaps(t *testing.T) *Store {
	t.Helper()
	s := open(t, t.TempDir(), manual)
	update(t, s, func(tx *Tx) {
		for n := range uint64(12) { // bbolt takes 16 MiB at a time
			ballast.Put(tx, Uint(n), make([]byte, 4<<20))
		}
		for n := range uint64(500) {
			counters.Put(tx, Str("here").Uint(n), n)
			tasks.Put(tx, Uint(n), task{Group: "g", Rank: n})
		}
	})
	flush(t, s)
	update(t, s, func(tx *Tx) {
		for n := range uint64(12) {
			ballast.Delete(tx, Uint(n))
		}
	})
	flush(t, s)
	return s
}

func mustCompact(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestCompact_SmallerAndTheSame(t *testing.T) {
	s := gaps(t)
	update(t, s, func(tx *Tx) { counters.Put(tx, "unflushed", 7) })
	before, rows := s.Stats(), frozen(s)
	old := s.View()
	defer old.Close()
	mustCompact(t, s)
	if after := s.Stats(); after.FileBytes > before.FileBytes/2 || after.Unflushed != before.Unflushed {
		t.Errorf("of %d bytes, %d of them free, %d are left; %d are in memory", before.FileBytes, before.FreeBytes, after.FileBytes, after.Unflushed)
	}
	if before.FreeBytes < before.FileBytes/2 {
		t.Errorf("%d bytes of %d are said to be free", before.FreeBytes, before.FileBytes)
	}
	if !maps.Equal(all(old), rows) || !maps.Equal(frozen(s), rows) {
		t.Error("a view shows other rows than before")
	}
	update(t, s, func(tx *Tx) { counters.Put(tx, "after", 8) })
	rows["after"] = 8
	flush(t, s)
	if got := frozen(open(t, crash(t, s), manual)); !maps.Equal(got, rows) {
		t.Errorf("a process that was killed has left %d rows, not %d", len(got), len(rows))
	}
	if want := snapshot(t, s, "h"); true {
		mustCompact(t, s)
		if !bytes.Equal(want, snapshot(t, s, "h")) {
			t.Error("a second compaction changed the snapshot")
		}
	}
}

// Whatever is flushed while the file is copied is in the new one too, and a process that is killed anywhere in between has all that
// was flushed.
func TestCompact_WhileOthersWrite(t *testing.T) {
	s := gaps(t)
	write := func(n uint64) map[Key]uint64 {
		update(t, s, func(tx *Tx) {
			counters.Put(tx, "last", n)
			counters.Put(tx, Str("here").Uint(n), 1000+n)
			counters.Delete(tx, Str("here").Uint(400+n))
			counters.Put(tx, Str("new").Uint(n), n)
		})
		rows := frozen(s)
		flush(t, s)
		return rows
	}
	survives := func(want map[Key]uint64) {
		t.Helper()
		if got := frozen(open(t, crash(t, s), manual)); !maps.Equal(got, want) {
			t.Errorf("a process that was killed has left %d rows, not %d, or others", len(got), len(want))
		}
	}
	c, err := s.beginCompaction(func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	write(1)
	if err := c.copy(context.Background()); err != nil {
		t.Fatal(err)
	}
	survives(write(2))
	if _, err := c.catchUp(); err != nil {
		t.Fatal(err)
	}
	want := write(3)
	survives(want)
	if err := c.swap(); err != nil {
		t.Fatal(err)
	}
	survives(want)
	c.end()
	survives(write(4))
	if _, err := os.Stat(filepath.Join(s.dir, pendingName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was left: %v", err)
	}
}

func TestCompact_ItsEnds(t *testing.T) {
	for name, meanwhile := range map[string]func(t *testing.T, s *Store, cancel func(error)) error{
		"by its caller": func(_ *testing.T, _ *Store, cancel func(error)) error {
			cancel(context.Canceled)
			return context.Canceled
		},
		"by a restore": func(_ *testing.T, s *Store, _ func(error)) error {
			s.endCompaction()
			s.restoresNow()
			return errRestored
		},
		"when too much is written": func(t *testing.T, s *Store, _ func(error)) error {
			s.noteMissed(&overlay{rows: newOverlay().rows, bytes: compactMissed + 1})
			return ErrBusy
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := gaps(t)
			want, size := frozen(s), s.Stats().FileBytes
			ctx, cancel := context.WithCancelCause(context.Background())
			c, err := s.beginCompaction(cancel)
			if err != nil {
				t.Fatal(err)
			}
			why := meanwhile(t, s, cancel)
			if err := c.copy(ctx); !errors.Is(err, why) {
				t.Errorf("ended by %v, not %v", err, why)
			}
			c.end()
			put(t, s, "goes on", 1)
			flush(t, s)
			want["goes on"] = 1
			if got := frozen(s); !maps.Equal(got, want) || s.Stats().FileBytes < size {
				t.Error("the state is not as it was")
			}
			mustCompact(t, s)
		})
	}
}

// A Restore that is coming, and waits for the lock that the compaction has taken already, is not overlooked.
func TestCompact_ARestoreIsComing(t *testing.T) {
	s := gaps(t)
	s.endCompaction()
	if err := s.Compact(context.Background()); !errors.Is(err, errRestored) {
		t.Errorf("compacted before it: %v", err)
	}
	s.restoresNow()
	mustCompact(t, s)
}

// Where a flush would be put off for lack of room a compaction takes none.
func TestCompact_NoRoom(t *testing.T) {
	room := errors.New("no room")
	var full atomic.Bool
	o := manual
	o.Guard = func() (func(), error) {
		if full.Load() {
			return nil, room
		}
		return func() {}, nil
	}
	s := open(t, t.TempDir(), o)
	put(t, s, "k", 1)
	flush(t, s)
	full.Store(true)
	if err := s.Compact(context.Background()); !errors.Is(err, room) {
		t.Errorf("compacted: %v", err)
	}
	full.Store(false)
	mustCompact(t, s)
}

// A row that is damaged on the disk is not carried on with a good checksum, nor left out: the state stays, for whoever reads it to find out.
func TestCompact_DamageIsNotCopied(t *testing.T) {
	s := gaps(t)
	if err := s.file.db.Update(func(tx *bolt.Tx) error { // as a flipped bit would
		k := []byte(fullKey(counters.space, Str("here").Uint(77)))
		v := bytes.Clone(tx.Bucket(rowsBucket).Get(k))
		v[len(v)-1] ^= 1
		return tx.Bucket(rowsBucket).Put(k, v)
	}); err != nil {
		t.Fatal(err)
	}
	put(t, s, "kept", 1)
	flush(t, s) // what is copied is what the file holds now
	var c *Corrupt
	if err := s.Compact(context.Background()); !errors.As(err, &c) {
		t.Fatalf("compacted: %v", err)
	}
	put(t, s, "goes on", 1)
	flush(t, s)
}

func TestCompact_ClosedAndRestored(t *testing.T) {
	s := gaps(t)
	stream := snapshotOf(t, map[Key]uint64{"only": 1})
	mustCompact(t, s)
	restore(t, s, stream)
	mustCompact(t, s)
	if got := frozen(s); !maps.Equal(got, map[Key]uint64{"only": 1}) {
		t.Errorf("%v", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed store: %v", err)
	}
	if again := open(t, s.dir, manual); !maps.Equal(frozen(again), map[Key]uint64{"only": 1}) {
		t.Error("not the same after a restart")
	}
}

func TestCompact_BesideAWriter(t *testing.T) {
	const updates = 20_000
	s, err := Open(t.TempDir(), Options{FlushBytes: 2000, FlushEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	want, done := map[Key]uint64{}, make(chan struct{})
	go func() {
		defer close(done)
		for n := range uint64(updates) {
			update(t, s, func(tx *Tx) {
				counters.Put(tx, "last", n)
				counters.Put(tx, Uint(n%997), n)
				counters.Delete(tx, Uint((n+500)%997))
			})
			want["last"], want[Uint(n%997)] = n, n
			delete(want, Uint((n+500)%997))
			if n%500 == 0 {
				if err := s.Flush(); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	times := 0
	for over := false; !over; times++ {
		mustCompact(t, s)
		select {
		case <-done:
			over = true
		default:
		}
	}
	if flushes := s.Stats().Flushes; times < 2 || flushes < 20 {
		t.Errorf("%d compactions and %d flushes beside %d updates show little", times, flushes, updates)
	}
	if got := frozen(s); !maps.Equal(got, want) {
		t.Errorf("%d rows, not %d, or others", len(got), len(want))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := frozen(open(t, s.dir, manual)); !maps.Equal(got, want) {
		t.Error("not the same after a restart")
	}
}

package store

import (
	"maps"
	"testing"
)

// TestOverlay_WhatCameAndWentLeavesNothing: a walk passes by one tombstone for each row that the file has, however
// often the first position of an index moved.
func TestOverlay_WhatCameAndWentLeavesNothing(t *testing.T) {
	s := open(t, t.TempDir(), manual)
	update(t, s, func(tx *Tx) { tasks.Put(tx, "k", task{Group: "x"}) })
	flush(t, s)
	for n := range uint64(1000) {
		update(t, s, func(tx *Tx) { tasks.Put(tx, "k", task{Group: "x", Rank: n + 1}) })
	}
	rows := 0
	for range s.now.live.rows.Keys() {
		rows++
	}
	want := newOverlay()
	s.now.live.rows.Scan(func(key string, val []byte) bool { want.set(key, val); return true })
	if rows > 10 || s.now.live.bytes != want.bytes {
		t.Errorf("%d rows of %d bytes in the overlay; they take %d", rows, s.now.live.bytes, want.bytes)
	}
}

// TestOverlay_WhatIsBeneathStaysHidden: the row that came and went lay over one in the file, over one that is being
// flushed, over one whose deletion is.
func TestOverlay_WhatIsBeneathStaysHidden(t *testing.T) {
	s := open(t, t.TempDir(), manual)
	put(t, s, "in the file", 1)
	put(t, s, "deleted", 1)
	flush(t, s)
	put(t, s, "on its way", 1)
	update(t, s, func(tx *Tx) { counters.Delete(tx, "deleted") })
	under, file := s.freeze()
	for _, k := range []Key{"in the file", "on its way", "deleted", "nowhere"} {
		put(t, s, k, 2)
		update(t, s, func(tx *Tx) {
			counters.Delete(tx, k)
			if _, had := counters.Get(tx, k); had {
				t.Errorf("%s is there in its own transaction", k)
			}
		})
	}
	none := map[Key]uint64{}
	if got := frozen(s); !maps.Equal(got, none) {
		t.Errorf("before the flush has ended: %v", got)
	}
	thaw(t, s, under, file)
	if got := frozen(s); !maps.Equal(got, none) {
		t.Errorf("behind it: %v", got)
	}
	flush(t, s)
	if got := frozen(s); !maps.Equal(got, none) {
		t.Errorf("in the file: %v", got)
	}
}

// TestFlush_NothingIsLeft: updates that undid each other are durable at once.
func TestFlush_NothingIsLeft(t *testing.T) {
	s := open(t, t.TempDir(), manual)
	put(t, s, "k", 1)
	update(t, s, func(tx *Tx) { counters.Delete(tx, "k") })
	flush(t, s)
	if got := frozen(s); len(got) > 0 {
		t.Error(got)
	}
}

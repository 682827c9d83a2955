package store

import (
	"errors"
	"iter"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"
)

func ids(seq iter.Seq2[Key, task]) (out []string) {
	for k := range seq {
		id, _ := k.PopStr()
		out = append(out, id)
	}
	return out
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestIndex_FollowsItsTable(t *testing.T) {
	s := open(t, t.TempDir(), manual)
	update(t, s, func(tx *Tx) {
		tasks.Put(tx, Str("a"), task{Group: "x", Rank: 3, Tags: []string{"red", "blue"}})
		tasks.Put(tx, Str("b"), task{Group: "x", Rank: 1, Tags: []string{"red"}})
		tasks.Put(tx, Str("c"), task{Group: "y", Rank: 2})
		tasks.Put(tx, Str("d"), task{})
		tasks.Put(tx, Str("e"), task{Group: "x", Rank: 1})
	})
	check := func(when string, want map[string][]string) {
		v := s.View()
		defer v.Close()
		expect(t, when+": x", ids(byGroup.Scan(v, Str("x"))), want["x"]...)
		expect(t, when+": y", ids(byGroup.Scan(v, Str("y"))), want["y"]...)
		expect(t, when+": red", ids(byTag.Scan(v, Str("red"))), want["red"]...)
		expect(t, when+": blue", ids(byTag.Scan(v, Str("blue"))), want["blue"]...)
		down := slices.Clone(want["x"])
		slices.Reverse(down)
		expect(t, when+": x downward", ids(byGroup.Backward(v, Str("x"), "")), down...)
		if n := byGroup.Len(v, ""); n != len(want["x"])+len(want["y"]) {
			t.Errorf("%s: %d positions", when, n)
		}
	}
	check("put", map[string][]string{"x": {"b", "e", "a"}, "y": {"c"}, "red": {"a", "b"}, "blue": {"a"}})
	flush(t, s)
	update(t, s, func(tx *Tx) {
		tasks.Put(tx, Str("a"), task{Group: "y", Rank: 1, Tags: []string{"red"}})
		tasks.Delete(tx, Str("b"))
		tasks.Delete(tx, Str("missing"))
		tasks.Put(tx, Str("d"), task{Group: "x"})
	})
	want := map[string][]string{"x": {"d", "e"}, "y": {"a", "c"}, "red": {"a"}}
	check("moved", want)
	flush(t, s)
	check("flushed", want)
}

func TestIndex_GoesOnFromAPosition(t *testing.T) {
	s := open(t, t.TempDir(), manual)
	update(t, s, func(tx *Tx) {
		for i, id := range []string{"a", "b", "c", "d"} {
			tasks.Put(tx, Str(id), task{Group: "x", Rank: uint64(i / 2)})
		}
	})
	v := s.View()
	defer v.Close()
	x := Str("x")
	at := byGroup.Pos(x.Uint(0), Str("b"))
	expect(t, "after b", ids(byGroup.ScanAfter(v, x, at)), "c", "d")
	expect(t, "before b", ids(byGroup.Backward(v, x, at)), "a")
	expect(t, "rank 1", ids(byGroup.Scan(v, x.Uint(1))), "c", "d")
}

func TestIndex_TheLoopMayMoveWhatItWalks(t *testing.T) {
	s := open(t, t.TempDir(), manual)
	update(t, s, func(tx *Tx) {
		for _, id := range []string{"a", "b", "c"} {
			tasks.Put(tx, Str(id), task{Group: "x"})
		}
		var met []string
		for k, v := range byGroup.Scan(tx, Str("x")) {
			id, _ := k.PopStr()
			met = append(met, id+v.Group)
			v.Rank += 10 // further on in the very index
			tasks.Put(tx, k, v)
			tasks.Delete(tx, Str("c"))
		}
		expect(t, "walked", met, "ax", "bx", "cx")
		expect(t, "left", ids(byGroup.Scan(tx, Str("x").Uint(10))), "a", "b")
	})
}

// unindexed makes the file what another version of the program would have made:
// it lacks an index and has one that nobody declares any more.
func unindexed(t *testing.T, s *Store) {
	t.Helper()
	if err := s.file.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(rowsBucket)
		old := []byte(builtSpace + "tasks/forgotten")
		row := []byte("tasks/forgotten\x00row")
		return errors.Join(dropIndex(b, byGroup.name), b.Put(old, seal(old, nil)), b.Put(row, seal(row, []byte{1})))
	}); err != nil {
		t.Fatal(err)
	}
	put(t, s, "n", 1)
	flush(t, s) // and with it a new generation, which readers see
}

// A version of the program that brings an index finds it built; one that has
// lost an index leaves no stale positions to a later version.
func TestIndex_IsBuiltAndDroppedByOpenAndRestore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, manual)
	update(t, s, func(tx *Tx) {
		tasks.Put(tx, Str("a"), task{Group: "x", Tags: []string{"red"}})
		tasks.Put(tx, Str("b"), task{Group: "x", Rank: 1})
		counters.Put(tx, "n", 1)
	})
	want := snapshot(t, s, "")
	unindexed(t, s)
	other := snapshot(t, s, "")
	if string(other) == string(want) {
		t.Fatal("the state is as it was")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	reopened := open(t, dir, manual)
	restored := open(t, t.TempDir(), manual)
	restore(t, restored, other)
	for name, s := range map[string]*Store{"reopened": reopened, "restored": restored} {
		v := s.View()
		expect(t, name, ids(byGroup.Scan(v, Str("x"))), "a", "b")
		v.Close()
		if got := snapshot(t, s, ""); string(got) != string(want) {
			t.Errorf("the %s state differs from the original", name)
		}
	}
}

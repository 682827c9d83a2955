package fsm

import (
	"slices"
	"testing"

	"stoker/store"
)

// TestTrail: what is remembered is the newest, densely, and of what is older the
// first of each stretch; two machines remember the same.
func TestTrail(t *testing.T) {
	var tr trail
	tr.reset(Footprint{})
	const n = denseMarks + 3*coarseEvery
	for i := uint64(1); i <= n; i++ {
		tr.add([]Footprint{{Index: i, Hash: [32]byte{byte(i), byte(i >> 8), byte(i >> 16)}}})
	}
	all := tr.all()
	if !slices.IsSortedFunc(all, func(a, b Footprint) int { return int(a.Index) - int(b.Index) }) {
		t.Fatal("the trail is out of order")
	}
	if len(all) != denseMarks+3 || all[0].Index != coarseEvery || all[len(all)-1].Index != n {
		t.Errorf("%d marks from %d to %d", len(all), all[0].Index, all[len(all)-1].Index)
	}
	m := &Machine{}
	m.trail.reset(Footprint{})
	m.trail.add(all)
	for _, f := range all {
		if sum, ok := m.HashAt(f.Index); !ok || sum != f.Hash {
			t.Fatalf("the hash at %d is %x, %v", f.Index, sum, ok)
		}
	}
	if _, ok := m.HashAt(coarseEvery + 1); ok {
		t.Error("a hash that was given up is known")
	}
	if _, ok := m.HashAt(n + 1); ok {
		t.Error("a hash of the future is known")
	}
	many := trail{}
	for i := range uint64(coarseMarks + 10) {
		many.add([]Footprint{{Index: (i + 1) * coarseEvery}})
	}
	if len(many.coarse) > coarseMarks {
		t.Errorf("%d coarse marks are kept", len(many.coarse))
	}
}

// TestHash_rows: a row that one machine wrote otherwise, without a word in any
// answer, shows in the hash of that very entry; one that goes wrong later shows
// when the rows are read.
func TestHash_rows(t *testing.T) {
	log := game(t, 11, 120)
	const bad = 80
	a, b := openMachine(t, t.TempDir()), openMachine(t, t.TempDir())
	a.Apply(log)
	spoil = func(tx *Tx) {
		if tx.m.Index == log[bad].Index {
			u, _ := users.Get(tx, store.Str("u1"))
			u.Credits++
			users.Put(tx.Tx, store.Str("u1"), u)
		}
	}
	defer func() { spoil = nil }()
	b.Apply(log[:bad+1]) // what comes after may well fail on such a state
	spoil = nil
	for i, e := range log[:bad+1] {
		ha, okA := a.HashAt(e.Index)
		hb, okB := b.HashAt(e.Index)
		if !okA || !okB || (ha == hb) != (i < bad) {
			t.Fatalf("at entry %d of %d the hashes are %x and %x", i, bad, ha[:4], hb[:4])
		}
	}
	for _, m := range []*Machine{a, b} {
		v := m.View()
		if n, err := v.Scrub(nil); err != nil || n == 0 {
			t.Errorf("%d rows, as they were written, are found to be wrong: %v", n, err)
		}
		v.Close()
	}

	err := a.store.Update(func(tx *store.Tx) error {
		u, _ := users.Get(tx, store.Str("u1"))
		u.Credits++
		users.Put(tx, store.Str("u1"), u)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	v := a.View()
	defer v.Close()
	if _, err := v.Scrub(nil); err == nil {
		t.Error("a row that was changed behind the machine's back is not found")
	}
}

// TestDigest_upgrade: a cluster that is raised to level 2 with much in it carries
// the same digest from there on as its rows give, and before none.
func TestDigest_upgrade(t *testing.T) {
	w := newWorld(t)
	begin := genesis(DefaultSettings())
	begin.Level = 1
	must(w, begin)
	must(w, SignIn{NewID: "u1"})
	w.queued("u1", "j1", 2)
	v := w.m.View()
	if _, carried := v.Digest(); carried {
		t.Error("a digest at level 1")
	}
	v.Close()
	must(w, Upgrade{To: 2})
	must(w, Lease{Wants: []Want{{Worker: "w1", Max: 4}}})
	v = w.m.View()
	defer v.Close()
	if _, carried := v.Digest(); !carried {
		t.Fatal("no digest at level 2")
	}
	if n, err := v.Scrub(nil); err != nil || n == 0 {
		t.Errorf("%d rows: %v", n, err)
	}
}

// TestHash_answers: nodes that answer differently do not pass for equal, though they have written the same rows.
func TestHash_answers(t *testing.T) {
	a, b := newWorld(t), newWorld(t)
	for _, w := range []*world{a, b} {
		must(w, genesis(DefaultSettings()))
		must(w, SignIn{NewID: "u1"})
	}
	kind := kindOf(CreateRule{})
	honest := byKind[kind]
	defer func() { byKind[kind] = honest }()
	rule := func(w *world) { ask(w, CreateRule{User: "u1", ID: "r1", Preset: "garden"}) }
	rule(a)
	other := honest
	other.apply = func(*Tx, []byte) ([]byte, error) { return nil, Refuse(Forbidden, "for another reason") }
	byKind[kind] = other
	rule(b)
	_, one := a.m.Hash()
	_, two := b.m.Hash()
	if one == two {
		t.Error("two machines refused for two reasons and have one hash")
	}
	if string(image(t, a.m)) == string(image(t, b.m)) {
		t.Error("the hash is not in the state")
	}
}

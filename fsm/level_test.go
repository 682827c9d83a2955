package fsm

import (
	"bytes"
	"errors"
	"testing"
)

// TestUpgrade_tooNew: a level that this binary does not understand stops it
// before it writes anything: its place in the cluster is with the newer binary.
func TestUpgrade_tooNew(t *testing.T) {
	var fatal []error
	m, err := Open(t.TempDir(), Options{Fatal: func(err error) { fatal = append(fatal, err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	w := &world{t: t, m: m, term: 1, dry: 1}
	must(w, genesis(DefaultSettings()))
	at := m.Index()
	m.Apply([]Entry{w.entry(Propose(Upgrade{To: Level + 1}))})
	if len(fatal) != 1 || !errors.Is(fatal[0], errTooNew) || m.Index() != at || m.Level() != Level {
		t.Errorf("told %v; at %d of level %d, was at %d", fatal, m.Index(), m.Level(), at)
	}
}

// TestOpen_tooNew: neither a folder nor a snapshot of a newer level is worked on.
func TestOpen_tooNew(t *testing.T) {
	dir := t.TempDir()
	m, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, m: m, term: 1, dry: 1}
	must(w, genesis(DefaultSettings()))
	m.meta.Level = Level + 1
	must(w, SignIn{NewID: "u1"}) // writes the machine's row
	newer := image(t, m)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, errTooNew) {
		t.Errorf("a folder of a newer level is opened: %v", err)
	}
	other := openMachine(t, t.TempDir())
	if err := other.Restore(bytes.NewReader(newer)); !errors.Is(err, errTooNew) {
		t.Errorf("a snapshot of a newer level is restored: %v", err)
	}
}

// TestLevel_old: a cluster of the time before levels keeps its bytes: nothing of
// a newer level is in them until it is raised.
func TestLevel_old(t *testing.T) {
	w := newWorld(t)
	begin := genesis(DefaultSettings())
	begin.Level = 0
	must(w, begin)
	if v := w.m.View(); v.Level() != 1 || v.meta.Level != 0 {
		t.Errorf("it began at level %d, written as %d", v.Level(), v.meta.Level)
	} else {
		v.Close()
	}
	if u := must(w, Upgrade{To: 2}); u.Level != 2 || w.m.Level() != 2 {
		t.Errorf("raised to 2 it is at %d, %d", u.Level, w.m.Level())
	}
}

package fsm

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestClock_neverBack: a leader whose clock is behind cannot turn time back.
func TestClock_neverBack(t *testing.T) {
	w := newWorld(t)
	w.clock = 1000
	must(w, genesis(DefaultSettings()))
	w.clock = 10
	must(w, SignIn{NewID: "u1"})
	if w.m.Clock() != dawn+1000 {
		t.Errorf("the clock is at %d after stamps of 1000 and 10", w.m.Clock()-dawn)
	}
	v := w.m.View()
	defer v.Close()
	if v.Wall() != summer+1000 || v.Clock() != dawn+1000 || v.Epoch() != 1 || v.ClusterID() != "c1" {
		t.Errorf("view at wall %d, clock %d, epoch %d of %s", v.Wall()-summer, v.Clock()-dawn, v.Epoch(), v.ClusterID())
	}
}

// TestApply_unknownKind: a command of a newer version stops the node before it
// writes anything, and it stays stopped.
func TestApply_unknownKind(t *testing.T) {
	var fatal []error
	m, err := Open(t.TempDir(), Options{Fatal: func(err error) { fatal = append(fatal, err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	w := &world{t: t, m: m, term: 1, dry: 1}
	must(w, genesis(DefaultSettings()))
	before := image(t, m)
	out := m.Apply([]Entry{w.entry(Propose(SignIn{NewID: "u1"})), w.entry(Proposal{Kind: 60000})})
	if len(out) != 2 || out[0] != nil || out[1] != nil {
		t.Errorf("outcomes %v of entries that were not applied", out)
	}
	if len(fatal) != 1 || !errors.Is(fatal[0], errUnknownKind) {
		t.Errorf("the node is told %v", fatal)
	}
	if m.Apply([]Entry{w.entry(Propose(SignIn{NewID: "u2"}))})[0] != nil {
		t.Error("a stopped machine applies")
	}
	if !slices.Equal(image(t, m), before) {
		t.Error("a stopped machine has written")
	}
}

// TestSnapshot_holdsNothingUp: while a snapshot waits for the disk commands are applied, and others are told where the machine is.
// It has all that was applied before it was asked for, and is of one index.
func TestSnapshot_holdsNothingUp(t *testing.T) {
	entered, release := make(chan bool), make(chan bool)
	m, err := Open(t.TempDir(), Options{Guard: func() (func(), error) {
		select {
		case entered <- true:
			<-release
		case <-release: // the disk is well again
		}
		return func() {}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, m: m, term: 1, dry: 1}
	must(w, genesis(DefaultSettings()))
	before := m.Index()
	made := make(chan error)
	go func() {
		s, err := m.Snapshot()
		if err == nil {
			if v := s.View(); s.Index < before || v.Index() != s.Index {
				err = fmt.Errorf("a snapshot at %d of a view at %d, asked for at %d", s.Index, v.Index(), before)
			}
			s.Close()
		}
		made <- err
	}()
	<-entered
	said := make(chan uint64)
	go func() {
		must(w, SignIn{NewID: "u1"})
		at, _ := m.Hash()
		said <- at
	}()
	select {
	case at := <-said:
		if at != m.Index() || at == before {
			t.Errorf("it is said to be at %d, and is at %d; it was at %d", at, m.Index(), before)
		}
	case <-time.After(10 * time.Second):
		t.Error("nothing is applied, or told, while the disk is waited for")
	}
	close(release)
	if err := errors.Join(<-made, m.Close()); err != nil {
		t.Error(err)
	}
}

// TestSubscribe_order: listeners hear of what is visible already, in order.
func TestSubscribe_order(t *testing.T) {
	w := newWorld(t)
	must(w, genesis(DefaultSettings()))
	must(w, SignIn{NewID: "u1"})
	var heard []Changes
	w.m.Subscribe(func(c Changes) {
		v := w.m.View()
		defer v.Close()
		if v.Index() < c.Index {
			t.Errorf("told of %d, the view is at %d", c.Index, v.Index())
		}
		heard = append(heard, c)
	})
	w.queued("u1", "j1", 2)
	must(w, Lease{Wants: []Want{{Worker: "w1", Max: 4}}})
	must(w, Report{Fence: 1, Results: []ItemResult{{Idx: 0, Done: true}}})
	must(w, Report{Fence: 1, Results: []ItemResult{{Idx: 1, Done: true}}})

	n := len(heard)
	for i, c := range heard {
		if i > 0 && c.Index != heard[i-1].Index+1 || c.Clock != w.m.Clock() {
			t.Errorf("told of %d after %d", c.Index, heard[i-1].Index)
		}
	}
	queued, granted, half, done := heard[n-4], heard[n-3], heard[n-2], heard[n-1]
	if !queued.Ready || !slices.Equal(queued.Jobs, []string{"j1"}) || queued.NextTimer == 0 {
		t.Errorf("the execution is told as %+v", queued)
	}
	if l := granted.Leases; len(l) != 1 || l[0].Fence != 1 || l[0].Ended || l[0].Confirmed {
		t.Errorf("the grant is told as %+v", granted.Leases)
	}
	if l := half.Leases; len(l) != 1 || l[0].Fence != 1 || l[0].Ended || !l[0].Confirmed || !slices.Equal(half.Jobs, []string{"j1"}) {
		t.Errorf("a result is told as %+v of %v", half.Leases, half.Jobs)
	}
	if l := done.Leases; len(l) == 0 || l[len(l)-1].Fence != 1 || !l[len(l)-1].Ended {
		t.Errorf("the last result is told as %+v", done.Leases)
	}
}

// TestLease_name: a lease's name on the wire is its fence and nothing else.
func TestLease_name(t *testing.T) {
	for _, fence := range []uint64{1, 42, 1<<64 - 1} {
		if got, ok := ParseLease(LeaseRow{Fence: fence}.ID()); !ok || got != fence {
			t.Errorf("%d is named %s and read as %d", fence, LeaseRow{Fence: fence}.ID(), got)
		}
	}
	for _, bad := range []string{"", "ls_", "ls_0", "ls_-1", "ls_1x", "lx_1", "1", "ls_99999999999999999999"} {
		if _, ok := ParseLease(bad); ok {
			t.Errorf("%q is read as a lease", bad)
		}
	}
}

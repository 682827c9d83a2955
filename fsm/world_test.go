package fsm

import (
	"bytes"
	"testing"
	"time"

	"stoker/store"
)

// dawn is the machine's clock at "0s" of every test: far from zero, so that a
// deadline nobody set cannot pass for one that is due.
const dawn = int64(1000 * time.Hour)

// summer is the wall clock at dawn.
const summer = int64(1_750_000_000_000_000_000)

// world is one machine under test and the hand that feeds it entries.
type world struct {
	t     testing.TB
	m     *Machine
	index uint64
	term  uint64
	clock int64  // stamp of the next entry, from dawn
	slow  int64  // the stamp is behind by it, where that is no less time than had passed: the clock of a leader that took over
	stamp int64  // clock of the last entry
	seed  uint64 // chance of the next entries

	// dry says which refusals are proven to have written nothing: every dry-th; 0: none.
	dry, refused int

	last Entry // that was applied
}

func newWorld(t testing.TB) *world {
	return &world{t: t, m: openMachine(t, t.TempDir()), index: 0, term: 1, dry: 1}
}

func openMachine(t testing.TB, dir string) *Machine {
	t.Helper()
	return openWatched(t, dir, nil)
}

func openWatched(t testing.TB, dir string, watch func(table string, k store.Key, was, is []byte)) *Machine {
	t.Helper()
	m, err := Open(dir, Options{Watch: watch, Fatal: func(err error) { t.Errorf("the machine stopped: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return m
}

// entry makes the next entry of the log.
func (w *world) entry(ps ...Proposal) Entry {
	w.index++
	at := w.clock
	if w.clock == w.stamp { // the machine's clock is there already and stays
		at -= w.slow
	}
	w.stamp = w.clock
	b := Batch{Stamp: dawn + at, Wall: summer + at, Proposals: ps, Seed: w.seed}
	return Entry{Index: w.index, Term: w.term, Data: b.Encode()}
}

// propose applies proposals as one entry. When all of them are refused it
// proves that nothing was written.
func (w *world) propose(ps ...Proposal) []Outcome {
	w.t.Helper()
	var before *View
	if w.dry > 0 {
		before = w.m.View()
		defer before.Close()
	}
	w.last = w.entry(ps...)
	out := w.m.Apply([]Entry{w.last})[0]
	if len(out) != len(ps) {
		w.t.Fatalf("%d outcomes of %d proposals", len(out), len(ps))
	}
	for _, o := range out {
		if o.Refusal == nil {
			return out
		}
	}
	if w.refused++; w.dry > 0 && len(ps) > 0 && w.refused%w.dry == 0 {
		after := w.m.View()
		defer after.Close()
		for _, table := range tables {
			if !table.bookkeeping && !bytes.Equal(table.dump(before), table.dump(after)) {
				w.t.Errorf("%s refused with %s, yet table %s has changed", CommandName(ps[0].Kind), out[0].Refusal.Code, table.name)
			}
		}
	}
	return out
}

// ask applies one command and returns its answer or refusal.
func ask[A any](w *world, c Command[A]) (A, *Refusal) {
	w.t.Helper()
	a, err := Answer(c, w.propose(Propose(c))[0])
	if r, refused := err.(*Refusal); refused {
		return a, r
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return a, nil
}

// must is ask for what may not be refused.
func must[A any](w *world, c Command[A]) A {
	w.t.Helper()
	a, r := ask(w, c)
	if r != nil {
		w.t.Fatalf("%T: %v", c, r)
	}
	return a
}

// genesis is what tests begin a cluster with.
func genesis(s Settings) Genesis {
	return Genesis{
		ClusterID: "c1", SealedCA: []byte("sealed"),
		JWTKeys: []Secret{{ID: "k1", Sealed: []byte("sealed")}}, ObjectKey: Secret{ID: "a1", Sealed: []byte("sealed")},
		AdminTokens: [][32]byte{{1}}, WorkerTokens: [][32]byte{{2}},
		FirstSettings: s, Level: Level,
	}
}

// input is the record of an uploaded picture.
func input(user, job string, idx int) Object {
	key := Job{ID: job, User: user}.InputKey(idx)
	return Object{Bucket: "photos", Key: key, Upload: "up1", Size: 9, SHA256: []byte{1}, MD5: []byte{2}, Nodes: []string{"n1"}}
}

var walls = map[string]Concept{"Wall": {Action: "recolor", Value: "white"}}

// queued brings a new job of a user to the queue.
func (w *world) queued(user, job string, n int) {
	w.t.Helper()
	must(w, CreateJob{User: user, ID: job, Preset: "interior", Items: int64(n)})
	for i := range n {
		must(w, PutObject{Object: input(user, job, i)})
	}
	must(w, ConfirmUpload{User: user, Job: job})
	must(w, ExecuteJob{User: user, Job: job, Concepts: walls})
}

// image is the state as snapshot bytes.
func image(t testing.TB, m *Machine) []byte {
	t.Helper()
	s, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

package fsm

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// game records the log of a random game of some length.
func game(t testing.TB, seed uint64, entries int) []Entry {
	r := rand.New(rand.NewPCG(seed, 3))
	d := newDriver(t, func() byte { return byte(r.Uint32()) })
	d.dry, d.blind = 1<<20, true
	for len(d.log) < entries && !d.stop {
		d.step()
	}
	d.flush()
	return d.log
}

// TestDeterminism: the same log gives the same bytes, answers and hash, however
// its entries were grouped, and whether or not the state went through a
// snapshot, a restart and another folder on the way.
func TestDeterminism(t *testing.T) {
	log := game(t, 7, 700)
	one := openMachine(t, filepath.Join(t.TempDir(), "one"))
	var want [][]byte
	for _, e := range log {
		want = append(want, outcomes(one.Apply([]Entry{e})[0]))
	}

	r := rand.New(rand.NewPCG(8, 8))
	two := openMachine(t, filepath.Join(t.TempDir(), "two"))
	half := len(log) / 2
	replay(t, two, log[:half], want, r)
	snap := image(t, two)
	if index, err := ReadSnapshotIndex(bytes.NewReader(snap)); err != nil || index != log[half-1].Index {
		t.Fatalf("the snapshot is of index %d (%v), the log of %d", index, err, log[half-1].Index)
	}

	// A fresh machine that has seen something else before goes on from there …
	three := openMachine(t, filepath.Join(t.TempDir(), "three"))
	three.Apply(log[:3])
	if err := three.Restore(bytes.NewReader(snap)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(image(t, three), snap) {
		t.Error("a restored machine writes another snapshot than the one it was restored from")
	}
	most := half + half/2
	replay(t, three, log[:most], want, r) // what it has applied is skipped

	// … is closed, moved and opened elsewhere.
	old := filepath.Join(t.TempDir(), "old")
	four, err := Open(old, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := four.Restore(bytes.NewReader(image(t, three))); err != nil {
		t.Fatal(err)
	}
	if err := four.Close(); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(old, moved); err != nil {
		t.Fatal(err)
	}
	four = openMachine(t, moved)
	if four.Index() != log[most-1].Index || four.Clock() != three.Clock() {
		t.Errorf("reopened at index %d, clock %d; closed at %d, %d", four.Index(), four.Clock(), log[most-1].Index, three.Clock())
	}
	replay(t, four, log, want, r)

	if !bytes.Equal(image(t, one), image(t, four)) {
		t.Error("the two states differ")
	}
	i1, h1 := one.Hash()
	i4, h4 := four.Hash()
	if i1 != i4 || h1 != h4 || h1 == [32]byte{} {
		t.Errorf("hash %x at %d and %x at %d", h1, i1, h4, i4)
	}
}

// replay applies entries in groups of random size and compares the outcomes.
func replay(t *testing.T, m *Machine, log []Entry, want [][]byte, r *rand.Rand) {
	t.Helper()
	applied := m.Index()
	for at := 0; at < len(log); {
		n := min(1+r.IntN(17), len(log)-at)
		for i, out := range m.Apply(log[at : at+n]) {
			e := log[at+i]
			if e.Index <= applied {
				if out != nil {
					t.Fatalf("entry %d is applied at %d", e.Index, applied)
				}
				continue
			}
			if !bytes.Equal(outcomes(out), want[at+i]) {
				t.Fatalf("entry %d is answered %x, first %x", e.Index, outcomes(out), want[at+i])
			}
		}
		at += n
	}
}

func outcomes(list []Outcome) []byte {
	var b []byte
	for _, o := range list {
		b = append(b, o.Encode()...)
	}
	return b
}

// TestHash_diverges: another answer or entry gives another hash, from there on.
func TestHash_diverges(t *testing.T) {
	log := game(t, 9, 60)
	a, b := openMachine(t, t.TempDir()), openMachine(t, t.TempDir())
	a.Apply(log)
	for i, e := range log {
		if i == len(log)/2 {
			batch, err := decodeBatch(e.Data)
			if err != nil {
				t.Fatal(err)
			}
			batch.Wall++
			e.Data = batch.Encode()
		}
		b.Apply([]Entry{e})
	}
	_, ha := a.Hash()
	_, hb := b.Hash()
	if ha == hb {
		t.Error("two different logs have one hash")
	}
}

// TestRestore_broken: a stream that is cut or altered leaves the state as it was.
func TestRestore_broken(t *testing.T) {
	log := game(t, 5, 80)
	a, b := openMachine(t, t.TempDir()), openMachine(t, t.TempDir())
	a.Apply(log)
	b.Apply(log[:20])
	before, snap := image(t, b), image(t, a)
	for _, bad := range [][]byte{nil, snap[:len(snap)/2], snap[:len(snap)-1], append(bytes.Clone(snap[:len(snap)-1]), snap[len(snap)-1]^1)} {
		if err := b.Restore(bytes.NewReader(bad)); err == nil {
			t.Errorf("a broken stream of %d of %d bytes was restored", len(bad), len(snap))
		}
		if !bytes.Equal(image(t, b), before) || b.Index() != log[19].Index {
			t.Fatal("a broken stream changed the state")
		}
	}
	b.Apply(log[20:])
	if !bytes.Equal(image(t, b), snap) {
		t.Error("after a failed restore the log gives another state")
	}
}

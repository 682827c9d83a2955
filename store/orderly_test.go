package store

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// TestOrderly: a file that was closed in order is taken at its word, once; one that was written to since is read, and so is one
// whose store was never closed.
func TestOrderly(t *testing.T) {
	dir, used, want := worn(t)
	state, word := filepath.Join(dir, stateName), filepath.Join(dir, orderlyName)
	if _, err := os.Stat(word); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, manual)
	if got := frozen(s); !maps.Equal(got, want) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
	if _, err := os.Stat(word); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("while the store is open its file is said to be closed: %v", err)
	}
	crashed := t.TempDir() // as it lies there if the process were killed now
	image, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for at := used / 4; at < used; at++ { // zeros where pages are
		image[at] = 0
	}
	if err := os.WriteFile(filepath.Join(crashed, stateName), image, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(crashed, manual); !errors.Is(err, ErrTorn) {
		t.Errorf("a damaged file of a store that was killed: %v", err)
	}
	f, err := os.OpenFile(state, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(image[used/4:used], used/4); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, manual); !errors.Is(err, ErrTorn) {
		t.Errorf("a file that was damaged after it was closed in order: %v", err)
	}
}

// TestOrderly_isTaken: whether a file is read shows in one whose damage does not: its time was put back by hand, which is what no
// disk, program or restore does.
func TestOrderly_isTaken(t *testing.T) {
	dir, used, _ := worn(t)
	state := filepath.Join(dir, stateName)
	before, err := os.Stat(state)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(state, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	damaged := false
	for at := used - 1; at > used/2 && !damaged; at -= 997 { // in a row, where bbolt does not look when it opens
		if _, err := f.WriteAt([]byte{0xff}, at); err != nil {
			t.Fatal(err)
		}
		damaged = errors.Is(verify(state), ErrTorn)
	}
	if !damaged {
		t.Fatal("no damage was found")
	}
	if err := os.Chtimes(state, before.ModTime(), before.ModTime()); err != nil {
		t.Fatal(err)
	}
	orderly, err := takeOrderly(dir)
	if err != nil || !orderly {
		t.Fatalf("%v, %v: the file has the size and time that it was left with", orderly, err)
	}
	if orderly, err := takeOrderly(dir); err != nil || orderly {
		t.Errorf("%v, %v: the word was taken already", orderly, err)
	}
	if _, err := Open(dir, manual); !errors.Is(err, ErrTorn) {
		t.Errorf("without the word it is read: %v", err)
	}
}

// TestOrderly_waitsForTheLastReader: the word is given when the last view of a closed store goes, and before anybody else can have
// the file.
func TestOrderly_waitsForTheLastReader(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, manual)
	update(t, s, func(tx *Tx) { counters.Put(tx, Uint(1), 1) })
	v := s.View()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, orderlyName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a view is open, and the file is said to be closed: %v", err)
	}
	v.Close()
	if orderly, err := takeOrderly(dir); err != nil || !orderly {
		t.Errorf("%v, %v", orderly, err)
	}
}

// TestOrderly_afterARestore: the word is left beside the name that the restored file has got since it was opened.
func TestOrderly_afterARestore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, manual)
	restore(t, s, snapshotOf(t, map[Key]uint64{"k": 3}))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if orderly, err := takeOrderly(dir); err != nil || !orderly {
		t.Errorf("%v, %v", orderly, err)
	}
}

// TestOrderly_aCommitShows: also where the file's time does not tell of it, as after a power loss.
func TestOrderly_aCommitShows(t *testing.T) {
	dir, _, _ := worn(t)
	state, word := filepath.Join(dir, stateName), filepath.Join(dir, orderlyName)
	said, err := os.ReadFile(word)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(state)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, manual) // which commits
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(word, said, 0o600), os.Chtimes(state, before.ModTime(), before.ModTime())); err != nil {
		t.Fatal(err)
	}
	if orderly, err := takeOrderly(dir); err != nil || orderly {
		t.Errorf("%v, %v: a commit has been made since", orderly, err)
	}
}

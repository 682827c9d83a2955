package store

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// killed is a folder as a process leaves it that is killed: s goes on, and nobody else may open the file until it is closed.
func killed(t *testing.T, s *Store) {
	t.Helper()
	b, f := s.retire()
	close(s.stop)
	<-s.done
	b.release()
	f.release() // not in order
}

// vouchedFor says whether there is a word for the file in dir.
func vouchedFor(t *testing.T, dir string) bool {
	t.Helper()
	said, err := os.ReadFile(filepath.Join(dir, vouchedName))
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	is, werr := wordFor(filepath.Join(dir, stateName))
	if err := errors.Join(err, werr); err != nil {
		t.Fatal(err)
	}
	return is == string(said)
}

// knowsIncarnations is false where there are no words: the file is read then, which other tests show.
func knowsIncarnations(dir string) bool {
	return incarnation(filepath.Join(dir, stateName)) != ""
}

// TestVouched: a store that is killed is opened without being read, once; then it must be read or vouched for.
func TestVouched(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, manual)
	if !knowsIncarnations(dir) {
		t.Log("this system does not tell files and runs of the machine apart")
		return
	}
	put(t, s, "k", 1)
	flush(t, s)
	if !vouchedFor(t, dir) {
		t.Fatal("an empty file is right")
	}
	killed(t, s)
	s = open(t, dir, manual)
	if vouchedFor(t, dir) {
		t.Error("the word was taken, and nobody has read the rows since")
	}
	if err := s.Vouch(); err != nil {
		t.Fatal(err)
	}
	if want := (map[Key]uint64{"k": 1}); !maps.Equal(frozen(s), want) {
		t.Errorf("%v, want %v", frozen(s), want)
	}
	if !vouchedFor(t, dir) {
		t.Error("it was vouched for")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if vouchedFor(t, dir) {
		t.Error("a file that was closed in order may be changed by anybody: the other word speaks for it")
	}
}

// TestVouched_readAtTheSecondStart: damage that ends the process, and that no reading has found, is found at the start after next.
func TestVouched_readAtTheSecondStart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, manual)
	if !knowsIncarnations(dir) {
		return
	}
	put(t, s, "k", 1)
	flush(t, s)
	if err := s.file.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(rowsBucket).Put([]byte(counters.space+"k"), []byte("nonsense"))
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.speak(); err != nil { // as if it had been the disk
		t.Fatal(err)
	}
	killed(t, s)
	s = open(t, dir, manual)
	if s.Trusted() {
		t.Error("nobody has read it")
	}
	killed(t, s)
	if _, err := Open(dir, manual); !errors.Is(err, ErrTorn) {
		t.Errorf("got %v, want ErrTorn", err)
	}
}

// TestVouched_aCopyIsAnother: what is put in the file's place is read, and so is the file after another start of the machine.
func TestVouched_aCopyIsAnother(t *testing.T) {
	for name, change := range map[string]func(state, word string) error{
		"a copy": func(state, _ string) error {
			b, err := os.ReadFile(state)
			return errors.Join(err, os.Remove(state), os.WriteFile(state, b, 0o600))
		},
		"a copy over it": func(state, _ string) error {
			b, err := os.ReadFile(state)
			return errors.Join(err, os.WriteFile(state, b, 0o600))
		},
		"an older copy over it, with the time of it": func(state, _ string) error {
			s, err := os.Stat(state)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(state)
			b[len(b)/2] ^= 1
			long := s.ModTime().Add(-time.Hour)
			return errors.Join(err, os.WriteFile(state, b, 0o600), os.Chtimes(state, long, long))
		},
		"another boot": func(_, word string) error {
			b, err := os.ReadFile(word)
			b[len("boot ")] ^= 1
			return errors.Join(err, os.WriteFile(word, b, 0o600))
		},
		"half a word": func(_, word string) error { return os.Truncate(word, 20) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, manual)
			if !knowsIncarnations(dir) {
				return
			}
			put(t, s, "k", 1)
			flush(t, s)
			killed(t, s)
			if err := change(filepath.Join(dir, stateName), filepath.Join(dir, vouchedName)); err != nil {
				t.Fatal(err)
			}
			if vouched, err := takeVouched(dir); err != nil || vouched {
				t.Errorf("%v, %v", vouched, err)
			}
		})
	}
}

// TestVouched_whatIsMadeAnew: a file that was restored or compacted is another, and right.
func TestVouched_whatIsMadeAnew(t *testing.T) {
	for name, make := range map[string]func(*Store) error{
		"compacted": func(s *Store) error { return s.Compact(t.Context()) },
		"restored": func(s *Store) error {
			_, err := s.Restore(bytes.NewReader(snapshotOf(t, map[Key]uint64{"k": 3})))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, manual)
			put(t, s, "k", 1)
			flush(t, s)
			if err := make(s); err != nil {
				t.Fatal(err)
			}
			if knowsIncarnations(dir) && !vouchedFor(t, dir) {
				t.Error("nobody vouches for it")
			}
			killed(t, s)
			open(t, dir, manual)
		})
	}
}

// TestVouched_aFailedFlush: whatever the disk has lost, the next start looks.
func TestVouched_aFailedFlush(t *testing.T) {
	dir := t.TempDir()
	o := manual
	o.Fatal = func(error) {}
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() // it says again why it has failed
	put(t, s, "k", 1)
	flush(t, s)
	if knowsIncarnations(dir) && !vouchedFor(t, dir) {
		t.Error("nobody vouches for a new file")
	}
	s.fail(errors.New("the disk is broken"))
	s.mustSpeak() // it was about to
	if vouchedFor(t, dir) {
		t.Error("the word was not withdrawn")
	}
}

// holed makes a store in a file of which most is free.
func holed(t *testing.T, dir string) *Store {
	t.Helper()
	s := open(t, dir, manual)
	for n := range uint64(3000) {
		update(t, s, func(tx *Tx) { tasks.Put(tx, Uint(n), task{Tags: []string{string(make([]byte, 8000))}}) })
	}
	flush(t, s)
	update(t, s, func(tx *Tx) {
		for n := range uint64(2900) {
			tasks.Delete(tx, Uint(n))
		}
	})
	flush(t, s)
	put(t, s, "k", 1)
	flush(t, s)
	return s
}

// listed says whether the newest transaction of a store's file names a list of free pages.
func listed(t *testing.T, dir string) bool {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, stateName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, newest := pages{file: f, size: os.Getpagesize()}, uint64(noFreelist)
	for txid := range uint64(100) {
		if page, err := w.freelistOf(txid); err == nil {
			newest = page
		}
	}
	return newest != noFreelist
}

// TestFreelist: the next open finds every free page, and visits no other for that, whether the store was killed or closed.
func TestFreelist(t *testing.T) {
	dir := t.TempDir()
	s := holed(t, dir)
	before := s.Stats().FreeBytes
	if !listed(t, dir) || before < 2900*8000 {
		t.Errorf("in the file: %v; %d bytes are free", listed(t, dir), before)
	}
	killed(t, s)
	s = open(t, dir, manual)
	if !listed(t, dir) {
		t.Error("a store that was opened and has written nothing has no list in its file: the next open visits every page")
	}
	if after := int64(s.file.db.Stats().FreePageN * os.Getpagesize()); after < 2900*8000 {
		t.Errorf("%d bytes are free, before %d", after, before)
	}
}

// TestFreelist_long: a list that is too long for each commit is not written by them, and once when the store is closed in order.
func TestFreelist_long(t *testing.T) {
	defer func(most int) { freelistMost = most }(freelistMost)
	freelistMost = 1000
	dir := t.TempDir()
	s := holed(t, dir)
	before := s.Stats().FreeBytes
	if listed(t, dir) {
		t.Errorf("each commit writes a list of %d bytes", 8*before/int64(os.Getpagesize()))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !listed(t, dir) {
		t.Error("a store that was closed in order has no list in its file: the next open visits every page")
	}
	s = open(t, dir, manual)
	if after := int64(s.file.db.Stats().FreePageN * os.Getpagesize()); after < 2900*8000 {
		t.Errorf("%d bytes are free, before %d", after, before)
	}
	v := s.View()
	if n, _ := counters.Get(v, "k"); n != 1 {
		t.Errorf("k is %d", n)
	}
	v.Close()
	put(t, s, "k", 2)
	flush(t, s)
	if listed(t, dir) {
		t.Error("the list that is in the file is of an earlier transaction, or each commit writes it")
	}
}

// TestVouched_noRoomForTheWord: a state that can be read is opened, whatever becomes of the word.
func TestVouched_noRoomForTheWord(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, manual)
	put(t, s, "k", 1)
	flush(t, s)
	killed(t, s)
	word := filepath.Join(dir, vouchedName)
	if err := errors.Join(os.RemoveAll(word), os.Symlink(filepath.Join(dir, "nowhere", "at", "all"), word)); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, manual)
	if want := (map[Key]uint64{"k": 1}); !maps.Equal(frozen(s), want) {
		t.Errorf("%v, want %v", frozen(s), want)
	}
}

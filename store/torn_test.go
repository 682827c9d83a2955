package store

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// worn writes a state of a few levels of pages, an overflowing one among them,
// and returns its folder, how many bytes of the file are in use and its rows.
func worn(t *testing.T) (dir string, used int64, rows map[Key]uint64) {
	dir = t.TempDir()
	s, err := Open(dir, manual)
	if err != nil {
		t.Fatal(err)
	}
	for round := range uint64(3) {
		update(t, s, func(tx *Tx) {
			for n := range uint64(400) {
				counters.Put(tx, Uint(n*n), n*round)
			}
			tasks.Put(tx, "big", task{Tags: []string{string(bytes.Repeat([]byte("x"), 9000))}})
		})
		flush(t, s)
	}
	rows = frozen(s)
	if err := s.file.db.View(func(tx *bolt.Tx) error { used = tx.Size(); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, used, rows
}

// Every damage is found, or it is in bytes that nothing refers to.
func TestOpen_DamageIsTornOrHarmless(t *testing.T) {
	dir, used, want := worn(t)
	path := filepath.Join(dir, stateName)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	harmless, torn := 0, 0
	b := make([]byte, 1)
	for at := int64(0); at < used; at += 37 {
		if _, err := f.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{b[0] ^ 0x41}, at); err != nil {
			t.Fatal(err)
		}
		switch err := verify(path); {
		case errors.Is(err, ErrTorn):
			torn++
		case err != nil:
			t.Fatalf("byte %d: %v", at, err)
		default:
			if harmless++; harmless%200 == 1 {
				stillHolds(t, path, want)
			}
		}
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	if torn < 100 || harmless < 100 {
		t.Errorf("%d of %d found", torn, torn+harmless)
	}
	if err := verify(path); err != nil {
		t.Errorf("undamaged: %v", err)
	}
}

// stillHolds opens a copy, since opening writes.
func stillHolds(t *testing.T, path string, want map[Key]uint64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, stateName), b, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, manual)
	if got := frozen(s); !maps.Equal(got, want) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpen_ATornFileIsReportedAndCanBeRemoved(t *testing.T) {
	for name, damage := range map[string]func(path string, used int64) error{
		"cut off":      func(path string, used int64) error { return os.Truncate(path, used-4096) },
		"cut to a bit": func(path string, used int64) error { return os.Truncate(path, 100) },
		"zeroed end": func(path string, used int64) error {
			return errors.Join(os.Truncate(path, used/2), os.Truncate(path, used))
		},
		"not ours": func(path string, used int64) error {
			return os.WriteFile(path, bytes.Repeat([]byte("stoker"), 10_000), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, used, _ := worn(t)
			if err := damage(filepath.Join(dir, stateName), used); err != nil {
				t.Fatal(err)
			}
			for range 2 { // Open does not touch it
				if _, err := Open(dir, manual); !errors.Is(err, ErrTorn) {
					t.Fatalf("got %v, want ErrTorn", err)
				}
			}
			if err := Remove(dir); err != nil {
				t.Fatal(err)
			}
			put(t, open(t, dir, manual), "k", 1)
		})
	}
}

// A file of a newer program is not torn: nobody may delete it for that.
func TestOpen_RefusesAnotherFormat(t *testing.T) {
	dir := t.TempDir()
	db, err := bolt.Open(filepath.Join(dir, stateName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("rows9"))
		return err
	}), db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, manual); err == nil || errors.Is(err, ErrTorn) {
		t.Errorf("got %v", err)
	}
}

// A row that goes bad under an open store stops the reader.
func TestGet_PanicsOnABadRow(t *testing.T) {
	s := open(t, t.TempDir(), manual)
	put(t, s, "k", 1)
	flush(t, s)
	if err := s.file.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(rowsBucket).Put([]byte(counters.space+"k"), []byte("nonsense"))
	}); err != nil {
		t.Fatal(err)
	}
	put(t, s, "other", 1)
	flush(t, s) // and with it a new generation
	v := s.View()
	defer v.Close()
	corrupt(t, func() { counters.Get(v, "k") })
	corrupt(t, func() { counters.Len(v, "") })
	sn, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer sn.Close()
	var c *Corrupt
	if err := sn.Write(new(bytes.Buffer), nil); !errors.As(err, &c) || c.Table != "counters" {
		t.Errorf("Write: %v", err)
	}
	text := NewTable[string]("text")
	asNumber := &Table[int]{name: text.name, space: text.space}
	update(t, s, func(tx *Tx) {
		text.Put(tx, "k", "no number")
		corrupt(t, func() { asNumber.Get(tx, "k") })
	})
}

package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// task is the record of these tests; its indexes have none, one or many
// positions for a record.
type task struct {
	Group string   `cbor:"1,keyasint,omitempty"`
	Rank  uint64   `cbor:"2,keyasint,omitempty"`
	Tags  []string `cbor:"3,keyasint,omitempty"`
}

var (
	tasks   = NewTable[task]("tasks")
	byGroup = NewIndex(tasks, "group", func(_ Key, v task) []Key {
		if v.Group == "" {
			return nil
		}
		return []Key{Str(v.Group).Uint(v.Rank)}
	})
	byTag = NewIndex(tasks, "tag", func(_ Key, v task) []Key {
		var keys []Key
		for _, t := range v.Tags {
			keys = append(keys, Str(t))
		}
		return keys
	})
	counters = NewTable[uint64]("counters")
)

// manual is a store that flushes only when it is told to.
var manual = Options{FlushBytes: 1 << 40, FlushEvery: -1}

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func update(t testing.TB, s *Store, fn func(tx *Tx)) {
	t.Helper()
	if err := s.Update(func(tx *Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func flush(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, s *Store, k Key, n uint64) {
	t.Helper()
	update(t, s, func(tx *Tx) { counters.Put(tx, k, n) })
}

// all returns every counter.
func all(r Reader) map[Key]uint64 { return maps.Collect(counters.Scan(r, "")) }

// frozen returns every counter of a new view.
func frozen(s *Store) map[Key]uint64 {
	v := s.View()
	defer v.Close()
	return all(v)
}

func snapshot(t testing.TB, s *Store, header string) []byte {
	t.Helper()
	sn, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer sn.Close()
	var b bytes.Buffer
	if err := sn.Write(&b, []byte(header)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// crash returns a folder with what the store would leave behind if it was killed.
func crash(t testing.TB, s *Store) string {
	t.Helper()
	to := t.TempDir()
	if err := copyState(s, to); err != nil {
		t.Fatal(err)
	}
	return to
}

// copyState copies the state file from under the feet of its store: the pages in
// use and the hole behind them.
func copyState(s *Store, to string) error {
	path := filepath.Join(s.dir, stateName)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	used := int64(0)
	if err := s.file.db.View(func(tx *bolt.Tx) error { used = tx.Size(); return nil }); err != nil {
		return err
	}
	b := make([]byte, min(used, info.Size()))
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.ReadFull(f, b); err != nil {
		return err
	}
	path = filepath.Join(to, stateName)
	return errors.Join(os.WriteFile(path, b, 0o600), os.Truncate(path, info.Size()))
}

func TestStore_UpdatesAreSeenByLaterReadersOnly(t *testing.T) {
	s := open(t, t.TempDir(), manual)
	put(t, s, Str("a"), 1)
	before := s.View()
	defer before.Close()

	update(t, s, func(tx *Tx) {
		counters.Put(tx, Str("a"), 2)
		counters.Put(tx, Str("b"), 3)
		if n, _ := counters.Get(tx, Str("a")); n != 2 {
			t.Errorf("a transaction reads %d, it wrote 2", n)
		}
		if !maps.Equal(frozen(s), map[Key]uint64{Str("a"): 1}) {
			t.Error("a view shows what is not yet applied")
		}
	})
	want := map[Key]uint64{Str("a"): 2, Str("b"): 3}
	if got := frozen(s); !maps.Equal(got, want) {
		t.Errorf("a view opened after the update has %v, want %v", got, want)
	}
	for _, step := range []func(){
		func() {},
		func() { flush(t, s) },
		func() { put(t, s, Str("c"), 4); flush(t, s) },
		func() { restore(t, s, snapshotOf(t, map[Key]uint64{Str("z"): 9})) },
	} {
		step()
		if got := all(before); !maps.Equal(got, map[Key]uint64{Str("a"): 1}) {
			t.Fatalf("the old view changed to %v", got)
		}
	}
}

func TestStore_AFailedUpdateLeavesNoTrace(t *testing.T) {
	s := open(t, t.TempDir(), manual)
	put(t, s, Str("a"), 1)
	refused := errors.New("refused")
	if err := s.Update(func(tx *Tx) error {
		counters.Put(tx, Str("a"), 2)
		return refused
	}); err != refused {
		t.Fatalf("got %v", err)
	}
	panics(t, func() {
		s.Update(func(tx *Tx) error {
			counters.Put(tx, Str("a"), 3)
			panic("in the middle")
		})
	})
	panics(t, func() { put(t, s, Key(bytes.Repeat([]byte("k"), MaxKey+1)), 1) })
	if got := frozen(s); !maps.Equal(got, map[Key]uint64{Str("a"): 1}) {
		t.Errorf("the state is %v", got)
	}
	put(t, s, Str("a"), 4) // the locks are free
}

func TestStore_ReadersAreCheckedForUseAfterTheirEnd(t *testing.T) {
	s := open(t, t.TempDir(), manual)
	var leaked *Tx
	update(t, s, func(tx *Tx) { leaked = tx })
	panics(t, func() { counters.Get(leaked, "k") })
	panics(t, func() { counters.Put(leaked, "k", 1) })
	v := s.View()
	v.Close()
	v.Close()
	panics(t, func() { counters.Has(v, "k") })
	panics(t, func() { counters.Len(v, "") })
	if n := s.Stats().Views; n != 0 {
		t.Errorf("%d views are open", n)
	}
}

func TestStore_CloseFlushesAndViewsOutliveIt(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, manual)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, Str("a"), 1)
	v := s.View()
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if got := all(v); len(got) != 1 {
		t.Errorf("a view of the closed store has %v", got)
	}
	if err := s.Update(func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("Update: %v", err)
	}
	if err := s.Flush(); !errors.Is(err, ErrClosed) {
		t.Errorf("Flush: %v", err)
	}
	if _, err := s.Restore(bytes.NewReader(nil)); !errors.Is(err, ErrClosed) {
		t.Errorf("Restore: %v", err)
	}
	panics(t, func() { s.View() })
	v.Close()
	if got := frozen(open(t, dir, manual)); !maps.Equal(got, map[Key]uint64{Str("a"): 1}) {
		t.Errorf("reopened: %v", got)
	}
}

func TestStore_Remove(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, manual)
	put(t, s, Str("a"), 1)
	if err := errors.Join(s.Close(), Remove(dir), Remove(dir), Remove(filepath.Join(dir, "nowhere"))); err != nil {
		t.Fatal(err)
	}
	if got := frozen(open(t, dir, manual)); len(got) != 0 {
		t.Errorf("removed, and still there: %v", got)
	}
}

func TestTable_ReadsRecordsOfOtherVersions(t *testing.T) {
	type v1 struct {
		Name string `cbor:"1,keyasint,omitempty"`
		Gone int    `cbor:"2,keyasint,omitempty"`
	}
	type v2 struct {
		Name string   `cbor:"1,keyasint,omitempty"`
		New  []string `cbor:"3,keyasint,omitempty"`
	}
	old := NewTable[v1]("versions")
	young := &Table[v2]{name: old.name, space: old.space}
	s := open(t, t.TempDir(), manual)
	update(t, s, func(tx *Tx) {
		old.Put(tx, "a", v1{"ann", 7})
		young.Put(tx, "b", v2{"bob", []string{"x"}})
	})
	v := s.View()
	defer v.Close()
	if got, _ := young.Get(v, "a"); got.Name != "ann" || got.New != nil {
		t.Errorf("the new version reads %+v", got)
	}
	if got, _ := old.Get(v, "b"); got != (v1{Name: "bob"}) {
		t.Errorf("the old version reads %+v", got)
	}
}

// A record that could be written can be read: the decoder has no narrower idea
// of a value than the encoder.
func TestTable_TakesBackWhateverItStores(t *testing.T) {
	s := open(t, t.TempDir(), manual)
	odd := task{Group: "not UTF-8: \xff\xfe\x00", Tags: make([]string, 140_000)}
	update(t, s, func(tx *Tx) { tasks.Put(tx, "odd", odd) })
	v := s.View()
	defer v.Close()
	got, ok := tasks.Get(v, "odd")
	if !ok || got.Group != odd.Group || !slices.Equal(got.Tags, odd.Tags) {
		t.Errorf("got %v %.40q and %d tags", ok, got.Group, len(got.Tags))
	}
}

func TestTable_RefusesNames(t *testing.T) {
	for _, name := range []string{"counters", "", "a b", "a/b", "a\x00b"} {
		panics(t, func() { NewTable[int](name) })
	}
	panics(t, func() { NewIndex(tasks, "group", byGroup.keys) })
	panics(t, func() { NewIndex(tasks, "", byGroup.keys) })
}

func panics(t testing.TB, fn func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Helper()
			t.Error("no panic")
		}
	}()
	fn()
}

func restore(t testing.TB, s *Store, stream []byte) {
	t.Helper()
	if _, err := s.Restore(bytes.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
}

// snapshotOf returns the snapshot of a store with these counters.
func snapshotOf(t testing.TB, rows map[Key]uint64) []byte {
	t.Helper()
	s := open(t, t.TempDir(), manual)
	update(t, s, func(tx *Tx) {
		for k, n := range rows {
			counters.Put(tx, k, n)
		}
	})
	return snapshot(t, s, "header")
}

// TestWatch: each row that is written is told, with what it was.
func TestWatch(t *testing.T) {
	var told []string
	o := manual
	o.Watch = func(table string, k Key, was, is []byte) {
		told = append(told, fmt.Sprintf("%s %s %x>%x", table, k, was, is))
	}
	s := open(t, t.TempDir(), o)
	update(t, s, func(tx *Tx) { counters.Put(tx, "a", 1) })
	update(t, s, func(tx *Tx) {
		counters.Put(tx, "a", 2)
		counters.Delete(tx, "nobody")
		tasks.Put(tx, "t", task{Group: "g"}) // its indexes are not told: they follow from it
	})
	update(t, s, func(tx *Tx) { counters.Delete(tx, "a") })
	want := []string{"counters a >01", "counters a 01>02", "tasks t >a1016167", "counters a 02>"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// TestAdd_WhereThereIsARow: whoever is watched does not get away with it.
func TestAdd_WhereThereIsARow(t *testing.T) {
	o := manual
	o.Watch = func(string, Key, []byte, []byte) {}
	s := open(t, t.TempDir(), o)
	update(t, s, func(tx *Tx) { counters.Add(tx, "a", 1) })
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), `added to table "counters" where there is one`) {
			t.Errorf("a second row at one key: %v", p)
		}
	}()
	update(t, s, func(tx *Tx) { counters.Add(tx, "a", 2) })
}

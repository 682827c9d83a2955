package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// model is the specification of a Store: a map, copied when someone looks.
type model struct {
	store *Store
	dir   string
	dirs  []string // to delete at the end
	rows  map[Key]task
	saved map[Key]task // rows, as of the last thing that made them durable

	frozen  *overlay // a flush that is under way, and
	file    *file
	pending map[Key]task // what it will have saved

	compaction *compaction // that is under way

	views []looker
}

// looker is a view and what it must show for ever.
type looker struct {
	view *View
	rows map[Key]task
}

// TestStore_IsAMap does everything that one can do to a store, in any order and
// with a flush standing still at any point, and compares it with the model.
func TestStore_IsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{rows: map[Key]task{}, saved: map[Key]task{}}
		m.start(t, m.newDir(t))
		defer m.stop(t)
		t.Repeat(map[string]func(*rapid.T){
			"":         m.check,
			"update":   m.update,
			"abort":    m.abort,
			"freeze":   m.freeze,
			"thaw":     m.thaw,
			"flush":    m.flush,
			"look":     m.look,
			"look off": m.lookOff,
			"compact":  m.compact,
			"upheaval": m.upheaval,
		})
	})
}

var (
	someKey = rapid.Custom(func(t *rapid.T) Key {
		return Str(rapid.SampledFrom([]string{"", "a", "b", "a\x00", "\xff"}).Draw(t, "part")).
			Uint(rapid.Uint64Range(0, 4).Draw(t, "number"))
	})
	someTask = rapid.Custom(func(t *rapid.T) task {
		return task{
			Group: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "group"),
			Rank:  rapid.Uint64Range(0, 3).Draw(t, "rank"),
			Tags:  rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"r", "g"}), 0, 2, rapid.ID).Draw(t, "tags"),
		}
	})
)

func (m *model) newDir(t *rapid.T) string {
	dir, err := os.MkdirTemp("", "store-model")
	must(t, err)
	m.dirs = append(m.dirs, dir)
	return dir
}

func (m *model) start(t *rapid.T, dir string) {
	s, err := Open(dir, manual)
	must(t, err)
	m.store, m.dir = s, dir
}

func (m *model) stop(t *rapid.T) {
	m.abandon()
	m.thaw(t)
	for len(m.views) > 0 {
		m.lookOff(t)
	}
	must(t, m.store.Close())
	for _, dir := range m.dirs {
		must(t, os.RemoveAll(dir))
	}
}

// write draws the changes of one transaction and makes them on both sides.
func (m *model) write(t *rapid.T, tx *Tx, rows map[Key]task) {
	for range rapid.IntRange(1, 6).Draw(t, "writes") {
		switch k := someKey.Draw(t, "key"); rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			tasks.Delete(tx, k)
			delete(rows, k)
		case 1: // a loop that deletes and moves what it walks
			part, _ := k.PopStr()
			for k, v := range tasks.Scan(tx, Str(part)) {
				if v.Rank%2 == 0 {
					tasks.Delete(tx, k)
					delete(rows, k)
				} else {
					v.Rank++
					tasks.Put(tx, k, v)
					rows[k] = v
				}
			}
		default:
			v := someTask.Draw(t, "task")
			if _, had := rows[k]; had || tasks.Has(tx, k) {
				tasks.Put(tx, k, v)
			} else {
				tasks.Add(tx, k, v)
			}
			rows[k] = v
		}
		compare(t, tx, rows)
	}
}

func (m *model) update(t *rapid.T) {
	must(t, m.store.Update(func(tx *Tx) error {
		m.write(t, tx, m.rows)
		return nil
	}))
}

func (m *model) abort(t *rapid.T) {
	refused := errors.New("refused")
	if err := m.store.Update(func(tx *Tx) error {
		m.write(t, tx, maps.Clone(m.rows))
		return refused
	}); err != refused {
		t.Fatal(err)
	}
}

func (m *model) freeze(t *rapid.T) {
	if m.frozen == nil {
		m.frozen, m.file = m.store.freeze()
		m.pending = maps.Clone(m.rows)
	}
}

func (m *model) thaw(t *rapid.T) {
	if m.frozen == nil {
		return
	}
	must(t, commit(m.file.db, m.frozen))
	b, err := newBase(m.file)
	must(t, err)
	m.store.settle(b, m.frozen, 0)
	m.frozen, m.saved = nil, m.pending
}

func (m *model) flush(t *rapid.T) {
	m.thaw(t)
	must(t, m.store.Flush())
	m.saved = maps.Clone(m.rows)
}

func (m *model) look(t *rapid.T) {
	m.views = append(m.views, looker{m.store.View(), maps.Clone(m.rows)})
}

func (m *model) lookOff(t *rapid.T) {
	if len(m.views) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.views)-1).Draw(t, "view")
	compare(t, m.views[i].view, m.views[i].rows)
	m.views[i].view.Close()
	m.views = slices.Delete(m.views, i, i+1)
}

// compact begins a compaction, or goes on with the one that was begun, or ends it, with whatever else happens in between.
func (m *model) compact(t *rapid.T) {
	m.thaw(t) // a flush has the commit lock, in which a compaction begins and ends
	if m.compaction == nil {
		c, err := m.store.beginCompaction(func(error) {})
		must(t, err)
		must(t, c.copy(context.Background()))
		m.compaction = c
		return
	}
	if rapid.Bool().Draw(t, "catch up") {
		_, err := m.compaction.catchUp()
		must(t, err)
		return
	}
	if rapid.Bool().Draw(t, "swap") {
		must(t, m.compaction.swap())
	}
	m.abandon()
}

// abandon ends a compaction wherever it is.
func (m *model) abandon() {
	if m.compaction != nil {
		m.compaction.end()
		m.compaction = nil
	}
}

// upheaval is one action, since each of these costs many syncs of the disk.
func (m *model) upheaval(t *rapid.T) {
	m.abandon()
	rapid.SampledFrom([]func(*rapid.T){m.restore, m.crash, m.reopen}).Draw(t, "which")(t)
}

// restore takes the state through a snapshot into a second store and back.
func (m *model) restore(t *rapid.T) {
	m.flush(t)
	stream := snapshotBytes(t, m.store)
	m.update(t)
	_, err := m.store.Restore(bytes.NewReader(stream))
	must(t, err)
	m.rows = maps.Clone(m.saved)
	if !bytes.Equal(stream, snapshotBytes(t, m.store)) {
		t.Fatal("the snapshot of a restored state differs from the one it was restored from")
	}
}

// crash goes on with what a killed process would have left.
func (m *model) crash(t *rapid.T) {
	old := m.store
	dir := m.newDir(t)
	must(t, copyState(m.store, dir))
	saved := maps.Clone(m.saved)
	m.thaw(t)
	must(t, old.Close())
	m.start(t, dir)
	m.rows, m.saved = saved, maps.Clone(saved)
}

func (m *model) reopen(t *rapid.T) {
	if len(m.views) > 0 {
		return // they keep the file locked
	}
	m.thaw(t)
	must(t, m.store.Close())
	m.start(t, m.dir)
	m.saved = maps.Clone(m.rows)
}

func (m *model) check(t *rapid.T) {
	v := m.store.View()
	defer v.Close()
	compare(t, v, m.rows)
	for _, l := range m.views {
		compare(t, l.view, l.rows)
	}
}

// compare reads everything in every way.
func compare(t *rapid.T, r Reader, rows map[Key]task) {
	keys := slices.Sorted(maps.Keys(rows))
	same(t, "Scan", collect(tasks.Scan(r, "")), list(rows, keys))
	prefix := Str("a")
	in := slices.DeleteFunc(slices.Clone(keys), func(k Key) bool { return !strings.HasPrefix(string(k), string(prefix)) })
	mid := prefix.Uint(2)
	same(t, "Scan prefix", collect(tasks.Scan(r, prefix)), list(rows, in))
	above := slices.DeleteFunc(slices.Clone(in), func(k Key) bool { return k <= mid })
	same(t, "ScanAfter", collect(tasks.ScanAfter(r, prefix, mid)), list(rows, above))
	below := slices.DeleteFunc(slices.Clone(in), func(k Key) bool { return k >= mid })
	slices.Reverse(below)
	same(t, "Backward", collect(tasks.Backward(r, prefix, mid)), list(rows, below))
	slices.Reverse(keys)
	same(t, "Backward all", collect(tasks.Backward(r, "", "")), list(rows, keys))
	if n := tasks.Len(r, prefix); n != len(in) {
		t.Fatalf("Len %d, want %d", n, len(in))
	}
	for _, k := range []Key{mid, Str("").Uint(0)} {
		want, there := rows[k]
		got, ok := tasks.Get(r, k)
		if ok != there || tasks.Has(r, k) != there || show(k, got) != show(k, want) {
			t.Fatalf("Get %q: %v %v, want %v %v", k, got, ok, want, there)
		}
	}

	grouped := slices.DeleteFunc(keys, func(k Key) bool { return rows[k].Group == "" })
	slices.SortFunc(grouped, func(a, b Key) int {
		x, y := rows[a], rows[b]
		return cmp.Or(cmp.Compare(x.Group, y.Group), cmp.Compare(x.Rank, y.Rank), cmp.Compare(a, b))
	})
	same(t, "index", collect(byGroup.Scan(r, "")), list(rows, grouped))
	red := 0
	for _, v := range rows {
		if slices.Contains(v.Tags, "r") {
			red++
		}
	}
	if n := byTag.Len(r, Str("r")); n != red {
		t.Fatalf("%d positions, want %d", n, red)
	}
}

func collect(seq func(func(Key, task) bool)) (out []string) {
	for k, v := range seq {
		out = append(out, show(k, v))
	}
	return out
}

func list(rows map[Key]task, keys []Key) (out []string) {
	for _, k := range keys {
		out = append(out, show(k, rows[k]))
	}
	return out
}

func show(k Key, v task) string { return fmt.Sprintf("%q %s %d %v", k, v.Group, v.Rank, v.Tags) }

func same(t *rapid.T, what string, got, want []string) {
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

func must(t interface{ Fatal(...any) }, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

func snapshotBytes(t *rapid.T, s *Store) []byte {
	sn, err := s.Snapshot()
	must(t, err)
	defer sn.Close()
	var b bytes.Buffer
	must(t, sn.Write(&b, []byte("header")))
	return b.Bytes()
}

package query

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"time"

	"stoker/fsm"
)

// Kind is a column's declared type.
type Kind string

// The kinds. Times are Text as SQLite's own functions write them, in UTC.
const (
	Text    Kind = "TEXT"
	Integer Kind = "INTEGER"
)

// Column is one column of a table.
type Column struct {
	Name  string
	Kind  Kind
	About string
}

// Table is a table of the replicated state as SQL sees it.
type Table struct {
	Name    string
	About   string
	Columns []Column
	Key     []string // columns that tell its rows apart
	Lookup  []string // columns whose equality is looked up instead of searched for

	size    int64 // rows that a walk is assumed to meet, for the planner
	tallied int   // column, -1: none; see spec
	open    func(s *session, path int, at string) source
}

// source walks rows of a table.
type source interface {
	next() bool
	value(column int) any // string, int64 or nil, of the row that next came to
	id() int64            // tells the row apart, in whatever walk it comes
	close()
}

// field is a column and where its value comes from. Only what a statement asks
// for is computed.
type field[R any] struct {
	name  string
	kind  Kind
	about string
	of    func(s *session, r R) any
}

// path is a quicker way than the walk over all rows to those with one value in a column.
type path[R any] struct {
	on   string
	rows func(v *fsm.View, at string) iter.Seq[R]
}

// spec is a table before its type of row is forgotten.
type spec[R any] struct {
	name, about string
	key         string // columns, with a comma between
	size        int64
	fields      []field[R]
	all         func(v *fsm.View) iter.Seq[R]
	paths       []path[R]

	archived func(s *session, on, at string) iter.Seq[R] // instead of all and the paths' rows: rows of the archive

	tallied string                             // a column of few values: where nothing else is asked for they are counted, and given in order
	tally   func(v *fsm.View) iter.Seq[string] // its values
	rowid   func(R) int64                      // a number that no other row has; of a tallied table
}

func (d spec[R]) table() *Table {
	t := &Table{Name: d.name, About: d.about, Key: strings.Split(d.key, ","), size: d.size}
	for _, f := range d.fields {
		t.Columns = append(t.Columns, Column{f.name, f.kind, f.about})
	}
	for _, p := range d.paths {
		t.Lookup = append(t.Lookup, p.on)
	}
	t.open = func(s *session, path int, at string) source {
		if path == tallyPath {
			return newTally(s, d.tally(s.view))
		}
		w := &walk[R]{s: s, fields: d.fields, rowid: d.rowid}
		w.pull, w.stop = iter.Pull(d.rows(s, path, at))
		return w
	}
	t.tallied = slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == d.tallied })
	return t
}

// rows walks a path; 0 is all.
func (d spec[R]) rows(s *session, path int, at string) iter.Seq[R] {
	on := ""
	if path > 0 {
		on = d.paths[path-1].on
	}
	switch {
	case d.archived != nil:
		return d.archived(s, on, at)
	case path > 0:
		return d.paths[path-1].rows(s.view, at)
	}
	return d.all(s.view)
}

// walk is the source over a table's own rows.
type walk[R any] struct {
	s      *session
	fields []field[R]
	pull   func() (R, bool)
	stop   func()
	rowid  func(R) int64
	now    R
}

func (w *walk[R]) next() (ok bool) {
	if w.now, ok = w.pull(); ok {
		w.s.visited++
	}
	return ok
}

func (w *walk[R]) value(column int) any { return w.fields[column].of(w.s, w.now) }

func (w *walk[R]) id() int64 {
	if w.rowid == nil {
		return 0
	}
	return w.rowid(w.now)
}

func (w *walk[R]) close() { w.stop() }

func text[R any](name, about string, of func(R) string) field[R] {
	return field[R]{name, Text, about, func(_ *session, r R) any { return of(r) }}
}

// maybe is text that is NULL where there is none.
func maybe[R any](name, about string, of func(R) string) field[R] {
	return field[R]{name, Text, about, func(_ *session, r R) any {
		if v := of(r); v != "" {
			return v
		}
		return nil
	}}
}

func number[R any, N ~int | ~int64 | ~uint64 | ~uint32](name, about string, of func(R) N) field[R] {
	return field[R]{name, Integer, about, func(_ *session, r R) any { return int64(of(r)) }}
}

func flag[R any](name, about string, of func(R) bool) field[R] {
	return field[R]{name, Integer, about, func(_ *session, r R) any {
		if of(r) {
			return int64(1)
		}
		return int64(0)
	}}
}

// moment is a wall clock reading in ns; NULL where it is 0.
func moment[R any](name, about string, of func(R) int64) field[R] {
	return field[R]{name, Text, about, func(_ *session, r R) any { return stamp(of(r)) }}
}

// deadline is a reading of the machine's clock, given as a time of day; NULL where it is 0.
func deadline[R any](name, about string, of func(R) int64) field[R] {
	return field[R]{name, Text, about, func(s *session, r R) any { return stamp(s.view.WallAt(of(r))) }}
}

// object is what is a list or a map, as JSON; NULL where it is nil.
func object[R any, V any](name, about string, of func(R) V) field[R] {
	return field[R]{name, Text, about, func(_ *session, r R) any { return jsonText(of(r)) }}
}

// stamp writes a time as SQLite's datetime() does, with milliseconds: so the two compare.
func stamp(ns int64) any {
	if ns == 0 {
		return nil
	}
	return time.Unix(0, ns).UTC().Format("2006-01-02 15:04:05.000")
}

func jsonText(v any) any {
	raw, err := json.Marshal(v)
	if err != nil || string(raw) == "null" {
		return nil
	}
	return string(raw)
}

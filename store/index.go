package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Index is a second order over a table, kept by the table's Put and Delete in
// the same transaction. A position in it is an index key followed by the
// primary key, so rows with equal index keys stand in the order of their
// primary keys.
//
//	var byUser = store.NewIndex(jobs, "user", func(k store.Key, j Job) []store.Key {
//		return []store.Key{store.Str(j.User).Uint(j.Created)}
//	})
//
// Its rows are derived: Open and Restore build what is declared and missing and
// drop what is no longer declared. Who changes what keys returns must change the
// name, or old rows stay where the old function put them.
type Index[V any] struct {
	table *Table[V]
	name  string
	space string
	keys  func(k Key, v V) []Key
}

// NewIndex declares an index of t. keys gives the index keys of a row, none to
// leave it out; it must be pure, and give keys of one shape. The rules for names
// are those of NewTable.
func NewIndex[V any](t *Table[V], name string, keys func(k Key, v V) []Key) *Index[V] {
	if name == "" {
		panic("store: an index of table " + t.name + " without a name")
	}
	x := &Index[V]{table: t, name: t.name + "/" + name, keys: keys}
	x.space = register(t.name, name)
	t.indexes = append(t.indexes, x)
	declareIndex(indexDeclaration{name: x.name, table: t.space, derive: x.derive})
	return x
}

// Pos is the position of a row: what ScanAfter and Backward take.
func (x *Index[V]) Pos(indexKey, primary Key) Key { return indexKey + primary }

// Scan walks the positions that begin with prefix in ascending order and yields
// primary keys and values, both as they were when the loop began (see
// Table.Scan): a body that changed a later row reads it anew before it acts.
func (x *Index[V]) Scan(r Reader, prefix Key) iter.Seq2[Key, V] {
	return x.ScanAfter(r, prefix, "")
}

// ScanAfter is Scan from the first position strictly after the given one, which
// need not exist; "" means from the start.
func (x *Index[V]) ScanAfter(r Reader, prefix, after Key) iter.Seq2[Key, V] {
	lo, hi := rangeAfter(x.space, prefix, after)
	return x.walk(r, lo, hi, false)
}

// Backward is Scan in descending order from the last position strictly before
// the given one, which need not exist; "" means from the end.
func (x *Index[V]) Backward(r Reader, prefix, before Key) iter.Seq2[Key, V] {
	lo, hi := rangeBefore(x.space, prefix, before)
	return x.walk(r, lo, hi, true)
}

// Len counts the positions that begin with prefix, by walking them.
func (x *Index[V]) Len(r Reader, prefix Key) int {
	lo, hi := rangeAfter(x.space, prefix, "")
	return count(r, lo, hi)
}

func (x *Index[V]) walk(r Reader, lo, hi string, backward bool) iter.Seq2[Key, V] {
	return func(yield func(Key, V) bool) {
		l, release := r.hold()
		defer release()
		for full, size := range l.scan(lo, hi, backward) {
			k := x.primary(full, size)
			raw, ok := l.get(x.table.space + string(k))
			if !ok {
				panic(&Corrupt{Table: x.name, Key: full, Err: errOrphan})
			}
			if !yield(k, x.table.decode(k, raw)) {
				return
			}
		}
	}
}

var errOrphan = errors.New("an index position without its record")

// primary cuts the primary key off a position. Its length is the row's value:
// index keys have a shape that only the caller knows.
func (x *Index[V]) primary(full string, size []byte) Key {
	n, read := binary.Uvarint(size)
	if read <= 0 || n > uint64(len(full)-len(x.space)) {
		panic(&Corrupt{Table: x.name, Key: full, Err: fmt.Errorf("primary key of %x bytes", size)})
	}
	return Key(full[len(full)-int(n):])
}

// move takes a row from its old positions to its new ones; what it keeps is not
// written again.
func (x *Index[V]) move(tx *Tx, k Key, old V, had bool, v V, has bool) {
	var from, to []string
	if had {
		from = x.positions(k, old)
	}
	if has {
		to = x.positions(k, v)
	}
	for _, p := range from {
		if !slices.Contains(to, p) {
			tx.set(p, nil)
		}
	}
	for _, p := range to {
		if !slices.Contains(from, p) {
			tx.set(p, primarySize(k))
		}
	}
}

func (x *Index[V]) positions(k Key, v V) []string {
	keys := x.keys(k, v)
	full := make([]string, 0, len(keys))
	for _, ik := range keys {
		full = append(full, fullKey(x.space, x.Pos(ik, k)))
	}
	return full
}

// derive is positions for a stored record.
func (x *Index[V]) derive(k Key, raw []byte) []string {
	return x.positions(k, x.table.decode(k, raw))
}

func primarySize(k Key) []byte { return binary.AppendUvarint(nil, uint64(len(k))) }

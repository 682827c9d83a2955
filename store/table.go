package store

import (
	"bytes"
	"fmt"
	"iter"
)

// Table is an ordered map from Key to V. Declare it as a package variable:
//
//	var users = store.NewTable[User]("users")
//
// V is stored as CBOR; give struct fields `cbor:"1,keyasint,omitempty"` tags and
// never use a number again. A field that a record does not have is left zero,
// one that V does not know is ignored.
type Table[V any] struct {
	name    string
	space   string // what all its full keys begin with
	indexes []*Index[V]
	apart   bool // see Apart
	memory  *memory[V]
}

// NewTable declares a table. It panics if the name is taken or is not of
// letters, digits, '_' and '-'. Call it before the first Open.
func NewTable[V any](name string) *Table[V] {
	return &Table[V]{name: name, space: register(name, "")}
}

// Get returns the value at k; false and the zero value if there is none.
func (t *Table[V]) Get(r Reader, k Key) (V, bool) {
	raw, ok := r.read().get(t.space + string(k))
	if !ok {
		var none V
		return none, false
	}
	return t.decode(k, raw), true
}

// Has says whether there is a value at k, without decoding it.
func (t *Table[V]) Has(r Reader, k Key) bool {
	_, ok := r.read().get(t.space + string(k))
	return ok
}

// Put stores v at k, over what was there. It keeps nothing of v itself. It
// panics if the key is longer than MaxKey, or v longer than MaxValue or not to be
// encoded: that is the caller's to prevent, and the Update then leaves no trace.
func (t *Table[V]) Put(tx *Tx, k Key, v V) {
	raw, full := t.encode(k, v)
	was, had := tx.read().get(full)
	if len(t.indexes) > 0 {
		var old V
		if had {
			old = t.decode(k, was)
		}
		for _, x := range t.indexes {
			x.move(tx, k, old, had, v, true)
		}
	}
	t.write(tx, full, was, raw)
}

// Add is Put where the caller knows that there is nothing at k, as when k names
// what only this transaction can have made: to look would cost more than to
// write. Whoever is wrong leaves a digest and indexes that are wrong, so
// Options.Watch, which tests set, has it looked at, and it panics.
func (t *Table[V]) Add(tx *Tx, k Key, v V) {
	raw, full := t.encode(k, v)
	if tx.watch != nil {
		if _, had := tx.read().get(full); had {
			panic(fmt.Sprintf("store: a row was added to table %q where there is one, at %x", t.name, k))
		}
	}
	var none V
	for _, x := range t.indexes {
		x.move(tx, k, none, false, v, true)
	}
	t.write(tx, full, nil, raw)
}

func (t *Table[V]) encode(k Key, v V) (raw []byte, full string) {
	raw, err := encoding.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("store: encode a record of table %q: %w", t.name, err))
	}
	if len(raw) > MaxValue {
		panic(fmt.Sprintf("store: a record of %d bytes in table %q, at most %d are allowed", len(raw), t.name, MaxValue))
	}
	return raw, fullKey(t.space, k)
}

// write sets a row, nil to delete it, and keeps the digest.
func (t *Table[V]) write(tx *Tx, full string, was, raw []byte) {
	if !t.apart && !(raw != nil && bytes.Equal(was, raw)) {
		tx.changed.put(full, was, raw)
	}
	tx.set(full, raw)
	if tx.watch != nil {
		tx.watch(t.name, Key(full[len(t.space):]), was, raw)
	}
}

// Delete removes the value at k if there is one.
func (t *Table[V]) Delete(tx *Tx, k Key) {
	full := fullKey(t.space, k)
	raw, had := tx.read().get(full)
	if !had {
		return
	}
	if len(t.indexes) > 0 {
		old := t.decode(k, raw)
		var none V
		for _, x := range t.indexes {
			x.move(tx, k, old, true, none, false)
		}
	}
	t.write(tx, full, raw, nil)
}

// Scan walks the keys that begin with prefix in ascending order.
//
// The walk sees the table as it was when the loop began. The loop's body may
// put and delete whatever it likes, in this table too: none of it changes
// which rows come next.
func (t *Table[V]) Scan(r Reader, prefix Key) iter.Seq2[Key, V] {
	return t.ScanAfter(r, prefix, "")
}

// ScanAfter is Scan from the first key strictly after the given one, which need
// not exist; "" means from the start.
func (t *Table[V]) ScanAfter(r Reader, prefix, after Key) iter.Seq2[Key, V] {
	lo, hi := rangeAfter(t.space, prefix, after)
	return t.walk(r, lo, hi, false)
}

// Backward is Scan in descending order from the last key strictly before the
// given one, which need not exist; "" means from the end.
func (t *Table[V]) Backward(r Reader, prefix, before Key) iter.Seq2[Key, V] {
	lo, hi := rangeBefore(t.space, prefix, before)
	return t.walk(r, lo, hi, true)
}

// Raw is Scan without decoding: the bytes as they are stored, for whoever takes a
// row along as it is. They are the reader's, and not to be changed or kept.
func (t *Table[V]) Raw(r Reader, prefix Key) iter.Seq2[Key, []byte] {
	lo, hi := rangeAfter(t.space, prefix, "")
	return func(yield func(Key, []byte) bool) {
		for full, raw := range rows(r, lo, hi, false) {
			if !yield(Key(full[len(t.space):]), raw) {
				return
			}
		}
	}
}

// Name is what the table was declared with.
func (t *Table[V]) Name() string { return t.name }

// Len counts the keys that begin with prefix, by walking them.
func (t *Table[V]) Len(r Reader, prefix Key) int {
	lo, hi := rangeAfter(t.space, prefix, "")
	return count(r, lo, hi)
}

func (t *Table[V]) walk(r Reader, lo, hi string, backward bool) iter.Seq2[Key, V] {
	return func(yield func(Key, V) bool) {
		for full, raw := range rows(r, lo, hi, backward) {
			k := Key(full[len(t.space):])
			if !yield(k, t.decode(k, raw)) {
				return
			}
		}
	}
}

func (t *Table[V]) decode(k Key, raw []byte) V {
	if t.memory != nil {
		return t.memory.decode(k, raw, t.decodeAnew)
	}
	return t.decodeAnew(k, raw)
}

func (t *Table[V]) decodeAnew(k Key, raw []byte) V {
	var v V
	if err := decoding.Unmarshal(raw, &v); err != nil {
		panic(&Corrupt{Table: t.name, Key: string(k), Err: err})
	}
	return v
}

// rows walks [lo, hi) of r as it is when the walk begins.
func rows(r Reader, lo, hi string, backward bool) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		l, release := r.hold()
		defer release()
		l.scan(lo, hi, backward)(yield)
	}
}

func count(r Reader, lo, hi string) int {
	n := 0
	for range rows(r, lo, hi, false) {
		n++
	}
	return n
}

func rangeAfter(space string, prefix, after Key) (lo, hi string) {
	lo, hi = space+string(prefix), above(space+string(prefix))
	if after != "" {
		// The smallest string after x is x and a zero byte.
		lo = max(lo, space+string(after)+"\x00")
	}
	return lo, hi
}

func rangeBefore(space string, prefix, before Key) (lo, hi string) {
	lo, hi = space+string(prefix), above(space+string(prefix))
	if before != "" {
		hi = min(hi, space+string(before))
	}
	return lo, hi
}

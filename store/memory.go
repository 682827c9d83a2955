package store

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
)

// memoryRows is how many decoded rows a table remembers before it forgets all of them.
const memoryRows = 256

// memory is decoded rows, each with the bytes that it was decoded from. It holds for whatever store, view or transaction the bytes
// come from: a row with other bytes is another row.
type memory[V any] struct {
	rows  sync.Map // Key → *remembered[V]
	count atomic.Int64
}

type remembered[V any] struct {
	raw   []byte
	value V
}

// Remember keeps decoded rows, to give them again for as long as their bytes are the same. It is for tables of few rows that are
// read with every request. What Get and the walks give is shared then: nobody may change what it leads to, maps and slices
// above all. Call it before the first Open.
func (t *Table[V]) Remember() { t.memory = &memory[V]{} }

func (m *memory[V]) decode(k Key, raw []byte, anew func(Key, []byte) V) V {
	known, ok := m.rows.Load(k)
	if ok && bytes.Equal(known.(*remembered[V]).raw, raw) {
		return known.(*remembered[V]).value
	}
	v := anew(k, raw)
	if !ok && m.count.Add(1) > memoryRows {
		m.rows.Clear()
		m.count.Store(1)
	}
	m.rows.Store(k, &remembered[V]{slices.Clone(raw), v}) // raw is the file's, and goes with the reader
	return v
}

// Untouched says whether all that the table remembers is still what its bytes say. It is for tests: a value that somebody changed
// would be read by others, on this node alone.
func (t *Table[V]) Untouched() (ok bool) {
	ok = true
	if t.memory == nil {
		return ok
	}
	t.memory.rows.Range(func(k, known any) bool {
		r := known.(*remembered[V])
		raw, err := encoding.Marshal(r.value)
		fresh, freshErr := encoding.Marshal(t.decodeAnew(k.(Key), r.raw))
		ok = err == nil && freshErr == nil && bytes.Equal(raw, fresh)
		return ok
	})
	return ok
}

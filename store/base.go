package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync/atomic"
	"unsafe"

	bolt "go.etcd.io/bbolt"
)

// base is one bbolt read transaction, shared by everything that reads one
// generation of the file: the store while that generation is the newest, and
// each View, Tx and Snapshot opened on it. The last one out ends it.
type base struct {
	file *file
	tx   *bolt.Tx
	rows *bolt.Bucket
	refs atomic.Int64
}

// newBase pins what the file holds now; the caller has the first reference.
func newBase(f *file) (*base, error) {
	tx, err := f.db.Begin(false)
	if err != nil {
		return nil, fmt.Errorf("store: begin read: %w", err)
	}
	b := &base{file: f, tx: tx, rows: tx.Bucket(rowsBucket)}
	b.refs.Store(1)
	f.retain()
	return b, nil
}

// retain adds a reference. Who calls it must know that there still is one: the
// store's own, which it gives up only under Store.mu.
func (b *base) retain() { b.refs.Add(1) }

func (b *base) release() {
	if b.refs.Add(-1) > 0 {
		return
	}
	// Rollback of a read transaction fails only if it was ended before.
	if err := b.tx.Rollback(); err != nil {
		panic(fmt.Errorf("store: end read: %w", err))
	}
	b.file.release()
}

func (b *base) get(key string) ([]byte, bool) {
	k := []byte(key)
	v := b.rows.Get(k)
	if v == nil {
		return nil, false
	}
	return unseal(k, v), true
}

func (b *base) has(key string) bool { return b.rows.Get([]byte(key)) != nil }

// forward and backward give keys and values as they are in the file, in its own memory: of a row that an overlay hides no copy is made, and
// nothing is looked into. Who gives such a key away clones it: the memory goes with the base.
func (b *base) forward(lo, hi string) func() (string, []byte, bool) {
	c := b.rows.Cursor()
	started := false
	return func() (string, []byte, bool) {
		var k, v []byte
		if started {
			k, v = c.Next()
		} else {
			started = true
			k, v = c.Seek([]byte(lo))
		}
		if k == nil || string(k) >= hi {
			return "", nil, false
		}
		return borrowed(k), v, true
	}
}

func (b *base) backward(lo, hi string) func() (string, []byte, bool) {
	c := b.rows.Cursor()
	started := false
	return func() (string, []byte, bool) {
		var k, v []byte
		if started {
			k, v = c.Prev()
		} else {
			started = true
			if k, _ = c.Seek([]byte(hi)); k == nil {
				k, v = c.Last()
			} else {
				k, v = c.Prev()
			}
		}
		if k == nil || string(k) < lo {
			return "", nil, false
		}
		return borrowed(k), v, true
	}
}

// borrowed is a string of the same bytes, which nobody changes while the base lives: pages of a read transaction stay as they are.
func borrowed(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bbolt's pages carry no checksum, so each value in the file begins with one
// over its key and itself. Rows of the overlay have none: memory is trusted.
const sealBytes = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(key, val []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, val)
}

func seal(key, val []byte) []byte {
	b := make([]byte, sealBytes, sealBytes+len(val))
	binary.LittleEndian.PutUint32(b, sum(key, val))
	return append(b, val...)
}

// all walks the file's rows in their order. What it gives is the file's own memory and must not be kept: a copy of
// the state, of millions of rows, leaves no garbage then, whose collection would meet those who write.
func (b *base) all(yield func(key, val []byte) bool) {
	c := b.rows.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if !yield(k, unseal(k, v)) {
			return
		}
	}
}

// sealed says whether v is what seal made for key.
func sealed(key, v []byte) bool {
	return len(v) >= sealBytes && binary.LittleEndian.Uint32(v) == sum(key, v[sealBytes:])
}

func unseal(key, v []byte) []byte {
	if !sealed(key, v) {
		panic(&Corrupt{Table: spaceOf(string(key)), Key: string(key), Err: errChecksum})
	}
	return v[sealBytes:]
}

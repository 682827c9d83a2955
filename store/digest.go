package store

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"strings"
)

// Digest is a sum over the rows of all tables: of each row's SHA-256, as numbers
// modulo 2^256, so that a row which comes, goes or changes costs two hashes and
// not a walk over all (an additive multiset hash: Clarke et al., "Incremental
// Multiset Hash Functions and Their Application to Memory Integrity Checking",
// 2003). It finds what a fault did to a state, not what somebody has devised to
// be missed: that is the transport's and the log's to keep out.
//
// Indexes are not in it, since which there are is the program's business and
// changes with its version; nor are tables kept Apart.
type Digest [32]byte

// put takes a row's old value (nil: none) out of the sum and its new one (nil: none) in.
func (d *Digest) put(key string, old, val []byte) {
	if old != nil {
		d.Remove(rowDigest(key, old))
	}
	if val != nil {
		d.Add(rowDigest(key, val))
	}
}

func rowDigest(key string, val []byte) Digest {
	b := make([]byte, 0, 256)
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = append(append(b, key...), val...)
	return sha256.Sum256(b)
}

// Add adds what another sum holds.
func (d *Digest) Add(o Digest) { d.each(o, bits.Add64) }

// Remove takes away what another sum holds.
func (d *Digest) Remove(o Digest) { d.each(o, bits.Sub64) }

func (d *Digest) each(o Digest, op func(x, y, carry uint64) (uint64, uint64)) {
	carry := uint64(0)
	for i := 0; i < len(d); i += 8 {
		var n uint64
		n, carry = op(binary.LittleEndian.Uint64(d[i:]), binary.LittleEndian.Uint64(o[i:]), carry)
		binary.LittleEndian.PutUint64(d[i:], n)
	}
}

// Apart keeps the table out of every Digest: one that holds a digest itself.
// Call it before the first Open.
func (t *Table[V]) Apart() {
	t.apart = true
	declared.Lock()
	defer declared.Unlock()
	if declared.apart == nil {
		declared.apart = map[string]bool{}
	}
	declared.apart[t.name] = true
}

// TakeDigest gives by how much the transaction has changed the digest of the
// state since it began, or since the last call.
func (tx *Tx) TakeDigest() Digest {
	tx.check()
	d := tx.changed
	tx.changed = Digest{}
	return d
}

// Sum reads every row and gives the digest of all, and what was read. pace is
// called for each row with its bytes, and may take its time or, with an error,
// end the walk; nil hurries. It panics with a *Corrupt like any walk.
func Sum(r Reader, pace func(bytes int) error) (d Digest, rowsRead int, err error) {
	apart := apartTables()
	for key, val := range rows(r, "", string([]byte{0xff}), false) {
		name := key[:max(strings.IndexByte(key, 0), 0)]
		if name == "" || strings.Contains(name, "/") || apart[name] {
			continue // the store's own, an index, a table apart
		}
		d.put(key, nil, val)
		rowsRead++
		if pace != nil {
			if err := pace(len(key) + len(val)); err != nil {
				return d, rowsRead, err
			}
		}
	}
	return d, rowsRead, nil
}

func apartTables() map[string]bool {
	declared.Lock()
	defer declared.Unlock()
	out := make(map[string]bool, len(declared.apart))
	for name := range declared.apart {
		out[name] = true
	}
	return out
}

package fsm

import (
	"fmt"
	"slices"
	"sync"

	"stoker/store"
)

// Footprint is the running hash behind an entry of commands.
type Footprint struct {
	Index uint64   `cbor:"1,keyasint"`
	Hash  [32]byte `cbor:"2,keyasint"`
}

// A trail is dense at its end and coarse behind: all of the last entries, and
// the first of each stretch of coarseEvery indexes further back.
const (
	denseMarks  = 16_384 // 640 KiB
	coarseMarks = 4_096  // four million entries
	coarseEvery = 1_024
)

// trail is what a machine remembers of its running hash in this process, so that
// nodes can compare at an index that they have all passed, and find where they
// parted.
type trail struct {
	mu     sync.Mutex
	dense  []Footprint // a ring once it is full; next is where the oldest stands
	next   int
	coarse []Footprint
}

// reset begins again behind a state that came as a whole.
func (t *trail) reset(f Footprint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dense, t.next, t.coarse = nil, 0, nil
	if f.Index > 0 {
		t.dense = append(t.dense, f)
	}
}

// add takes marks in order.
func (t *trail) add(fs []Footprint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range fs {
		last := uint64(0)
		if n := len(t.coarse); n > 0 {
			last = t.coarse[n-1].Index
		}
		if f.Index/coarseEvery > last/coarseEvery {
			if len(t.coarse) == coarseMarks {
				t.coarse = slices.Clone(t.coarse[coarseMarks/4:])
			}
			t.coarse = append(t.coarse, f)
		}
		if len(t.dense) < denseMarks {
			t.dense = append(t.dense, f)
			continue
		}
		t.dense[t.next] = f
		t.next = (t.next + 1) % denseMarks
	}
}

// all are the marks in ascending order.
func (t *trail) all() []Footprint {
	t.mu.Lock()
	defer t.mu.Unlock()
	dense := slices.Concat(t.dense[t.next:], t.dense[:t.next])
	out := []Footprint{}
	for _, f := range t.coarse {
		if len(dense) == 0 || f.Index < dense[0].Index {
			out = append(out, f)
		}
	}
	return append(out, dense...)
}

// Trail is what the machine remembers of its running hash, in ascending order.
func (m *Machine) Trail() []Footprint { return m.trail.all() }

// HashAt is the running hash behind the entry at index, if it is remembered.
func (m *Machine) HashAt(index uint64) (sum [32]byte, ok bool) {
	m.trail.mu.Lock()
	defer m.trail.mu.Unlock()
	t := &m.trail
	at := func(fs []Footprint) (Footprint, bool) {
		i, found := slices.BinarySearchFunc(fs, index, func(f Footprint, index uint64) int {
			switch {
			case f.Index < index:
				return -1
			case f.Index > index:
				return 1
			}
			return 0
		})
		if !found {
			return Footprint{}, false
		}
		return fs[i], true
	}
	for _, part := range [][]Footprint{t.dense[t.next:], t.dense[:t.next], t.coarse} {
		if f, found := at(part); found {
			return f.Hash, true
		}
	}
	return sum, false
}

// spoil does wrong on purpose, at the end of an entry. It is nil in every binary
// that is shipped; tests set it, and the build tag sabotage (sabotage.go).
var spoil func(tx *Tx)

// chain folds the state behind an entry into the entry's hash: the digest of all
// rows, and the machine's own row. So two machines whose hashes are equal have
// not only heard and answered the same, they hold the same; and a row that went
// wrong without a word shows at the entry that wrote it. Before level 2 the hash
// is over entries and answers alone.
func (tx *Tx) chain() []byte {
	change := tx.TakeDigest()
	if tx.level() < 2 {
		return nil
	}
	var d store.Digest
	if tx.m.Digest == nil {
		d, _, _ = store.Sum(tx, nil) // once in a cluster's life
	} else {
		d = store.Digest(tx.m.Digest)
		d.Add(change)
	}
	tx.m.Digest = d[:]
	return encode(*tx.m)
}

// Digest is the digest of all rows that the state carries with it; false below level 2.
func (v *View) Digest() (store.Digest, bool) {
	if v.meta.Digest == nil {
		return store.Digest{}, false
	}
	return store.Digest(v.meta.Digest), true
}

// Scrub reads every row and holds the digest that the state carries against
// them: it finds what went wrong with rows after they were written. pace is
// called with the bytes of each row; it may take its time, and end the walk with
// an error, which is returned. Any other error says what is wrong with the rows.
// Below level 2 there is nothing to hold against.
func (v *View) Scrub(pace func(bytes int) error) (rows int, err error) {
	defer func() {
		if p := recover(); p != nil {
			broken, ok := p.(*store.Corrupt)
			if !ok {
				panic(p)
			}
			err = broken
		}
	}()
	want, carried := v.Digest()
	if !carried {
		return 0, nil
	}
	have, rows, err := store.Sum(v, pace)
	if err == nil && have != want {
		return rows, fmt.Errorf("fsm: the rows at entry %d give the digest %x, the state carries %x", v.Index(), have[:8], want[:8])
	}
	return rows, err
}

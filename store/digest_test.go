package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

var (
	summedRows = NewTable[note]("digest_rows")
	summedBy   = NewIndex(summedRows, "text", func(_ Key, n note) []Key { return []Key{Str(n.Text)} })
	apartRows  = NewTable[note]("digest_apart")
)

func init() { apartRows.Apart() }

type note struct {
	Text string `cbor:"1,keyasint"`
}

// TestDigest: the sum of the changes is the sum over the rows, whatever was
// written over, deleted or flushed between; order, indexes and tables apart have
// no part in it.
func TestDigest(t *testing.T) {
	a, err := Open(t.TempDir(), Options{FlushBytes: 4 << 10})
	must(t, err)
	b, err := Open(t.TempDir(), Options{})
	must(t, err)
	defer a.Close()
	defer b.Close()
	r := rand.New(rand.NewPCG(4, 4))
	var carried Digest
	for range 60 {
		must(t, a.Update(func(tx *Tx) error {
			for range 20 {
				k := Uint(r.Uint64N(90))
				if r.IntN(3) == 0 {
					summedRows.Delete(tx, k)
				} else {
					summedRows.Put(tx, k, note{fmt.Sprint(r.IntN(5))})
				}
			}
			apartRows.Put(tx, Uint(1), note{fmt.Sprint(r.IntN(5))})
			carried.Add(tx.TakeDigest())
			if tx.TakeDigest() != (Digest{}) {
				t.Error("what was taken is given again")
			}
			return nil
		}))
		v := a.View()
		sum, n, _ := Sum(v, nil)
		if sum != carried || n != summedRows.Len(v, "") {
			t.Fatalf("%d rows give %x, the changes %x", n, sum, carried)
		}
		v.Close()
	}
	va := a.View()
	defer va.Close()
	must(t, b.Update(func(tx *Tx) error {
		for k, n := range summedRows.Scan(va, "") {
			summedRows.Put(tx, k, n)
		}
		return nil
	}))
	vb := b.View()
	defer vb.Close()
	if sum, _, _ := Sum(vb, nil); sum != carried || sum == (Digest{}) {
		t.Errorf("equal rows give %x and %x", sum, carried)
	}
	if summedBy.Len(vb, "") == 0 {
		t.Error("there are no index rows, which were to be left out")
	}
}

// TestDigest_order: a digest tells a row that moved, a value that went to another key.
func TestDigest_order(t *testing.T) {
	var one, two, back Digest
	one.put("a\x00k", nil, []byte("v"))
	one.put("a\x00l", nil, []byte("w"))
	two.put("a\x00k", nil, []byte("w"))
	two.put("a\x00l", nil, []byte("v"))
	if one == two {
		t.Error("two values that changed places are not seen")
	}
	back = one
	back.put("a\x00k", []byte("v"), []byte("x"))
	back.put("a\x00k", []byte("x"), nil)
	back.put("a\x00l", []byte("w"), nil)
	if back != (Digest{}) {
		t.Errorf("nothing is left and the digest is %x", back)
	}
}

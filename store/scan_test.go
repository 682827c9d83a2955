package store

import (
	"fmt"
	"iter"
	"slices"
	"testing"
)

// layered returns a store with counters in all three layers: 0..9 in the file,
// of them 3 deleted and 4 overwritten in the frozen overlay, 5 deleted and 6
// overwritten in the live one, and 10..12 spread over the two.
func layered(t *testing.T) *Store {
	s := open(t, t.TempDir(), manual)
	update(t, s, func(tx *Tx) {
		for n := range uint64(10) {
			counters.Put(tx, Str("n").Uint(n), n)
		}
		counters.Put(tx, Str("a"), 0)
		counters.Put(tx, Str("z"), 0)
	})
	flush(t, s)
	update(t, s, func(tx *Tx) {
		counters.Delete(tx, Str("n").Uint(3))
		counters.Delete(tx, Str("n").Uint(6))
		counters.Put(tx, Str("n").Uint(4), 40)
		counters.Put(tx, Str("n").Uint(10), 10)
		counters.Put(tx, Str("n").Uint(12), 12)
	})
	rows, f := s.freeze()
	t.Cleanup(func() { thaw(t, s, rows, f) })
	update(t, s, func(tx *Tx) {
		counters.Delete(tx, Str("n").Uint(5))
		counters.Delete(tx, Str("n").Uint(12))
		counters.Put(tx, Str("n").Uint(6), 60)
		counters.Put(tx, Str("n").Uint(11), 11)
	})
	return s
}

// thaw finishes the flush that freeze began.
func thaw(t testing.TB, s *Store, rows *overlay, f *file) {
	t.Helper()
	if err := commit(f.db, rows); err != nil {
		t.Fatal(err)
	}
	b, err := newBase(f)
	if err != nil {
		t.Fatal(err)
	}
	s.settle(b, rows, 0)
}

func numbers(seq iter.Seq2[Key, uint64]) (out []uint64) {
	for k, n := range seq {
		part, rest := k.PopStr()
		id, _ := rest.PopUint()
		if part != "n" || n != id && n != 10*id {
			panic(fmt.Sprintf("%q holds %d", k, n))
		}
		out = append(out, n)
	}
	return out
}

func TestScan_MergesTheLayersInBothDirections(t *testing.T) {
	s := layered(t)
	v := s.View()
	defer v.Close()
	up := []uint64{0, 1, 2, 40, 60, 7, 8, 9, 10, 11}
	down := slices.Clone(up)
	slices.Reverse(down)
	n := Str("n")
	for _, c := range []struct {
		name      string
		got, want []uint64
	}{
		{"Scan", numbers(counters.Scan(v, n)), up},
		{"ScanAfter the start", numbers(counters.ScanAfter(v, n, "")), up},
		{"ScanAfter before the prefix", numbers(counters.ScanAfter(v, n, Str("a"))), up},
		{"ScanAfter a row", numbers(counters.ScanAfter(v, n, n.Uint(2))), up[3:]},
		{"ScanAfter a deleted row", numbers(counters.ScanAfter(v, n, n.Uint(5))), up[4:]},
		{"ScanAfter the last row", numbers(counters.ScanAfter(v, n, n.Uint(11))), nil},
		{"ScanAfter beyond the prefix", numbers(counters.ScanAfter(v, n, Str("z"))), nil},
		{"Backward", numbers(counters.Backward(v, n, "")), down},
		{"Backward beyond the prefix", numbers(counters.Backward(v, n, Str("z"))), down},
		{"Backward a row", numbers(counters.Backward(v, n, n.Uint(6))), down[6:]},
		{"Backward a deleted row", numbers(counters.Backward(v, n, n.Uint(5))), down[6:]},
		{"Backward the first row", numbers(counters.Backward(v, n, n.Uint(0))), nil},
		{"Backward before the prefix", numbers(counters.Backward(v, n, Str("a"))), nil},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
	if got := counters.Len(v, n); got != len(up) {
		t.Errorf("Len is %d, want %d", got, len(up))
	}
}

func TestScan_TheLoopMayWriteIntoWhatItWalks(t *testing.T) {
	n := Str("n")
	for name, scan := range map[string]func(tx *Tx) iter.Seq2[Key, uint64]{
		"Scan":     func(tx *Tx) iter.Seq2[Key, uint64] { return counters.Scan(tx, n) },
		"Backward": func(tx *Tx) iter.Seq2[Key, uint64] { return counters.Backward(tx, n, "") },
	} {
		t.Run(name, func(t *testing.T) {
			s := layered(t)
			update(t, s, func(tx *Tx) {
				want := numbers(scan(tx))
				var got []uint64
				for k, v := range scan(tx) {
					got = append(got, v)
					counters.Delete(tx, k)
					counters.Put(tx, n.Uint(1000+v), 1) // not met by this walk
					counters.Delete(tx, n.Uint(9))      // met, as it was at the start
					if counters.Has(tx, k) {
						t.Errorf("%q is still there in the loop that deleted it", k)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("walked %v, want %v", got, want)
				}
				if left := counters.Len(tx, n); left != len(want) {
					t.Errorf("%d rows after the loop, want the %d it put", left, len(want))
				}
			})
		})
	}
}

func TestScan_NestedAndBrokenLoopsReadTheirOwnMoment(t *testing.T) {
	s := open(t, t.TempDir(), manual)
	update(t, s, func(tx *Tx) {
		for n := range uint64(3) {
			counters.Put(tx, Uint(n), n)
		}
		outer := 0
		for k := range counters.Scan(tx, "") {
			outer++
			inner := 0
			for range counters.Scan(tx, "") {
				inner++
				counters.Put(tx, Uint(100+uint64(10*outer+inner)), 0)
			}
			for range counters.Scan(tx, "") {
				break
			}
			// The first round of the outer loop finds 3 rows and adds 3, and so on.
			if want := 3 << (outer - 1); inner != want {
				t.Errorf("inner walk %d at %q met %d rows, want %d", outer, k, inner, want)
			}
		}
		if outer != 3 {
			t.Errorf("the outer walk met %d rows, want 3", outer)
		}
		if tx.walks != 0 {
			t.Errorf("%d walks are counted as open", tx.walks)
		}
	})
}

package store

import (
	"fmt"
	"sync"
	"testing"
)

type plan struct {
	Limits map[string]int `cbor:"1,keyasint"`
}

var plans = func() *Table[plan] {
	t := NewTable[plan]("plans")
	t.Remember()
	return t
}()

func putPlan(t *testing.T, s *Store, name string, jobs int) {
	t.Helper()
	if err := s.Update(func(tx *Tx) error {
		plans.Put(tx, Str(name), plan{map[string]int{"jobs": jobs}})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestRemember: a row is decoded once for as long as its bytes are the same, and anew when they are others, in whatever store, view,
// layer or transaction.
func TestRemember(t *testing.T) {
	one, two := open(t, t.TempDir(), Options{}), open(t, t.TempDir(), Options{})
	putPlan(t, one, "free", 1)
	putPlan(t, two, "free", 2)
	jobs := func(r Reader) int {
		p, ok := plans.Get(r, Str("free"))
		if !ok {
			t.Fatal("no row")
		}
		return p.Limits["jobs"]
	}
	for range 3 { // in turn
		for want, s := range map[int]*Store{1: one, 2: two} {
			v := s.View()
			if got := jobs(v); got != want {
				t.Errorf("%d, want %d", got, want)
			}
			v.Close()
		}
	}
	before := one.View()
	defer before.Close()
	putPlan(t, one, "free", 3)
	if err := one.Flush(); err != nil {
		t.Fatal(err)
	}
	after := one.View()
	defer after.Close()
	if was, is := jobs(before), jobs(after); was != 1 || is != 3 {
		t.Errorf("%d before and %d after, want 1 and 3", was, is)
	}
	first, _ := plans.Get(after, Str("free"))
	first.Limits["seen"] = 1 // what nobody may do
	if again, _ := plans.Get(after, Str("free")); again.Limits["seen"] != 1 {
		t.Error("a row was decoded again though its bytes are the same")
	}
	if plans.Untouched() {
		t.Error("a value that was changed goes for untouched")
	}
	putPlan(t, one, "free", 4)
	last := one.View()
	defer last.Close()
	if jobs(last) != 4 || !plans.Untouched() {
		t.Errorf("%d jobs, untouched %v", jobs(last), plans.Untouched())
	}
}

// TestRemember_isBounded: many rows push each other out, and many readers at once are right.
func TestRemember_isBounded(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	const rows = 3 * memoryRows
	for i := range rows {
		putPlan(t, s, fmt.Sprint(i), i)
	}
	v := s.View()
	defer v.Close()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range rows {
				if p, _ := plans.Get(v, Str(fmt.Sprint(i))); p.Limits["jobs"] != i {
					t.Errorf("row %d says %d", i, p.Limits["jobs"])
				}
			}
		})
	}
	all.Wait()
	known := 0
	plans.memory.rows.Range(func(any, any) bool { known++; return true })
	if known > memoryRows+4 { // each reader may be about to forget
		t.Errorf("%d rows are remembered, %d are the limit", known, memoryRows)
	}
}

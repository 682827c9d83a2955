package queue

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"stoker/fsm"
)

// A lease whose end is on its way to the machine cannot be renewed any more: its holder would work on what is another one's.
func TestBook_WhatIsNamedIsNotRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		b.add(fsm.LeaseRow{Fence: 7, Job: "j", TTL: int64(time.Minute)}, int64(10*time.Second))
		if !b.renew(7) {
			t.Error("a live lease is not renewed")
		}
		time.Sleep(time.Minute) // virtual
		out, _, _ := b.due(time.Now())
		if len(out) != 1 || out[0] != 7 {
			t.Fatalf("%v have run out, want 7", out)
		}
		if b.renew(7) {
			t.Error("a lease is renewed whose end is on its way")
		}
		if out, _, any := b.due(time.Now().Add(time.Hour)); len(out) > 0 || any {
			t.Errorf("it is named again: %v", out)
		}
		b.unname(7) // the machine was not reached
		if out, _, _ := b.due(time.Now()); len(out) != 1 {
			t.Errorf("what the machine was not told of is not named again: %v", out)
		}
		b.unname(7)
		if !b.renew(7) {
			t.Error("a lease that did not end is not renewed")
		}
	})
}

// The book is looked through only when a lease may have run out; what it says then is what looking through it always would say.
func TestBook_WhenNothingIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		b := newBook()
		fence := uint64(0)
		for range 3000 {
			switch some := random.Uint64N(fence + 1); random.IntN(6) {
			case 0, 1:
				fence++
				l := fsm.LeaseRow{Fence: fence, Job: "j", TTL: int64(time.Duration(1+random.IntN(60)) * time.Second)}
				if random.IntN(3) == 0 {
					l.Budget = int64(time.Minute)
				}
				b.add(l, int64(time.Duration(1+random.IntN(30))*time.Second))
			case 2:
				b.renew(some)
			case 3:
				b.remove(some)
			case 4:
				b.unname(some)
			case 5:
				time.Sleep(time.Duration(random.IntN(5)) * time.Second) // virtual
			}
			var want []uint64
			var first time.Time
			for fence, r := range b.leases {
				switch at := r.runsOut(); {
				case r.named:
				case !at.After(time.Now()):
					want = append(want, fence)
				case first.IsZero() || at.Before(first):
					first = at
				}
			}
			out, next, any := b.due(time.Now())
			slices.Sort(want)
			slices.Sort(out)
			if !slices.Equal(out, want) {
				t.Fatalf("%v are due, want %v", out, want)
			}
			if !first.IsZero() && (!any || next.After(first)) {
				t.Fatalf("it is to be asked at %v (%v), and a lease runs out at %v", next, any, first)
			}
			if any && !next.After(time.Now()) {
				t.Fatal("it is to be asked again at once")
			}
		}
	})
}

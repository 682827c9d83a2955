package queue

import (
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
		b.leases[7].named = true
		if b.renew(7) {
			t.Error("a lease is renewed whose end is on its way")
		}
		if out, _, any := b.due(time.Now().Add(time.Hour)); len(out) > 0 || any {
			t.Errorf("it is named again: %v", out)
		}
		b.leases[7].named = false // the machine was not reached
		if !b.renew(7) {
			t.Error("a lease that did not end is not renewed")
		}
	})
}

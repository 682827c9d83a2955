package handlers

import (
	"testing"
	"testing/synctest"
	"time"

	"stoker/fsm"
)

// As many as there may be are let in, and one more when one has left; fewer, if the first of them waits for too long.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c crowd
		var leave []func()
		fill := func(n int) {
			t.Helper()
			for range n {
				out, err := c.enter()
				if err != nil {
					t.Fatalf("after %d: %v", len(leave), err)
				}
				leave = append(leave, out)
			}
		}
		fill(mostWaiting)
		if _, err := c.enter(); err == nil {
			t.Error("one too many was let in")
		}
		leave[7]()
		fill(1)
		for i, out := range leave {
			if i != 7 {
				out()
			}
		}
		fill(1)
		time.Sleep(2 * longWait)
		fill(fewWaiting - 1)
		if _, err := c.enter(); err == nil {
			t.Error("somebody was let in behind one who waits in vain, and many others")
		}
		leave[len(leave)-fewWaiting]() // that one
		fill(1)
	})
}

// Who is too much is told at once, and when to come again; nothing is written, and who only looks is served.
func TestCrowd_IsTurnedAway(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	for range mostWaiting {
		leave, err := h.server.crowd.enter()
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
	}
	a := h.bad(fsm.Unavailable, p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 1}))
	if a.header.Get("Retry-After") == "" {
		t.Error("it is not told when to come again")
	}
	if me := h.good(200, p.ask("GET", "/me", nil)); me.Data["concurrent_jobs"] != 0.0 {
		t.Errorf("it was written: %v", me.Data)
	}
}

package queue

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"stoker/fsm"
)

// A poll whose time is over while a Lease that names it is on its way waits for that: the grant may be made already, and would
// reach nobody.
func TestBroker_WhoIsAskedForStays(t *testing.T) {
	b := newBroker(nil, slog.New(slog.DiscardHandler), 1)
	w := newWaiter(fsm.Want{Worker: "w1", Poll: "p1", Max: 1})
	b.join(w, fsm.Worker{})
	w.asked = true
	if b.leave(w) {
		t.Error("it left while it was asked for")
	}
	if !w.leaving || b.line.n != 1 {
		t.Errorf("leaving: %v, in the line: %d", w.leaving, b.line.n)
	}
	w.asked = false
	if !b.leave(w) || b.line.n != 0 {
		t.Errorf("whom nobody asks for stays; in the line: %d", b.line.n)
	}
}

// A worker that leaves breaks its poll off and asks once more without waiting. On a busy machine the first request may be read
// after the second: parked, it would be granted work that nobody does until the lease is found to be unconfirmed.
func TestBroker_WhatComesAfterItsLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(nil, slog.New(slog.DiscardHandler), 1)
		ask := func(id string, last bool) *waiter {
			w := newWaiter(fsm.Want{Worker: "w1", Poll: id, Max: 1})
			w.last = last
			b.join(w, fsm.Worker{})
			return w
		}
		if w := ask("p1", true); !b.leave(w) {
			t.Fatal("the last words do not leave")
		}
		time.Sleep(remembered)
		late := ask("p1", false)
		select {
		case g := <-late.got:
			if g != nil || b.line.n != 0 {
				t.Errorf("it was granted %v; in the line: %d", g, b.line.n)
			}
		default:
			t.Error("it is parked")
		}
		for _, id := range []string{"", "p2"} { // what has no name, or another, is not it
			ask("", true)
			ask(id, false)
			if b.line.polls[poll{"w1", id}] == nil {
				t.Errorf("poll %q is not parked", id)
			}
		}
		time.Sleep(2 * remembered)
		if ask("p1", false); b.line.polls[poll{"w1", "p1"}] == nil || len(b.over.now)+len(b.over.before) > 0 {
			t.Errorf("it is known for ever: %v, %v", b.over.now, b.over.before)
		}
	})
}

// A poll's last words come while a Lease that went along in an entry asks for it: they wait for what that finds, which would reach
// nobody else. Before it there was nothing for its kind, and that no longer says anything.
func TestBroker_LastWordsWaitForWhatIsOnItsWay(t *testing.T) {
	b := newBroker(nil, slog.New(slog.DiscardHandler), 1)
	want := fsm.Want{Worker: "w1", Poll: "p1", Max: 1}
	parked, last := newWaiter(want), newWaiter(want)
	b.join(parked, fsm.Worker{})
	parked.kind.nothing(b.news)
	b.seen = b.news
	asked := b.line.ahead(map[string]int{"interior": 1}, b.news)
	b.ask(asked)
	if len(asked) != 1 || asked[0] != parked || !b.matching {
		t.Fatalf("asked for: %v", asked)
	}
	last.last = true
	b.join(last, fsm.Worker{})
	select {
	case <-last.looked:
		t.Error("they are told that there is nothing")
	default:
	}

	// Nobody knows what has become of the Lease: the one that left has its answer, and what is ready is looked through for the other.
	b.takeBack(asked)
	if len(parked.got) != 1 || b.line.n != 1 || b.line.polls[pollOf(want)] != last || b.matching || !b.due() {
		t.Errorf("answers %d, in the line %d, %+v", len(parked.got), b.line.n, b.line.polls)
	}
}

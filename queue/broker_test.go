package queue

import (
	"log/slog"
	"testing"

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

package node

import (
	"slices"
	"testing"

	"stoker/fsm"
)

// TestBatcher_worth: whatever is pending makes an entry when none is on its way. Beside one that is, only what is worth one does;
// the rest waits for it, in order, and no group is split.
func TestBatcher_worth(t *testing.T) {
	b := &batcher{level: func() uint64 { return fsm.Level }}
	b.slots, b.wake = make(chan struct{}, entriesAtOnce), make(chan struct{}, 1)
	submit := func(n int) { b.submit(slices.Repeat([]fsm.Proposal{fsm.Propose(fsm.Expire{Limit: 1})}, n)) }
	taken := func() (sizes []int) {
		for _, g := range b.take(b.least()) {
			sizes = append(sizes, len(g.proposals))
		}
		return sizes
	}
	expect := func(when string, want ...int) {
		t.Helper()
		got := taken()
		if !slices.Equal(got, want) {
			t.Fatalf("%s: groups of %v go, want %v", when, got, want)
		}
	}
	for range entriesAtOnce - 1 { // what run holds while it looks
		b.slots <- struct{}{}
	}
	expect("with nothing pending")
	submit(1)
	expect("with nothing on its way", 1)
	b.slots <- struct{}{}
	submit(1)
	submit(entryWorth - 2)
	expect("with too little beside an entry")
	submit(3)
	expect("with enough beside an entry", 1, entryWorth-2, 3)
	submit(entryProposals)
	submit(entryProposals)
	expect("with more than an entry takes", entryProposals)
	submit(2)
	expect("with what that left", entryProposals)
	expect("with too little again")
	<-b.slots
	expect("when the entry is through", 2)
}

package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"stoker/fsm"
)

// again is a sender whose requests arrive more than once. It numbers them itself,
// as a node's proposer does, and some time after each was answered it is delivered
// once more, whole, by whichever node, to whoever leads then: a copy that somebody
// sent again who had not heard the answer. The sequence may have been passed by
// then, and the leader may be another.
func (w *world) again(ctx context.Context, dice *rand.Rand) {
	var copies sync.WaitGroup
	defer copies.Wait()
	origin, seq := fmt.Sprintf("again-%d", dice.Uint64()), uint64(0)
	for pause(ctx, time.Duration(1+dice.IntN(5000))*time.Millisecond) == nil {
		n := w.any(dice)
		if n == nil {
			continue
		}
		seq++
		reason := w.tally.begin()
		p := fsm.Propose(fsm.GrantCredits{User: "u", Amount: 1, Reason: reason})
		p.Origin, p.Seq, p.Floor = origin, seq, seq
		group := []fsm.Proposal{fsm.Propose(fsm.RegisterOrigin{Origin: origin, Node: "again"}), p}
		first, err := w.deliver(n, group)
		w.told(reason, err)
		if errors.Is(err, ErrOutcomeUnknown) { // nobody may pass it
			origin, seq = fmt.Sprintf("again-%d", dice.Uint64()), 0
		}
		if err != nil {
			continue
		}
		late, by := time.Duration(dice.IntN(20_000))*time.Millisecond, rand.New(rand.NewPCG(dice.Uint64(), 0))
		copies.Go(func() {
			if pause(ctx, late) == nil {
				w.deliverCopy(by, group, first)
			}
		})
	}
}

// deliver sends a group until it is answered, for ten seconds.
func (w *world) deliver(n *Node, group []fsm.Proposal) (fsm.Outcome, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	lost := ErrUnavailable
	for ctx.Err() == nil {
		leader, err := n.leader.await(ctx)
		if err != nil {
			break
		}
		out, err := n.propose(ctx, leader, group, func() bool { return true })
		switch {
		case !w.heard(n):
			return fsm.Outcome{}, ErrOutcomeUnknown
		case err == nil && out[1].Refusal != nil:
			return out[1], out[1].Refusal
		case err == nil:
			return out[1], nil
		case !errors.Is(err, errNotTaken):
			lost = ErrOutcomeUnknown
		}
		n.leader.pause(ctx, leader)
	}
	return fsm.Outcome{}, lost
}

// deliverCopy delivers a group that was answered.
func (w *world) deliverCopy(dice *rand.Rand, group []fsm.Proposal, first fsm.Outcome) {
	n := w.any(dice)
	if n == nil {
		return
	}
	again, err := w.deliver(n, group)
	switch r, isRefused := asRefusal(err); {
	case err != nil && !isRefused:
		return // nobody was there
	case isRefused && r.Code != fsm.SequencePassed && r.Code != fsm.OriginUnknown:
		w.wrongf("a copy of what was done in entry %d is refused: %v", first.Index, err)
	case !isRefused && again.Index != first.Index:
		w.wrongf("what was done in entry %d is said to be done in entry %d", first.Index, again.Index)
	}
	w.saw(sawTwice)
	w.checked(heldTwice)
}

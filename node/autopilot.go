package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"stoker/fsm"
)

// autopilot is the leader's duty of the members: Raft's configuration follows
// what the machine says. Who was let in gets a seat without a vote, who has kept
// up for Timing.Promote a vote, and who was removed loses both. A leader that is
// to be left alone, or was removed, hands over first.
func (n *Node) autopilot(ctx context.Context, term uint64) {
	began := time.Now()
	for ctx.Err() == nil {
		changed := n.roster.changed.listen()
		if err := n.reconcile(ctx, began); err != nil && ctx.Err() == nil {
			n.log.Warn("the members are not as they should be; it is tried again", "err", err, "term", term)
		}
		next := time.After(n.cfg.Timing.Probe)
		if len(n.roster.all()) == 1 {
			next = nil // alone, and nobody comes without a word
		}
		select {
		case <-changed:
		case <-next:
		case <-ctx.Done():
		}
	}
}

// reconcile looks once, and brings Raft's configuration nearer to what it should be.
// One that has changed under it is seen the next time.
func (n *Node) reconcile(ctx context.Context, began time.Time) error {
	v := n.machine.View()
	rows, removed, pilot := v.Members(), v.Removed(), v.Autopilot()
	v.Close()
	seats := seatsOf(n.raft)
	if slices.Contains(removed, n.cfg.ID) || n.Draining() {
		if to := n.heir(); to != "" {
			n.log.Info("this node is to be left alone; it hands leadership over", "to", to)
			return n.transferTo(ctx, to)
		}
	}
	for _, id := range removed {
		if _, seated := seats[id]; seated && id != n.cfg.ID {
			n.log.Info("a removed member loses its seat", "member", id)
			return n.await(ctx, n.raft.RemoveServer(raft.ServerID(id), 0, 0))
		}
	}
	for _, m := range rows {
		if _, seated := seats[m.ID]; !seated && !slices.Contains(removed, m.ID) {
			n.log.Info("a new member gets a seat, and a vote when it has caught up", "member", m.ID)
			return n.await(ctx, n.raft.AddNonvoter(raft.ServerID(m.ID), raft.ServerAddress(m.ID), 0, 0))
		}
	}
	for _, s := range n.roster.all() {
		if voter, seated := seats[s.ID]; seated && !voter && n.ripe(s) {
			n.log.Info("a member has caught up and gets a vote", "member", s.ID)
			return n.await(ctx, n.raft.AddVoter(raft.ServerID(s.ID), raft.ServerAddress(s.ID), 0, 0))
		}
	}
	return n.bury(ctx, seats, time.Duration(pilot.RemoveDeadAfter), began)
}

// ripe says whether a learner may have a vote: it has kept up long enough, and
// understands what the cluster speaks.
func (n *Node) ripe(s Seat) bool {
	h, alive := n.peers.get(s.ID, n.fresh())
	return alive && !s.Draining && !h.well.IsZero() && time.Since(h.well) >= n.cfg.Timing.Promote && h.level() >= n.machine.Level()
}

// leastVoters stay, however many die.
const leastVoters = 3

// bury removes a voter that has been silent for longer than the operator allows;
// never below leastVoters, and never unless the living are a majority without it.
func (n *Node) bury(ctx context.Context, seats map[string]bool, after time.Duration, began time.Time) error {
	if after == 0 {
		return nil
	}
	voters, alive, dead := 0, 0, ""
	for _, s := range n.roster.all() {
		if !seats[s.ID] {
			continue
		}
		voters++
		h, answers := n.peers.get(s.ID, n.fresh())
		silent := time.Since(began)
		if !h.at.IsZero() {
			silent = min(silent, time.Since(h.at))
		}
		switch {
		case s.ID == n.cfg.ID || answers:
			alive++
		case silent >= after:
			dead = s.ID
		}
	}
	if dead == "" || voters <= leastVoters || alive < voters/2+1 {
		return nil
	}
	n.log.Warn("a voter has been silent for too long; it is removed", "member", dead, "after", after)
	_, err := Apply(ctx, n, fsm.RemoveMember{ID: dead}, By("autopilot"))
	return err
}

// heir is the voter to hand leadership to: one that answers, has room on its disk
// and is not to be left alone, the furthest along; "" if there is none.
func (n *Node) heir() string {
	best, index := "", uint64(0)
	for _, s := range n.roster.all() {
		h, alive := n.peers.get(s.ID, n.fresh())
		if s.ID == n.cfg.ID || !s.Voter || s.Draining || !alive || h.report.Room != ample || n.roster.removed(s.ID) {
			continue
		}
		if best == "" || h.report.Index > index {
			best, index = s.ID, h.report.Index
		}
	}
	return best
}

// Draining says whether this node is to be left alone.
func (n *Node) Draining() bool {
	return slices.ContainsFunc(n.roster.all(), func(s Seat) bool { return s.ID == n.cfg.ID && s.Draining })
}

// AwaitDraining returns when this node is, or is no longer, to be left alone, or
// with the context's error.
func (n *Node) AwaitDraining(ctx context.Context, draining bool) error {
	for {
		changed := n.roster.changed.listen()
		if n.Draining() == draining {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// seatsOf are the ids in Raft's configuration, and whether each has a vote.
func seatsOf(r *raft.Raft) map[string]bool {
	seats := map[string]bool{}
	for _, s := range r.GetConfiguration().Configuration().Servers {
		seats[string(s.ID)] = s.Suffrage == raft.Voter
	}
	return seats
}

// await waits for what was asked of Raft.
func (n *Node) await(ctx context.Context, f raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("not heard of before the end: %w", ctx.Err())
	}
}

package node

import (
	"context"
	"time"

	"stoker/fsm"
)

// housekeeping is the leader's duty towards the disks: a node that is low on room
// hands leadership to one that is not. If there is none, or too few are left to
// make a quorum, the cluster takes no commands but those that free something.
func (n *Node) housekeeping(ctx context.Context, _ uint64) {
	tick := time.NewTicker(n.cfg.Timing.Probe)
	defer tick.Stop()
	defer n.closed.Store(false)
	// A new leader does not hand over at once: what it has heard of the others is from before, and
	// two that have both run low would hand it to and fro, as fast as they can, until they hear.
	for first := true; ; first = false {
		own, _ := n.space.last()
		heir, able := n.heir(), n.roomy()
		_, quorum := n.voters()
		shut := able < quorum || own != ample && heir == ""
		if own != ample && heir != "" && !first {
			n.log.Warn("the disk is nearly full; leadership is handed over", "to", heir)
			if err := n.transferTo(ctx, heir); err != nil && ctx.Err() == nil {
				n.log.Warn("hand leadership over", "to", heir, "err", err)
				shut = true
			}
		}
		if n.closed.Swap(shut) != shut {
			n.log.Warn("commands that need room", "refused", shut)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// roomy counts the voters that are not known to be low on room, this one included.
func (n *Node) roomy() (able int) {
	peers, _ := n.voters()
	if own, _ := n.space.last(); own == ample {
		able++
	}
	for _, id := range peers {
		if h, fresh := n.peers.get(string(id), n.fresh()); !fresh || h.report.Room == ample {
			able++
		}
	}
	return able
}

// roomFor refuses a command for which there is no room, at the door: it has no
// number yet and is in nobody's log. What the leader can take it says itself, to
// the others with its status.
func (n *Node) roomFor(ctx context.Context, p fsm.Proposal) error {
	leader, _ := n.leader.get()
	left, shut := ample, false
	if leader == n.cfg.ID {
		left, _ = n.space.last()
		shut = n.closed.Load()
	} else if h, fresh := n.peers.get(leader, n.fresh()); fresh {
		left, shut = h.report.Room, h.report.Closed
	}
	if !shut || left != full && fsm.Frees(p) {
		return nil
	}
	if p.By == "system" { // a duty, which would ask again at once
		select {
		case <-time.After(n.cfg.Timing.Probe):
		case <-ctx.Done():
		}
	}
	return ErrStorageFull
}

package node

import "context"

// spread tells the followers what is committed. While entries flow, each one
// carries the commit index of those before it; after the last one nothing would,
// until Timing.Commit, and whoever waits at a follower for its own write would
// wait for that. So when no entry is on its way and some peer holds committed
// entries it has not been told of, heartbeats are sent at once, which carry the
// index (see transport.commitFor).
type spread struct {
	wake chan struct{} // of capacity 1
}

// look is called when an entry was applied and when a peer confirmed one:
// whichever comes last finds the peer untold.
func (s spread) look() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (n *Node) spreadCommits(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.spread.wake:
		}
		term, leads := n.lead.current()
		if leads && n.batcher.idle() && n.acks.untold(term, n.raft.CommitIndex()) {
			n.raft.VerifyLeader()
		}
	}
}

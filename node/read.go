package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"stoker/fsm"
)

// Consistency says what a read must have seen.
type Consistency struct {
	mode  readMode
	index uint64
	epoch uint64
}

type readMode int

const (
	linearizable readMode = iota
	stale
	atLeast
)

// Linearizable, the zero value, sees everything that was acknowledged, by any
// node, before the read began. Stale sees what this node has applied.
var (
	Linearizable = Consistency{}
	Stale        = Consistency{mode: stale}
)

// AtLeast sees what was applied up to index, in the epoch in which the index was
// given out. The leader is not asked.
func AtLeast(index, epoch uint64) Consistency {
	return Consistency{mode: atLeast, index: index, epoch: epoch}
}

// Read gives a view of the state; close it. The error is ErrUnavailable, when
// the leader or the entries did not come before the deadline (Timing.Patience if
// ctx has none), or a *fsm.Refusal when AtLeast names another epoch.
func (n *Node) Read(ctx context.Context, c Consistency) (*fsm.View, error) {
	if n.ctx.Err() != nil {
		return nil, unavailable("read", errStopped)
	}
	if c.mode == stale {
		return n.machine.View(), nil
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, n.cfg.Timing.Patience)
		defer cancel()
	}
	index := c.index
	if c.mode == atLeast {
		if err := n.sameEpoch(c.epoch); err != nil {
			return nil, err
		}
	} else {
		var err error
		if index, err = n.reads.join(ctx); err != nil {
			return nil, unavailable("read", err)
		}
	}
	if err := n.catchUp(ctx, index); err != nil {
		return nil, unavailable(fmt.Sprintf("wait for entry %d", index), err)
	}
	v := n.machine.View()
	if c.mode == atLeast && v.Epoch() != c.epoch {
		defer v.Close()
		return nil, otherEpoch(c.epoch, v.Epoch())
	}
	return v, nil
}

// lastDrops is how long a node whose disk is full waits for its machine: what is
// in its log is applied sooner, and nothing else will come.
const lastDrops = time.Second

// catchUp waits until the machine has applied index. If nothing comes into this
// node's log any more, it says so early: others may have what is asked for.
func (n *Node) catchUp(ctx context.Context, index uint64) error {
	now, _ := n.space.last()
	if now != full {
		return n.applied.wait(ctx, index)
	}
	soon, cancel := context.WithTimeout(ctx, lastDrops)
	defer cancel()
	if err := n.applied.wait(soon, index); err != nil {
		return errors.Join(ErrBehind, err)
	}
	return nil
}

// sameEpoch refuses at once what waiting would not help: this node knows a later
// epoch. A node that knows an earlier one may be about to hear of the restore.
func (n *Node) sameEpoch(epoch uint64) error {
	v := n.machine.View()
	defer v.Close()
	if v.Epoch() > epoch {
		return otherEpoch(epoch, v.Epoch())
	}
	return nil
}

func otherEpoch(asked, is uint64) error {
	return fsm.Refuse(fsm.ValidationFailed, "the index was given out in epoch %d of this cluster, which is in epoch %d since it was restored: read without it", asked, is)
}

func unavailable(what string, err error) error {
	return fmt.Errorf("%w (%s: %w)", ErrUnavailable, what, err)
}

// readIndex is a round of this node's readers: the index that they must have
// applied, from the leader, whoever that is.
func (n *Node) readIndex(ctx context.Context) (uint64, error) {
	began := time.Now()
	for {
		leader, err := n.leader.await(ctx)
		if err != nil {
			return 0, fmt.Errorf("no leader: %w", err)
		}
		var index uint64
		if leader == n.cfg.ID {
			index, err = n.confirms.join(ctx)
		} else {
			index, err = n.askReadIndex(ctx, leader)
		}
		if err == nil {
			n.metrics.confirm.Observe(time.Since(began).Seconds())
			return index, nil
		}
		if ctx.Err() != nil {
			return 0, fmt.Errorf("ask the leader %s: %w", leader, err)
		}
		n.leader.pause(ctx, leader)
	}
}

// confirm is a round of the leader: an index such that who has applied it has
// seen all that was acknowledged, and all that any reader saw, before the round.
//
// The index is that of the last command committed when the round begins, after
// this leader's own first entry was applied (ready says so), hence at least
// what earlier leaders committed. It is not the machine's index: a follower may
// apply an entry, and show it to a reader, before this node's own machine has
// come to it.
//
// That no later leader has committed anything before the round began is proved
// by a quorum that is in our term after it began: each peer has answered with
// success, in our term, a message that was sent since, and this node is in the
// term at the end. A later leader's voters and this quorum share a node, which
// voted after the round began.
func (n *Node) confirm(ctx context.Context) (uint64, error) {
	term, err := n.lead.ready(ctx)
	if err != nil {
		return 0, err
	}
	began := n.acks.tick()
	index := n.lastCommand(n.raft.CommitIndex())
	peers, quorum := n.voters()
	if len(peers) > 0 {
		n.raft.VerifyLeader() // only to have heartbeats sent now; its answer proves nothing (issue 695)
	}
	for {
		changed, ended := n.acks.changed.listen(), n.lead.changed.listen()
		if n.raft.CurrentTerm() != term {
			return 0, errNotLeading
		}
		if n.acks.since(peers, term, began)+1 >= quorum && n.raft.CurrentTerm() == term {
			return index, nil
		}
		select {
		case <-changed:
		case <-ended:
			if now, ok := n.lead.current(); !ok || now != term {
				return 0, errNotLeading
			}
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// confirmFor is confirm for a round of another member's readers, who came before
// that member was in the given term. Where the two of them are a quorum, nobody
// need be asked: if a later leader had committed anything before those readers
// came, one of the two had voted for it by then, and would be in a later term.
func (n *Node) confirmFor(ctx context.Context, reader raft.ServerID, in uint64) (uint64, error) {
	term, err := n.lead.ready(ctx)
	if err != nil {
		return 0, err
	}
	if peers, quorum := n.voters(); in != term || quorum > 2 || !slices.Contains(peers, reader) {
		return n.confirms.join(ctx)
	}
	index := n.lastCommand(n.raft.CommitIndex())
	if n.raft.CurrentTerm() != term {
		return 0, errNotLeading
	}
	return index, nil
}

// lastCommand is the index of the last command at or below a committed index:
// the machine never hears of no-ops, barriers and configurations, so waiting for
// one of those could last for ever.
func (n *Node) lastCommand(committed uint64) uint64 {
	for i := committed; i > n.machine.Index(); i-- {
		var l raft.Log
		if err := n.logs.GetLog(i, &l); err != nil {
			break // truncated below a snapshot, which holds only what was applied
		}
		if l.Type == raft.LogCommand {
			return i
		}
	}
	return n.machine.Index()
}

// voters are the others that have a vote, and how many nodes, this one counted,
// are a quorum.
func (n *Node) voters() (peers []raft.ServerID, quorum int) {
	all := 0
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		all++
		if s.ID != raft.ServerID(n.cfg.ID) {
			peers = append(peers, s.ID)
		}
	}
	return peers, all/2 + 1
}

// Ready returns once this node can serve linearizable reads of a cluster that
// has begun (where Config.Genesis says how).
func (n *Node) Ready(ctx context.Context) error {
	for {
		v, err := n.Read(ctx, Linearizable)
		if err != nil {
			return err
		}
		index, begun := v.Index(), v.Epoch() != 0 || n.cfg.Genesis == nil
		v.Close()
		if begun {
			return nil
		}
		if err := n.applied.wait(ctx, index+1); err != nil {
			return fmt.Errorf("node: the cluster has not begun: %w", err)
		}
	}
}

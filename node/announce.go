package node

import (
	"context"
	"slices"
	"time"

	"stoker/fsm"
)

// announce tells the machine who this node is and where it listens, whenever it
// starts, also when it has said so before: what it reads of itself may be old, and
// nothing newer comes while the others look for it elsewhere. It comes to the
// leader by the addresses that it knows itself.
func (n *Node) announce(ctx context.Context) {
	for ctx.Err() == nil {
		v := n.machine.View()
		begun, level, next := v.Epoch() != 0, v.Level(), v.Index()+1
		greeted := slices.ContainsFunc(v.Members(), func(m fsm.Member) bool {
			return m.ID == n.cfg.ID && m.HTTP == n.self.HTTP && m.Version == n.cfg.Version
		})
		v.Close()
		var err error
		switch {
		case !begun:
			n.applied.wait(ctx, next)
			continue
		case level < 2 && greeted:
			n.awaitLevel(ctx, 2)
			continue
		case level < 2:
			var r Result[fsm.NodeSet]
			r, err = Apply(ctx, n, fsm.SetNode{Member: fsm.Greeting{ID: n.cfg.ID, HTTP: n.self.HTTP, Version: n.cfg.Version}}, By("system"))
			n.applied.wait(ctx, r.Index)
		default:
			if _, err = Apply(ctx, n, n.introduction(), By("system")); err == nil {
				return
			}
		}
		if r, refused := asRefusal(err); refused && r.Code != fsm.Unavailable {
			n.log.Warn("what this node says of itself is refused", "err", err)
			return
		}
	}
}

// introduction is what this node says of itself.
func (n *Node) introduction() fsm.SetMember {
	return fsm.SetMember{
		ID: n.cfg.ID, HTTP: n.self.HTTP, Addr: n.self.Addr, Version: n.cfg.Version, Level: n.cfg.level,
		Incarnation: n.nursery.standing().Incarnation,
	}
}

// awaitLevel returns when this node knows that the cluster has been raised to a level.
func (n *Node) awaitLevel(ctx context.Context, level uint64) {
	tick := time.NewTicker(n.cfg.Timing.Probe)
	defer tick.Stop()
	for n.machine.Level() < level {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

package node

import (
	"context"

	"stoker/fsm"
)

// Snapshot pins this node's state, which has seen all that was acknowledged, by
// any node, before the call. Close it. Applying goes on.
func (n *Node) Snapshot(ctx context.Context) (*fsm.Snapshot, error) {
	v, err := n.Read(ctx, Linearizable)
	if err != nil {
		return nil, err
	}
	v.Close()
	return n.machine.Snapshot()
}

// Version is that of this node's binary.
func (n *Node) Version() string { return n.cfg.Version }

package node

import (
	"context"
	"time"

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
	s, err := n.machine.Snapshot()
	if err != nil {
		return nil, err
	}
	s.Pace = n.copying()
	return s, nil
}

// copying paces a copy of the state: it takes half a core, and those who write go on beside it. A step that takes longer than
// copyMost has waited for the disk, and has left the core to others meanwhile. It ends with the node.
func (n *Node) copying() func(bytes int) error { return breathing(n.ctx, 1, copyMost) }

const copyMost = 2 * time.Millisecond

// Version is that of this node's binary.
func (n *Node) Version() string { return n.cfg.Version }

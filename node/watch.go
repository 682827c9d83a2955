package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"stoker/fsm"
)

// Subscribe adds a listener to this node's machine: it is called in order after
// each applied batch is visible here. It must not block.
func (n *Node) Subscribe(fn func(fsm.Changes)) { n.machine.Subscribe(fn) }

// Metrics is the registry of this node's numbers, those of all rooms.
func (n *Node) Metrics() *prometheus.Registry { return n.cfg.Metrics }

// View is a stale read that cannot fail: what this node has applied. Close it.
func (n *Node) View() *fsm.View { return n.machine.View() }

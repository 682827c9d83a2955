package node

import "stoker/fsm"

// Subscribe adds a listener to this node's machine: it is called in order after
// each applied batch is visible here. It must not block.
func (n *Node) Subscribe(fn func(fsm.Changes)) { n.machine.Subscribe(fn) }

// View is a stale read that cannot fail: what this node has applied. Close it.
func (n *Node) View() *fsm.View { return n.machine.View() }

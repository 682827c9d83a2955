// Package queue is the volatile half of the queue: who is waiting, and who has
// been heard of. What is ready, who holds what and who comes next is decided by
// the machine (package fsm); this package may be lost at any moment.
//
// A worker's long poll waits in the leader's [broker], whichever node the worker
// dialled: a follower holds the connection and registers the want with the
// leader, again after a change of leader. The waiting workers stand in a [line]
// by kind: those of one kind take, lack and have loaded the same presets. When
// the machine says that work is ready, the broker proposes one fsm.Lease with the
// first of each kind, as many as there is work for it. If workers wait when an entry
// is made that is about to make work ready, that Lease goes along in this very
// entry: the work is in a worker's hands with the commit that queues it, and not with
// a second one. The leader's [book] knows when each lease was last renewed and names
// those that ran out to the machine.
//
// Progress, and the control requests of workers that park until there is something
// to tell them, live here too: they cost no entry and are nobody's loss.
//
// # Invariants
//
//   - Waiting costs no log entry; a renewal costs none either.
//   - At most one Lease proposal is on its way; if it found nothing, the next one
//     follows only after the machine said that work is ready.
//   - Whom a Lease leaves out would have been granted nothing by it (up to 256
//     that it asks for): the machine serves those of one kind in their order.
//   - A grant whose poll is gone is not lost: the poll's id finds it again, or it
//     is unconfirmed and comes back after the first-contact time.
//   - A lease is named as run out only by a leader that has known it for its whole
//     time: a new leader gives every lease a full TTL.
//
// # Why not …
//
//   - waiters in the log: they are nobody's loss. A poll that dies with its leader
//     is registered again by the node that holds its connection.
//   - polling the state from each follower: the work would be handed out on
//     stale sight, and every miss would cost an entry.
//   - asking for all who wait: an item for one of 5,000 workers would be an entry
//     with 256 of them, read and looked up on every node.
//   - one Lease entry per worker: with a thousand idle workers a burst of items
//     would queue a thousand entries behind each other.
//   - a heap of lease deadlines: renewals move every deadline all the time, so
//     the book is looked through when its earliest deadline comes; a few
//     thousand leases take microseconds.
package queue

// Package bench measures and torments: what must be seen of queue and cluster, as commands that anybody can repeat.
//
// There are five. [QueueSim] drives the machine alone, in virtual time, and says how fair it is. [Queue] parks thousands of
// polls on three real processes and measures what an item takes from its commit to a worker. [QueueChaos] kills workers and
// nodes in a seeded loop and proves at the end that nothing was lost, done twice or paid twice. [Failover] strikes the leader
// under load in every way that a leader can be lost, and says what clients saw. [Objects] sends pictures through the object
// store and through another S3 server beside it.
//
// # Invariants
//
//   - A command prints figures it measured in this very run, and compares only figures of the same run: a machine's load
//     changes more between two runs than most code does.
//   - What a command asserts it also asserts in its test, with smaller numbers.
//   - Everything random comes from a seed that can be given.
//   - Only loopback is dialled, and nothing is left behind: no process, no folder. One thing is fetched and kept: the program
//     that Objects compares with, by go install into the user's cache folder, once.
//
// # Why not …
//
//   - testing.B? These are whole systems, of several processes or an hour of virtual time; one run is the sample.
//   - … a fluid model for fairness in the test, instead of the machine? The machine is the product. The fluid share is what it
//     is compared with (Parekh and Gallager 1993: how far a packet system may fall behind generalized processor sharing).
//   - … packet filters or network namespaces to cut a node off? They need root. A switchboard (its own package) needs none,
//     and holds bytes as a lossy network does: nobody is told.
//   - … the other S3 server as a dependency? It is a program, and its module would become ours to upgrade.
//   - … a load generator from outside? It would have to know the worker's protocol, sessions and fences.
package bench

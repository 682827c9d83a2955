// Package bench measures and torments: what must be seen of queue and cluster, as commands that anybody can repeat.
//
// Some measure how fast: [Create], [Callback], [Grants], [Lifecycle], [Read] and [Mixed] are scenarios of one frame ([Speed]), which
// drives a cluster with clients (package drive) and other systems beside it, in turn, round by round, and compares runs of one
// round. [Check] holds each against what was recorded.
//
// The others torment. [QueueSim] drives the machine alone, in virtual time, and says how fair it is. [Queue] parks thousands of
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
//   - Only loopback is dialled, and nothing is left behind: no process, no folder. What is fetched and kept, once, in the user's
//     cache folder, are the programs of peers.
//   - A peer is driven by its own client library and by the same loop (package drive), in a process of its own. It syncs its disk
//     before it answers, unless its name says otherwise.
//
// # Why not …
//
//   - testing.B? These are whole systems, of several processes or an hour of virtual time; one run is the sample.
//   - … a fluid model for fairness in the test, instead of the machine? The machine is the product. The fluid share is what it
//     is compared with (Parekh and Gallager 1993: how far a packet system may fall behind generalized processor sharing).
//   - … packet filters or network namespaces to cut a node off? They need root. A switchboard (its own package) needs none,
//     and holds bytes as a lossy network does: nobody is told.
//   - … the other S3 server as a dependency? It is a program, and its module would become ours to upgrade.
//   - … peers' client libraries as dependencies? They are larger than we are. Each peer is a folder in _peers with the source of
//     one program, server and client, and is built as a module of its own when it is asked for. Its go.mod has another name
//     here, for a folder with a go.mod cannot be embedded.
//   - … package client for the load? It retries, parses and takes care; the load shares two cores with what it measures, so it
//     speaks HTTP with fasthttp's client and looks at answers only where the next call needs them.
//   - … a load generator from outside? It would have to know the worker's protocol, sessions and fences.
package bench

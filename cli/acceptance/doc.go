// Package acceptance proves the product from outside: it holds tests and nothing else. They build the binary, run real
// clusters of separate processes through cli/local, speak HTTP to them as apps, workers and operators do, and pull plugs.
//
// # Invariants
//
//   - What is under test is the binary as `go build` makes it, found as `stoker init` founds it. Only where a rule needs other
//     settings than a new cluster has (a plan of 1,000 jobs, windows of seconds) the nodes are processes of the test binary,
//     wired as the product is; see nodes_test.go. That can go when settings can be changed in a running cluster.
//   - A call says which node it goes to. What follows from "any node" is tried on every node.
//   - No test waits for time to pass: it waits for what it wants to see, or for a window that the cluster itself keeps.
//   - Tests on the shared cluster run one after the other, kill nothing and leave no work in the queue. Whoever kills has a
//     cluster of its own.
//
// # Why not …
//
//   - … inside the rooms' tests? Those know what they look at. Here nothing is known but the wire contract, so a wrong wire between two
//     right rooms shows.
//   - … a cluster per test? Founding and electing one takes longer than most of what is tested on it.
package acceptance

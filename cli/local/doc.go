// Package local runs a cluster on this machine: N nodes of this very binary as processes of their own, with their own
// ports, data folders and log files, which can be killed for real. `stoker dev` and `stoker demo` are made of it.
//
// # Invariants
//
//   - No process outlives this one. A normal end stops them (SIGTERM, then SIGKILL); on Linux the kernel kills them when
//     this process is killed.
//   - A node is reported as started when it says so itself: /ready answers 200. One that ends before is an error that
//     shows the end of its log.
//   - Children never see STOKER_ variables of this process: STOKER_HTTP would give all nodes the same port.
//   - Ctrl-C reaches this process only (children are in process groups of their own), so nodes go down in order.
//
// # Why not …
//
//   - … nodes as goroutines? kill -9 of a goroutine does not exist, and neither do shared caches between real machines.
//   - … ports from the kernel at every start? A restarted node must come back where the members list says that it is.
package local

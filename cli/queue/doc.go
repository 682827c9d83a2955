// Package queue shows the cluster's queue to its operator: what waits, what has died, and what a purge would do. It renders what package client read and asks nobody.
//
// # Invariants
//
//   - A table that says that something is wrong, or that there is nothing, ends with the command to type next.
//   - A purge that was not confirmed is told in the conditional, and ends with what confirms it.
package queue

// Package queue shows the cluster's queue to its operator: what waits, what a job waits for, what has died, and what a purge
// would do. It renders what package client read and asks nobody.
//
// # Invariants
//
//   - A table that says that something is wrong, or that there is nothing, ends with the command to type next.
//   - A purge that was not confirmed is told in the conditional, and ends with what confirms it.
//
// # Why not …
//
//   - … explain in our own words what a job waits for? The leader's machine decides it; a second opinion here would be of another
//     version some day. Its words are shown as they came.
package queue

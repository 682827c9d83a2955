// Package upgrade shows how far a cluster's upgrade is.
//
// # Invariants
//
//   - The last line says what to do next, or that there is nothing to do.
//
// # Why not …
//
//   - … one level for all that a node says? A node's level is what its binary understands, the cluster's is what its log may hold:
//     between the two an upgrade takes place.
package upgrade

// Package worker shows the workers that a cluster knows. It renders what package client read and asks nobody.
//
// # Invariants
//
//   - A worker that is not granted work says why in its row.
//   - What was done to a worker is told together with how it is taken back.
package worker

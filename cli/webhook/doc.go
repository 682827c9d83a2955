// Package webhook shows where webhooks stand, and what they were not told yet.
//
// # Invariants
//
//   - What a receiver or a worker said is printed through [show.Plain].
package webhook

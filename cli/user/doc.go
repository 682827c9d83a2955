// Package user shows an account and its ledger as the operator sees them.
//
// # Invariants
//
//   - The ledger is shown newest first, each row with the balance after it: whoever doubts the credits can follow them down.
package user

// Package secret shows what the cluster keeps sealed.
//
// # Invariants
//
//   - No value of a secret is ever printed; nothing here could, since no node says one.
package secret

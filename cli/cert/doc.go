// Package cert shows certificates of nodes, and writes them into a node's folder.
//
// # Invariants
//
//   - A private key is made where it is used, is 0600 from the moment it exists, and is sent nowhere.
package cert

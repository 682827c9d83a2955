// Package access shows who may do what: operators' and workers' tokens,
// and access keys to the object store.
//
// # Invariants
//
//   - No token's text is in a list: nobody but its owner has it.
package access

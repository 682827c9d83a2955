// Package access shows who may do what: operators' and workers' tokens.
//
// # Invariants
//
//   - No token's text is in a list: nobody but its owner has it.
package access

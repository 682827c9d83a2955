// Package versions shows the versions of the app's settings: who deployed what, when and why.
//
// # Invariants
//
//   - What people typed, messages and authors, is shown without control characters.
package versions

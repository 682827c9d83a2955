// Package verify shows the nodes' states held against each other.
//
// # Invariants
//
//   - What is shown as equal was compared, at an entry that is named; what could not be compared is said to be so.
//   - [Sound] is true only when nothing differs, nothing is wrong and no alarm stands: it is what the exit code says.
//
// # Why not …
//
//   - … whole hashes? Sixteen digits are enough to see with the eye whether two are equal; --json prints all.
package verify

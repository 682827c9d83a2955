// Package show is how tables, ages and numbers look wherever an operator reads them.
//
// # Invariants
//
//   - What comes from workers and users is printed through [Plain]: an error message of a worker must not be able to move the
//     operator's cursor or to fake a line of ours.
//   - Nothing here asks for the time: who renders says when it is, so that a test can hold the table against a file.
//
// # Why not …
//
//   - … colours? A table is mailed, pasted into a ticket and piped into grep more often than it is looked at.
package show

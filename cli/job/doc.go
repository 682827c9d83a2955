// Package job shows jobs to the operator: a list, one with its items, its whole life, and what it waits for. It renders what
// package client read and asks nobody.
//
// # Invariants
//
//   - What comes from users and workers is shown through show.Plain.
//   - A table that says that there is nothing ends with the command to type next.
//
// # Why not …
//
//   - … explain in our own words what a job waits for? The leader's machine decides it; a second opinion here would be of another
//     version some day. Its words are shown as they came.
package job

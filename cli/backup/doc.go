// Package backup shows backups and what became of them: tables, summaries, and how far one is.
//
// # Invariants
//
//   - What is shown of an archive is what the room that read it found, not what its name says.
//   - Progress goes to standard error; a line now and then where that is no terminal.
//
// # Why not …
//
//   - read archives here? Their state is the inner rooms' business; package main hands it in through cli.Hooks.
package backup

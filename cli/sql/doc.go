// Package sql is how `stoker sql` and `stoker export` read statements and show or keep answers.
//
// [Split] takes a text apart into statements, a [Printer] shows an answer in one of its [Modes], [Save] makes an SQLite file of an
// export.
//
// # Invariants
//
//   - An answer that broke off is an error, also when some of it was printed.
//   - A value is printed through show.Plain where a person looks; CSV and JSON carry it as it is.
//   - A file has its name only when it is whole and synced.
//
// # Why not …
//
//   - … the SQLite file made on the node? It would need room on a disk that the state needs. The node streams rows and this side
//     writes them; so an export works against any node and leaves nothing behind there.
package sql

// Package query answers SQL over a view of the replicated state. It changes nothing and keeps nothing.
//
// There are few types. A [Table] is a table of the state as SQL sees it: columns with where their values come from, and the
// columns whose equality is looked up. [Rows] is a statement under way over one view. A [Desk] lets so many in at once. A [Fault]
// is what is wrong with a statement, for whoever wrote it.
//
// The engine is SQLite, compiled to Go (github.com/ncruces/go-sqlite3, MIT). Every statement gets a connection of its own to an
// empty database in memory, in which each table is a virtual one over the view. So nothing is copied before it is asked for, an
// equality with a key walks only what it finds, and what a statement left behind ends with its connection.
//
// # Invariants
//
//   - A statement sees one state: that of its view. It may take as long as it does: views delay neither entries nor flushes nor
//     snapshots, they keep pages of the state file from being used again (see package store) for at most [MaxTimeout].
//   - Nothing but questions is compiled: the authorizer refuses all else, no pragma, no ATTACH and no transaction among it.
//   - Memory is one mapping a statement, which cannot grow over its bound; temporary tables are in it, and never on the disk. With
//     [Desk] that bounds what all of them take.
//   - A statement ends with its context: SQLite asks for it every thousand steps, long walks in between too.
//   - A path gives at least the rows that it is asked for; SQLite checks every constraint again.
//   - No key, no sealed secret, no session and no hash of a token is in any column. A new table is a list of columns, never a record.
//   - docs/sql.md lists the tables and columns as they are; a test compares.
//
// # Why not …
//
// … modernc.org/sqlite? Measured on the same busy machine, from empty caches, stripped, beside the same small program: 40 s of CPU
// to build against 47, 2.8 MB more of binary against 3.3. Close; what decides is that its memory is that of the whole process, bounded
// for all connections or none, while here each connection has a mapping of its own that is unmapped whole; that a mistake in the
// engine cannot reach memory outside of it; and that its virtual tables go through database/sql, registered for the process and not
// for a connection that has its own view.
//
// … a copy of the tables for each statement? A lookup by id would read a million jobs first.
//
// … a SQL engine written in Go? Those that are small know no window functions, CTEs or JSON, and people know SQLite: it is what the
// rented database was.
//
// … pushing every comparison down? Equality with a key is what makes a statement quick or slow. The rest SQLite does on rows that are
// decoded no further than the statement needs.
//
// … an index by status? Every step of every job would write two more rows, for a count that a person asks for now and then. Jobs are
// counted by reading nothing but their status (see tallyPath).
//
// … rowids? What SQLite tells rows apart by must be the same in every walk, and most tables have no such number: they are WITHOUT
// ROWID, with their key. jobs_log has one, since the key would count as a column that every statement uses.
package query

// Package importer brings over what the stack that Stoker replaces has exported: `stoker import`.
//
//	open.go      an SQLite file or an SQL dump, as a database of our own that can be looked up in
//	value.go     times, numbers, JSON as the other stack may have written them
//	users.go     its users, with their rules and ledgers
//	jobs.go      its jobs, with their items
//	send.go      to the cluster, in bounded parts
//	report.go    what became of it
//	progress.go  how far it is
//	copy.go      objects, from bucket to bucket
//
// # Invariants
//
//   - A row that cannot be understood is named with its table and rowid, is not imported, and takes no other with it.
//   - Nothing is kept between two runs: the cluster knows what it has, and a run that was broken off is run again.
//   - The dump itself is only read.
//
// # Why not …
//
//   - … a parser of SQL? SQLite reads its own dumps. They are executed in a file of ours, where nothing else can be reached.
package importer

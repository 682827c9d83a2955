// Package store is the home of the replicated machine's state: ordered tables
// with secondary indexes, one writer, any number of frozen readers, snapshots.
// It knows nothing of what it stores.
//
// There are few types. A Table is an ordered map from Key to a Go type, an Index
// another order over one; both are package variables of whoever owns the
// records. A Store is an open state. Tables are read through a Reader, which is
// a Tx inside Update, a View, or a Snapshot, and written through a Tx.
//
//	var users = store.NewTable[User]("users")
//
//	err := s.Update(func(tx *store.Tx) error {
//		u, _ := users.Get(tx, store.Str(id))
//		u.Credits += 10
//		users.Put(tx, store.Str(id), u)
//		return nil
//	})
//
// # How it works
//
// The durable record of a change is the Raft log, so an Update need not touch
// the disk. Its rows go into a copy-on-write ordered map, the overlay, that lies
// over a bbolt read transaction. Publishing it is an assignment of a pointer,
// and a View is three pointers. Every so often (Options) the flusher freezes
// the overlay, puts a new one on top, writes the frozen one in a single synced
// bbolt transaction and then replaces it and the read transaction below it by a
// new read transaction. Readers merge up to three layers and see the same rows
// before, during and after a flush.
//
//	   Tx ──► live      applied, in memory
//	          frozen    on its way into the file; mostly absent
//	View ──►  base      bbolt, as of the last flush
//
// Compact copies the rows of one generation into a new file, in their order, while
// flushes go on into the old one. What they wrote is kept in memory and written to
// the new file behind the copy; the last of it, and the rename, happen where a
// flush would. Until then the old file is the state, from then on the new one, and
// both hold the same at that moment.
//
// # Errors and panics
//
// Get and the walks return no error. They panic with a *Corrupt if a row's
// checksum does not match or its bytes do not decode: the state is broken, and
// a command that went on would write the damage into other rows. The boundary
// of the machine recovers it and stops the node. Put panics on what only a
// mistake in the program can bring. A panic inside Update leaves no trace.
//
// # Invariants
//
//   - The file always holds exactly a prefix of the updates: whole ones, in
//     order, without a gap. A flush writes all rows of a frozen overlay in one
//     bbolt transaction, and an Update is never spread over two overlays.
//   - What Flush, Snapshot and Restore report is synced, the folder too.
//   - A file is opened unread only if it was closed in order and has not changed,
//     or if the same kernel runs that took its writes, the file is the same and as
//     the last flush left it, and all rows were read, or made, in a process before
//     that was killed. After a power cut all of it is read.
//   - A published overlay is never changed. What a reader sees never changes.
//   - A row that came and went between two flushes leaves nothing behind it.
//   - No reader delays the writer, the flusher, Restore or Close. A generation
//     of the file is closed by whoever leaves it last.
//   - Equal sequences of updates give equal snapshot bytes, whenever flushes
//     came: rows are encoded deterministically and streamed in order.
//   - The digests that transactions give (Tx.TakeDigest) add up to what Sum finds
//     in the rows, in whatever order they were written.
//   - An index has exactly the positions that its function gives for the rows of
//     its table, in every generation that a reader can see.
//   - Open hands bbolt only a file whose every reachable page was checked, or that
//     was closed in order and is of the size, time and meta pages that it was left
//     with. After a crash of any kind there is no such word.
//     Restore gives a file the state's name only after the stream's SHA-256
//     matched and the file was synced.
//
// # Why not …
//
// … a bbolt commit for each batch? Two flushes of the disk for each, on the path
// of the acknowledgement, and 70 % of the CPU at load, to make durable what the
// log has made durable already.
//
// … bbolt without sync? After a power loss its pages may be of different
// commits, and there is no telling. A synced commit costs little once a second.
//
// … an LSM tree (Pebble, Badger)? It would do the overlay's part too, with
// compactions, a second log and ten times the code. The state is some hundred
// MB and fits the page cache.
//
// … all in memory? A restart would read a snapshot and the whole log behind it
// before it could answer, and a snapshot would have to stop the world or copy.
//
// … one bbolt bucket per table? A bucket of buckets costs a page per table at
// least, and the snapshot, the merge and the verifier would walk two levels. A
// prefix does the same.
//
// … one bbolt read transaction per View? It takes two locks that commits take
// as well, and bbolt cannot enlarge its map while one is open. The shared one
// changes only with a flush, and the address space is reserved in advance.
//
// … rebuilding indexes on every start? It would read and decode all records.
// Open rebuilds only those that a new version of the program brought.
package store

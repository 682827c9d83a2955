// Package archive moves jobs that ended long ago, and old bookings, out of the
// replicated state into files of the object store, and finds them there again.
//
// There are only a few nouns. A segment is a file with the records of some thousand
// jobs ([fsm.JobRecord]), or of stretches of ledgers ([fsm.StretchRecord]). The
// [Keeper] writes them, where the leader is. The [Archive] reads them, on every node.
// What is where is in the state: a row for each segment ([fsm.ArchiveSegment]), a short
// one for each job, and one for each stretch ([fsm.BroughtForward]).
//
// # A segment
//
//	STKARCH1                   8 bytes
//	block, block, …            each a zstd frame of records, one behind the other,
//	                           128 KiB before compression, or one longer record
//	directory                  a zstd frame of CBOR: where each job's record is, by id, and each
//	                           stretch's, by user and last booking
//	footer                     offset and size of the directory (8 bytes each, big-endian), STKARCH1
//
// Every frame has a checksum. One job is read with three ranged reads: the footer,
// the directory and the job's block; directories are remembered. A file tells all of
// itself, so that it can be read without the state.
//
// # How a job moves
//
// The leader looks at jobs from the oldest on. Those that ended longer ago than
// retention.records, and to which nothing refers any more ([fsm.Bonds]), it writes
// into a segment and puts that into the object store as any object: durable on two
// nodes, then recorded. Then it proposes [fsm.ArchiveJobs], a few jobs at a time, with
// the hash of each record, and the machine drops those whose rows have that hash.
// A segment is written when it is full, or when its oldest job is late by a tenth of
// what the settings say, a day at most: so there are few small ones.
//
// # How a booking moves
//
// The leader walks over the users, a part in each round, and finds whose oldest
// bookings are older than jobs stay, and are of no job that is in the state
// ([fsm.View.Foldable]). Stretches of them fill a segment, or what a whole walk has
// found does, a day behind the last one at the earliest. [fsm.FoldLedger] takes them as
// ArchiveJobs takes jobs, always a user's oldest, and keeps the balance that they come
// to. A stretch is 16 bookings at least, since each costs a row for ever; so a user
// keeps up to 15 old ones in the state, and the newest in any case.
//
// # Invariants
//
//   - What leaves the state is in a synced, recorded segment, byte for byte.
//   - A job, and a booking, is in the state or in the archive, never in neither; the
//     row that says where wins over whatever else a file has of it.
//   - A segment that something has moved into is never replaced or deleted. One that
//     nothing has moved into is deleted by the next leader that meets it.
//   - Archiving waits for disks, never the other way round: a full disk, a store that
//     is not there, a leader that is lost leave every job where it is.
//   - A segment that cannot be read is named in the error, and keeps nobody from the
//     others.
//
// # Why not …
//
//   - a timer for each job: it would be one more row for each, for months, and jobs
//     from before the setting would have none. The order of creation is an index
//     that is there already.
//   - the machine's clock for the age: when a job ended is on record in wall clock
//     alone. A clock that is wrong archives too early or too late, and loses nothing.
//   - a filter for each segment instead of a row for each job: an import that is
//     sent again must be told from a new one without a doubt, since it refunds; and a
//     stranger's guess at an id should cost a lookup, not a file.
//   - SQLite or Parquet files: a reader of either is larger than all of this, and
//     what is hashed has to be the rows as they are in the state.
//   - one object a job: a hundred times as many objects, for ever.
//   - merging small segments: a day's jobs are a segment at least, and so are a day's
//     bookings, which makes some hundred a year.
//   - a job's bookings in the job's record: a ledger is read by user, in order, and
//     one page of it would open a file for each job. And there are bookings of no job.
package archive

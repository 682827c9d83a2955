// Package backup makes archives of the state and the pictures, keeps them in a
// folder or a bucket by a schedule, and turns one into the data folders of a new
// cluster.
//
// There are only a few nouns. A [Pinned] state is written as an archive; [Read]
// checks one to its last byte; [Verify] restores its state beside everything else
// and looks at every row. A [Place] keeps archives, a [Keeper] makes them when they
// are due. A [Plan] says what [Restore] is to make.
//
// # The archive
//
// A tar of ordinary files, so that it can be looked at without Stoker:
//
//	manifest.json    what it is: cluster, epoch, index, clock, running hash,
//	                 and the sizes and SHA-256 of the next two
//	state.snapshot   the machine's state, as package store writes it
//	blobs.sha256     each blob that a record refers to; `sha256sum -c` reads it
//	blobs/…          the blobs themselves, if they are included
//	end.json         the SHA-256 of the manifest, and which blobs no node had
//
// All sizes and hashes are known before the first byte is written: the state is
// read twice, which costs no disk, and hashed the first time, and the records know
// those of the blobs. So the archive is a stream, to a client, a file or a bucket, while writes go on.
//
// # Invariants
//
//   - An archive is of one index. It has seen all that was acknowledged before it
//     was asked for, on whichever node.
//   - No byte of an archive may change without Read saying so, and at which member.
//   - A file or object has a backup's name only if it was read to its end and every
//     hash in it was right. An attempt that fails leaves nothing under the name.
//   - A state is restored only if its rows add up: each ledger to its credits, each
//     job to its items, each item to its place in the queue.
//   - A data folder gets its name when all of a plan's are whole and synced.
//   - An archive holds no key: what it has of secrets is sealed.
//   - Retention deletes by the record of what the schedule made, and nothing else.
//     The newest backup stays, whatever the rules say.
//
// # Why not …
//
//   - the bbolt file as the backup: its pages depend on when flushes came, and it
//     holds no blobs. The snapshot's bytes depend on the state alone.
//   - compression: pictures do not compress, and they are nearly all of it. A
//     filesystem or a pipe does it better.
//   - incremental backups: a chain of which one link is lost is lost. Blobs never
//     change, so `--blobs reference` beside a copy of the blob folders is one.
//   - the hashes behind the members, known once they are written: then a reader
//     would have to trust a picture that it cannot check yet.
//   - restoring into a running cluster: a state that jumps back under clients that
//     have read further is what epochs are there to rule out.
//   - robfig/cron for the schedule: it is good and has had no release since 2020.
//     gronx has no dependency and is kept.
//   - aws-sdk-go-v2 for the bucket: its S3 client comes as a dozen modules and
//     checks trailers that not every store knows. minio-go speaks to all of them.
package backup

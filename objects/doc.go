// Package objects is the built-in object store: S3's protocol in front, files
// on the nodes behind, and the machine in between, which knows what exists.
//
// A [Verifier] lets a request in, a [Presigner] makes URLs that carry their own
// permission. A [Disk] keeps blobs; a [Draft] is one that is still being
// written. The [Store] puts them together for one node: [Store.Serve] speaks
// S3, [Store.Put], [Store.Head] and [Store.Open] are the same for Go.
//
// # The way of an upload
//
//	client ──► draft on this node ──► synced, named ─┐
//	              │ followed byte by byte            ├─► fsm.PutObject ─► 200
//	              └─► draft on another ──► the same ─┘
//
// The second copy reads behind the first while it is being written, so two
// copies take the time of one, and neither side holds more than a buffer in
// memory. Behind the last byte goes the SHA-256 of all: a copy becomes a blob
// only when its receiver has computed the same.
//
// # Invariants
//
//   - A file under a blob's name is whole and synced, and its folder was synced
//     before anybody was told of it. It is never written again: another upload
//     of the same key is another blob.
//   - A record names at least two nodes that hold the blob durably, in a cluster
//     of one node that one. The blob is there before the record.
//   - A refused upload leaves no record and no file. What a crash leaves without
//     a record is a draft, removed at the next start, or a blob nobody refers to.
//   - No path on disk contains anything a client chose.
//   - Nothing is done for a request before its signature was found right, and a
//     signature covers the host, the method, the path and every query parameter.
//   - A header that begins with x-amz- and is not signed refuses the request: a URL
//     made for an upload cannot be turned into anything else.
//   - Every operation asks call.may with each key it names, before it looks anything
//     up. An access key that is for nothing may do nothing.
//   - A body's io.EOF says that every chunk's signature, every sum and the announced
//     length were right. Bytes that were read before it are not an object yet.
//   - Of a whole object that comes from another node, the last byte is given out
//     only after the hash of all was found right.
//   - What an object is was found in its own first bytes before it was recorded;
//     what the client called it decides nothing.
//   - What an upload may do is decided by the machine when it is recorded. That
//     it is asked before too only saves the bytes.
//
// # Why not …
//
//   - copy to the second node after the first: a picture would take two transfers
//     before the client has its answer. A pipe between the two would be simpler
//     than a file that is followed, but a slow second node would then hold up the
//     client, and a failed one could not be replaced in the middle.
//   - trust HTTP's framing for the end of a copy: the hash behind the bytes is
//     also there when a proxy, a retry or a wrong length is in the way.
//   - rename into place: it replaces silently what has the name. A link fails.
//   - erasure coding: three machines and small pictures; two whole copies are
//     simpler and read faster.
//   - check signatures against this node's own host only: a URL must work on
//     another node when the one that signed it is gone. All members' hosts name
//     the same cluster, so a signature for one is a signature for all.
//   - decode paths until nothing changes: every decoding after the first invents
//     keys that nobody has signed. What looks escaped twice is refused.
//   - the body's hash in presigned uploads: apps do not know it when the URL is
//     made. The machine records what came, and Content-MD5 is checked if given.
//   - refuse an upload that is no picture with the PUT itself: an app would have to
//     understand S3's errors. It is named at confirm-upload, by its index, where the
//     app reads the answer anyway.
//   - a library for media types: four magic numbers of pictures, and net/http knows
//     three of them. What a library would add are names for what is refused.
//   - read-only stale lookups for downloads: a read on any node sees what any
//     other has acknowledged; the round to the leader is shared by all readers.
package objects

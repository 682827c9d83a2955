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
// # An object in parts
//
// A part is a blob like any other: durable on two nodes before its 200. The object's
// record lists them ([fsm.Segment]) and completing is one command that moves no
// byte; [Store.Open] reads over the files, each from wherever it is, and a range
// opens only those that it touches. A copy is a record that names another's files.
// Nodes pull and say of the record as a whole that they have it. Whatever walks
// blobs asks [fsm.View.Files], which gives every file of every record, and those
// of uploads that are not completed.
//
// # The life of a blob
//
// Two nodes have it when the upload is acknowledged. Each node's tender holds the
// records against its own disk: all of them now and then (Pace.Walk), new ones as
// they are made. What should be here and is not it pulls, from whoever has it,
// verified before it gets its name. What is here and not in the record, or in the
// record and not here, it says with fsm.SetHolder, many records in a command. The
// scrubber reads everything again within Pace.Scrub; what is damaged is set aside,
// not deleted, and pulled from another node. What no record refers to is collected.
//
// # Why nothing is collected that a record comes to name
//
// A file goes when two views, both linearizable and Pace.Grace or more apart by the
// process's own clock, refer to it nowhere. There are two ways for a record to
// come to name a file. A copy takes over the file of a record that exists, so in
// every state between some record names it, and each view is one state. An upload
// names the file that it has just written: its node holds it in memory until the
// record's fate is known (Disk.hold), and gives up proposing after node's Patience
// (10 s). A proposal whose outcome it does not know is by then in some leader's log
// or nowhere. If that leader still leads, the entry is committed before the second
// view, which its quorum confirms, or was cut off. If another leads, it has
// committed an entry of its own term before it answers any read, and with it the
// older entry, or has another in its place. So what the second view does not name,
// no entry will. One case is left: a process that sleeps for longer than Grace
// between its file and its proposal, frozen with its whole machine. Its own file is
// held; the second copy, on another node, may be gone. That node then says so
// (SetHolder.Lost) and pulls it again.
//
// # Invariants
//
//   - A file under a blob's name is whole and synced, and its folder was synced
//     before anybody was told of it. It is never written again: another upload
//     of the same key is another blob.
//   - A record that is acknowledged names two nodes that hold the blob durably, in a
//     cluster of one node that one. The blob is there before the record. Whom it
//     names later said so itself, after its copy was durable; who has lost its copy
//     takes that back as soon as it notices.
//   - A damaged file is never deleted while there is no good one: it is set aside.
//   - Looking after blobs never waits for a leader, nor the other way round: pulling
//     and reading again go on while there is none.
//   - A refused upload leaves no record and no file. What a crash leaves without
//     a record is a draft, removed at the next start, or a blob nobody refers to.
//   - No path on disk contains anything a client chose.
//   - Nothing is done for a request before its signature was found right, and a
//     signature covers the host, the method, the path and every query parameter.
//   - A header that begins with x-amz- and is not signed refuses the request: a URL
//     made for an upload cannot be turned into anything else. What else is refused,
//     and with which code, is the table of package refusals.
//   - Every operation asks call.may with each key it names, before it looks anything
//     up. An access key that is for nothing may do nothing.
//   - A body's io.EOF says that every chunk's signature, every sum and the announced
//     length were right. Bytes that were read before it are not an object yet.
//   - Of a whole object that comes from another node, the last byte is given out
//     only after the hash of all was found right.
//   - A file stays for as long as any record names it: an object, its copies, or an
//     upload in parts that waits for the rest. Such an upload is forgotten when
//     nothing came for a day.
//   - A parameter, or a header of S3, that is not understood refuses the request.
//   - What an object is was found in its own first bytes before it was recorded;
//     what the client called it decides nothing.
//   - Of a store outside ([Outside]) the machine keeps no record but what a node
//     found there when a job was confirmed. An output there is where its item says,
//     in a folder of the grant that made it: nobody else has a URL for it.
//   - A condition on an upload ([fsm.Condition]) is held where the object is recorded, in
//     the same command. That it is asked before too only saves the bytes.
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
//   - have the leader plan the copies: it would have to hear of every disk, and each
//     leader anew. Who pulls a missing copy all nodes agree on without a word, by
//     the hash of upload and node (rendezvous hashing).
//   - a command for each copy: with three nodes that is one more entry an upload. The
//     words of half a second go together.
//   - count references: a counter that is wrong once is wrong for ever, and what it
//     says cannot be looked at. A look at all records says it anew each time.
//   - trust a file's age for collection: clocks jump, and a restored file is old.
//   - check the hash at every read: it would double the reading, and sendfile could
//     not be used. Size is checked; the rest is the scrubber's.
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
//   - copy an output outside from where the worker put it to its usual key: between
//     the copy and the entry lies every way to die, and a late worker's copy could
//     come after. The item names the place instead; the entry alone publishes.
//   - a library for media types: four magic numbers of pictures, and net/http knows
//     three of them. What a library would add are names for what is refused.
//   - put the parts together when an upload is completed: 5 GiB would be read and
//     written once more on two nodes while the client waits, and a crash in the
//     middle would need a state of its own. The price is a longer record: with parts
//     of 5 MiB, the least, 1,024 lines at the most.
//   - versions, ACLs, tags, storage classes: nobody here would look at them. They are
//     refused by name, and answered as unset where clients look.
//   - read-only stale lookups for downloads: a read on any node sees what any
//     other has acknowledged; the round to the leader is shared by all readers.
package objects

// Package fsm holds the rules of Stoker: every command and what it does.
//
// There are only a few nouns. A [Command] is what somebody asks for. A
// [Proposal] is a command on its way, with the numbers that make it happen
// once. A [Batch] of proposals is one Raft entry. The [Machine] applies entries
// in order and answers each proposal with an [Outcome]. A [View] reads the state.
//
// The machine is pure: no clock, no chance, no network, no goroutine. The time
// comes in with the entry, identifiers that nobody may guess are made by the
// proposer, and whoever wants to hear of a change subscribes a function.
//
// # Invariants
//
//   - The same entries give the same state and the same answers, bit by bit, on
//     every node and whatever snapshots were taken or restored between.
//   - A command that refuses has written nothing; what envelops it (its answer under
//     its sequence or key, an operator's row in the audit log) is written all the same.
//   - What an operator's proposal did or was refused stands in the audit log, once,
//     from the entry itself. No command changes a row; they go by age.
//   - No secret is in an entry or a row but sealed, no token but as its SHA-256. What
//     was sealed with a key that is not in force any more is refused.
//   - The sum of a user's ledger is the user's credits, and that is never negative: what its oldest
//     bookings came to, which are in the archive (BroughtForward), and all that are in the state.
//   - User.ActiveJobs is the number of the user's jobs that have not ended.
//   - An item is final once; the last item that becomes final ends its job in the same entry.
//   - A job that confirms or queues itself does so in the entry of its last usable
//     upload; what keeps it from the queue stands in its history.
//   - An item of an executed job that is not final is in exactly one place:
//     ready, leased or scheduled.
//   - Every grant has a fence, one more than the last one; a new epoch begins far
//     above all fences of the one before.
//   - Everything that is not terminal has a row in timers, but for leases: they
//     end by name ([ExpireLeases]), since their renewals live in the leader's memory.
//   - In no window does anybody who could be served all the time get less than its
//     weight's share of what the fair order hands out, minus one batch: 16 items
//     at the preset's price (batch.go). Who could not be served, having nothing
//     ready or as much in work as its plan allows, has no claim from that time.
//   - A job is in the state or in the archive. It leaves the state only with the hash of its
//     rows, byte for byte as they are in a segment whose object is recorded, and only
//     when it has ended and nothing refers to it; its id is never taken again.
//   - So does a booking, behind all that were booked for its user before it, and not while the
//     job is in the state that it was booked for.
//   - Each event that a webhook is to be told arrived, is a delivery, is counted as
//     lost or forgotten, or is ahead of the webhook's place in the feed.
//   - The machine's clock never runs back.
//   - The cluster's feature level never falls. What came with a level neither
//     happens nor leaves a byte in the state below it.
//   - While an alarm stands no command spends.
//   - What came by import is not told and not counted as if it had happened now, but
//     for the import itself; it overwrites nothing, and again it changes nothing.
//   - A user lives in one cell at most, and each of its credits can be spent in one: the cell that it leaves
//     gives them up in the entry that says so (LeftUser), after all of its ledger has arrived in the other,
//     where nothing spends them before it is told (SettleUser). Each step of a move is once by the move's number.
//   - A user's ledger is one sequence wherever the user lives: what two cells have of it begins the same.
//   - A version of the settings never changes and is never removed. A job keeps the
//     price, budgets, times and sizes of the version it was created under.
//
// # The running hash
//
// Every entry's hash goes over the hash before it, the entry, its answers, and
// from level 2 on over the digest of all rows and the machine's own row. So two
// nodes whose hashes are equal at one index hold the same state there, and the
// first index at which they differ is the entry that did it, also when it wrote a
// wrong row without a word in any answer. The digest costs two SHA-256 for each
// row written (store.Digest), not a walk over all; what goes wrong with rows after
// they were written, [View.Scrub] finds by reading them. Only the cluster's
// upgrade to level 2 reads everything within an entry, once.
//
// # Two times
//
// A batch carries two. Stamp is the machine's clock: every deadline is measured
// with it, it never jumps, and an outage does not count (nobody's upload window
// closes because we were down). Wall is the leader's wall clock: it is shown to
// people (created_at and its like), and no rule reads it. One clock for both
// would either show yesterday's time for days after a long stop or fire every
// deadline at once.
//
// # Levels
//
// Nodes of two versions serve one cluster for as long as an upgrade takes, and
// give the same answers. So whatever a version adds is behind its feature level:
// a new kind of command says .since(level) in the register and is refused below
// it; a changed effect or answer of an older kind stands behind tx.level(). A
// cluster begins at the newest level its first members understand and is raised
// by [Upgrade], once. A node that meets a kind or a level it does not know stops
// before it, since it could only guess.
//
// # Why not …
//
//   - the lowest version among the nodes as the level: a node that is away for a
//     while would take commands away that have been used, and one that comes back
//     would change what entries mean. The level is state, raised by an entry.
//   - one switch over all kinds: a command's struct, number, effect and answer
//     stand together in one file, and commands.go is the register.
//   - errors from table reads: they can only mean a broken disk or a broken
//     program; store panics, the machine's boundary catches it and stops the node.
//   - a digest of the state every so often, by a walk at an index that the nodes
//     agree on: it costs a walk each time, says only between which two walks
//     something happened, and has to stop the world or an index to agree at all.
//     Held against the digest carried, each node can read its own rows whenever
//     it has time, without a word to the others.
//   - floating point for shares: integers are equal on every processor.
//   - try again, by a timer, to queue a job that could not be queued by its last
//     upload: its owner has been told and may have decided otherwise.
//   - a row for each event that a webhook is to be told: the feed is the queue. Only
//     what failed is a row, and where a receiver is down not even that.
//   - a transaction over two clusters (two-phase commit with a coordinator): the cell that the user leaves
//     decides alone, the other one only has to be able to follow, and whoever carries the messages keeps nothing.
//     A user who is frozen for the seconds of a move is a price that a coordinator would not save.
//   - the whole state of a user as one message: a ledger has no bound. It comes in parts, and who comes back
//     brings only what is new, since the other cell's is a beginning of it.
//   - the machine deciding when a job moves to the archive: it would need a timer for each, for
//     months. The leader proposes, by the order of creation; the machine only makes
//     sure that nothing is lost (archive.go).
//   - bookings leaving the state in any order: only of the oldest can one balance stand for all that is
//     gone. What it costs is that those behind a job that stays wait for it.
//   - one row for all that a user's ledger brings forward: its bookings would be found by opening one
//     file after the other. A row for a stretch says where to look.
//   - hashing what a row means instead of its bytes: what was read and written again
//     by an older version may have lost a field that it does not know.
//   - keeping ended leases forever: a row lives an hour after its end, long enough
//     to tell a result that is sent again from one that is stale.
package fsm

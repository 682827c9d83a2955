// Package node is one member of a Stoker cluster: a Raft node with the machine
// of package fsm behind it.
//
// There are only a few nouns. A [Node] is started with a [Config]. [Apply] has
// the cluster do a command, once, from whichever node. [Node.Read] gives a view of
// the state that has seen what its [Consistency] says. [Node.WhileLeader] runs a
// duty where the leader is. [Node.Handle] and [Node.Call] are the members' own
// HTTP/2, on the cluster port.
//
// # The way of a command
//
// The proposer numbers it (origin.go) and sends what waits together to the
// leader, as one group (proposer.go, forward.go). The leader's batcher merges the
// groups that are pending into one entry (batch.go). Raft commits it, the machine
// answers each proposal (machine.go), and the answers go back the same way. What
// is not answered, because a leader or a connection was lost, is sent again with
// the same numbers.
//
// Only one entry is on its way while less than what is worth a second one is
// pending: an entry costs every node as many syncs, however little is in it. One
// proposal may go along without a number (a [Companion]): it is made with the entry on
// the leader and never sent again, so there is nothing to tell apart.
//
// # The way of a read
//
// Readers who come together share a round (rounds.go): the leader names the last
// command that was committed when the round began, and proves that it still led
// then (read.go, acks.go); the reader waits until its own machine has come there.
//
// # Another epoch
//
// A cluster that was restored, or that goes on with one node of three, starts from
// a Raft snapshot that was planted offline (atrest.go, recover.go): the state, one
// entry behind it that begins the epoch (fsm.Restored), and a configuration with
// the new voters. Each node's folder gets the same three and an empty log, so they
// agree before the first of them starts, and elect. The entry is in no log: no node
// of the epoch was ever without it, and nobody reads the state before it. What the
// survivor's log holds behind its last snapshot is taken, committed or not: that
// nobody can tell is what `stoker recover` says before it asks. The nodes that are
// not taken along count as removed, so that the two of them, which are a quorum of
// the cluster that was, cannot talk the third into their log.
//
// # Where the log is
//
// In raft.db, by raft-boltdb, with term and vote; or, where Config.LogStore says so,
// in segments beside it, by raft-wal (segments.go), of the same house and licence as Raft: an append writes what
// it has and syncs once, instead of a dozen pages and twice. The folder of segments is
// the log if it is there, whatever raft.db holds: moving it (movelog.go) is one
// rename. raft-wal is the younger of the two: version 0.4.0 could not read what was left
// of a segment whose end had been taken back, and 0.4.2 leaves a name unsynced and
// does not go on behind a segment that a process filled as its last act. segments.go
// does both for it. Whatever it reads up to the first damage it takes for the whole log;
// segmentcheck.go tells what was torn from what was synced and damaged afterwards.
//
// # Invariants
//
//   - A command is applied at most once; it was applied exactly once when Apply
//     has answered, and never when Apply said ErrUnavailable.
//   - A linearizable read sees every command acknowledged before it began, and all
//     that any earlier linearizable read saw.
//   - The send of a message and the begin of a round of readers are in one order,
//     by a counter. A peer's answer counts for a round only if the message was
//     sent after the round began and answered in the round's term.
//   - A node leads (reads, stamps, duties) from the moment an entry of its own term
//     has been applied, and all that earlier leaders committed with it.
//   - A heartbeat carries a commit index no higher than what the peer has
//     confirmed, in this term, to hold of our log.
//   - Raft goes on from a state that is at the newest snapshot or above, and not
//     above the end of log and snapshots. Any other is rebuilt or refused.
//   - Nothing is acknowledged that is not synced in the logs of a quorum. The
//     machine's own file may lag; the log is truncated only below a snapshot that
//     was synced.
//   - Two members that have both applied an entry have compared their hashes behind
//     it or behind a later one, which says the same, within seconds of both being
//     up. When they differ no command spends until an operator clears the alarm, and
//     a node that a majority disagrees with, or whose rows are not what it
//     applied, ends and does not start again.
//   - When Rekey has answered, every secret opens with the newest key that all
//     members hold, and none is sealed with an older one from then on.
//   - A folder that has lost its data is never a voter again.
//   - Raft's configuration follows the machine, by the leader's duty: who has a row
//     gets a seat, who has kept up for Timing.Promote a vote, and who was removed
//     loses both and is told only when that is committed.
//   - A node knows the members of the last configuration that was committed, whether that
//     came in an entry or in a snapshot.
//   - A join token is spent in the entry that makes its bearer a member. Nothing is
//     said to a server before its certificate has led to a CA that the token names.
//   - A leader that takes a seat away has seen that the voters that are left and
//     answer are a quorum of those that are left.
//   - Who comes to the cluster port, but to join, has a certificate that a CA signed which this
//     node believes at that moment, for the node role; and is no removed member.
//   - A CA is believed by every member before any member shows a certificate of
//     it, and until none does. What is shown and believed is on disk first, and
//     the folder holds a pair that fits at any moment.
//   - A member has certificates signed for its own id only.
//   - No command is in any log that the cluster's feature level does not allow,
//     and the level is raised only when every member understands it.
//   - A node whose log, vote or state cannot be written, or not in time, ends. Time
//     in which the process did not run does not count.
//   - What might not fit the disk is not begun: a commit of bbolt that fails ends the
//     process, an entry that is refused before does not. ErrStorageFull says that
//     nothing was written.
//   - A metric's labels are of the program, the settings or the roster, never of
//     what a client sent. A scrape walks through no table that grows with use.
//   - When Stop returns, no goroutine and no connection of the node is left, save
//     handlers of Handle that ignore their request's context.
//
// # Why not …
//
//   - raft.RecoverCluster: it leaves the state at the last entry, and the epoch
//     would begin with the first leader's command, after the first reads. It also
//     plays the log into the node's own state before anybody has said yes.
//   - restore on one node and let the others join: for as long as that takes there
//     is one copy.
//   - Raft's VerifyLeader as the proof of a read: it counts heartbeats that were
//     under way before it was called, and trusts the fast path of issue 695. It is
//     used to have heartbeats sent at once, no more.
//   - a round of heartbeats for the readers of a follower, too: that it is in the
//     leader's term after they came is all that its answer to one would prove, and
//     it says so as it asks. Where the two are a quorum that is half the way.
//   - the leader's lease as the proof: it trusts clocks, and a paused VM's clock
//     is not to be trusted.
//   - the machine's index as the read index: a follower may have applied, and
//     shown to a reader, an entry that the leader's machine has yet to come to. The
//     next reader, answered with the machine's index, would not see it.
//   - clock readings to order sends and rounds: two readings may be equal, and
//     then a confirmation from before a round counts for it.
//   - Raft's heartbeat fast path: it changes the term beside the main loop
//     (hashicorp/raft issue 695).
//   - Raft's pipeline as it is: it reads no answer behind a refusal, while its sender
//     may wait for one to be read (issue 612). The transport reads them all.
//   - Raft's own address book: to Raft a member's address is its id. Where a member
//     listens is the roster's business, and may change between starts.
//   - hashicorp/raft-autopilot (v0.3.0 builds with our Raft): it promotes and removes
//     by Raft's configuration alone. Here the machine says who shall be a member,
//     since a removed id must never come back and a node may be left alone; what
//     is left of its work is a look at the probes that we make anyway.
//   - a removal that Raft does first and the machine hears of later: a leader that
//     dies in between would leave a node that is no member and does not know it.
//   - a divergent node that rebuilds itself from the others: what made it wrong
//     (a memory, a disk, a program) is still there, and what it has confirmed
//     with its vote is not known. It is replaced, like one that lost its disk.
//   - a majority of two to go on spending without a word: what has gone wrong on
//     one node by a fault of the program may go wrong on the next one tomorrow, and
//     credits that were booked twice are not undone by an election.
//   - touching idle origins: after hours of silence the next proposal comes under
//     a new origin, registered in its own group. That costs nothing, and an idle
//     cluster writes nothing.
//   - a timer that lets a batch fill: what comes while an entry is on its way is
//     the next batch, which is short when there is little to do and long when there
//     is much.
//   - restoring Raft's snapshot on each start: the state is kept in its own file,
//     and only what is torn or too old is rebuilt.
//   - going on after a write that failed for want of room: what bbolt and the file
//     system made of it is not known. The reserve (space.go) is there so that none
//     fails.
//   - a file as ballast, to be deleted when the disk is full: somebody has to delete
//     it, and make it again. The reserve is the same, and comes back by itself.
//   - counters in the state: what happened since the process began is enough for
//     rates, costs no entry, and is told by the machine with each batch (fsm.Tally).
//   - sums over tables at each scrape: a survey walks in small steps (survey.go).
//   - a metrics interface for the rooms: each registers what it has with the node's
//     registry, and reads what it can at the scrape.
//   - closing what stands when the CA changes: a connection proved who it was
//     when it was made, and a mass of resets is what a rotation is to spare
//     everybody. Who must go (a removed member) is not heard on what stands.
//   - short-lived certificates, of a day: a cluster that was off over the weekend
//     would not come back by itself. A year, renewed in good time, does.
//   - one connection for everything: pictures on their way between nodes would
//     delay proposals, so Call has connections of its own.
package node

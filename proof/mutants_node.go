package main

// nodeMutants are mistakes in what makes one machine of many.
var nodeMutants = []mutant{
	{
		Name: "acknowledged-uncommitted", Breaks: "a leader that loses its office tells clients that what it had not committed was done",
		File: "node/batch.go", Old: `		return nil, fmt.Errorf("%w: %w", errFateUnknown, err)
`, New: `		lies := make([]fsm.Outcome, want)
		for i := range lies {
			lies[i].Body = []byte{0xa0} // an empty answer
		}
		return lies, nil
`, By: check{"node", "^TestApply_OnceOver", nil},
	},
	{
		Name: "unknown-told-as-nothing", Breaks: "a client is told that nothing was written when it may have been",
		File: "node/proposer.go", Old: "	if w.handed {\n		return ErrOutcomeUnknown\n", New: "	if w.handed && w.gone && w.before {\n		return ErrOutcomeUnknown\n",
		By: check{"node", "^TestApply_SaysHonestly", nil},
	},
	{
		Name: "verify-leader", Breaks: "a read is proved by Raft's VerifyLeader, which a deposed leader passes",
		File: "node/read.go", Old: `	if len(peers) > 0 {
		n.raft.VerifyLeader() // only to have heartbeats sent now; its answer proves nothing (issue 695)
	}
`, New: `	if n.raft.VerifyLeader().Error() == nil {
		return index, nil
	}
`, By: check{"node", "^TestRead_", nil},
	},
	{
		Name: "lease-read", Breaks: "a leader answers reads because it believes to lead, without asking anybody",
		File: "node/read.go", Old: "		if n.acks.since(peers, term, began)+1 >= quorum && n.raft.CurrentTerm() == term {\n", New: "		if n.acks.since(peers, term, began)+1 >= 0*quorum {\n",
		By: check{"node", "^TestRead_", nil},
	},
	{
		Name: "answers-unread", Breaks: "a leader's sender waits for ever behind a refusal of which Raft has read the answer",
		File: "node/transport.go", Old: "			unread = append(unread, f)\n", New: "			p.answered <- f\n",
		By: check{"node", "^TestPipeline_", nil},
	},
	{
		Name: "followers-word", Breaks: "a leader takes a follower's word for a quorum, whatever term the follower is in",
		File: "node/read.go", Old: "in != term || quorum > 2", New: "in == 0 || quorum > 2",
		By: check{"node", "^TestRead_", nil},
	},
	{
		Name: "read-before-own-entry", Breaks: "a new leader serves before its own first entry, and with it all of its predecessors', was applied",
		File: "node/lead.go", Old: "err := l.raft.Barrier(0).Error()", New: "err := error(nil)",
		By: check{"node", "^TestLead_", nil},
	},
	{
		Name: "floor-too-high", Breaks: "a proposer gives up sequences that somebody waits for",
		File: "node/origin.go", Old: "func (o *origin) floor() uint64 { return o.first }", New: "func (o *origin) floor() uint64 { return o.first + uint64(len(o.open)) }",
		By: check{"node", "^TestOrigin_", nil},
	},
	{
		Name: "time-of-the-local-clock", Breaks: "the leader stamps entries with its wall clock, however wrong it is",
		File: "node/clock.go", Old: "	c.last += passed + min(max(behind, -most), most)\n", New: "	c.last += passed + behind + 0*most\n",
		By: check{"node", "^TestClock_", nil},
	},
	{
		Name: "heartbeat-fast-path", Breaks: "heartbeats change the term beside Raft's main loop, and logs diverge (hashicorp/raft issue 695)",
		File: "node/transport.go", Old: "func (t *transport) SetHeartbeatHandler(func(raft.RPC)) {}",
		New: "func (t *transport) SetHeartbeatHandler(h func(raft.RPC)) { t.NetworkTransport.SetHeartbeatHandler(h) }",
		By:  check{"node", "^TestTransport_", nil},
	},
	{
		Name: "wiped-node-votes", Breaks: "a node that has lost its disk bootstraps again and votes",
		File: "node/bootstrap.go", Old: "case !s.Empty && s.Saw[n.cfg.ID] != me.Incarnation:", New: "case false:",
		By: check{"node", "^TestDisk_AWipedNodeHasNoVote$", nil},
	},
	{
		Name: "log-unsynced", Breaks: "an entry is acknowledged from memory: power loss on a majority loses it",
		File: "node/votesfile.go", Old: "	return raftboltdb.New(raftboltdb.Options{\n", New: "	return raftboltdb.New(raftboltdb.Options{\n		NoSync: true,\n",
		By: cuts,
	},
	{
		Name: "snapshot-below-the-state", Breaks: "a node that has just started names its snapshot below what is in it",
		File: "node/machine.go", Old: "have > a.seen {", New: "have > a.seen && false {",
		By: check{"node", "^TestAdapter_", nil},
	},
	{
		Name: "segment-name-not-durable", Breaks: "the log's segments are gone after a power cut that comes after a restart",
		File: "node/segments.go", Old: "	if err := syncDir(folder); err != nil {\n", New: "	if err := error(nil); err != nil {\n",
		By: cutSegments,
	},
	{
		Name: "full-segment-stays", Breaks: "a node that is killed when a segment of its log is full takes no entry any more",
		File: "node/segments.go", Old: "	return endFullSegment(folder, contents, state, whole)\n", New: "	_ = whole\n	return nil\n",
		By: check{"node", "^TestSegments_DiesWhenOneIsFull$", nil},
	},
	{
		Name: "damaged-log-taken", Breaks: "a node whose log is damaged goes on with what is before the damage",
		File: "node/segmentcheck.go", Old: "	case !full && appendsBehind(b, begins):\n", New: "	case false:\n",
		By: check{"node", "^TestSegments_Damaged$", nil},
	},
	{
		Name: "gap-moved", Breaks: "a log with a gap cannot move into segments",
		File: "node/movelog.go", Old: "			first = i\n", New: "			_ = i\n",
		By: check{"node", "^TestKeepLog_AfterASnapshotWasSent$", nil},
	},
	{
		Name: "missed-not-copied", Breaks: "what is flushed while the state's file is written anew is lost",
		File: "store/compact.go", Old: "	m.overlays = append(m.overlays, o)\n", New: "",
		By: check{"store", "^TestCompact_WhileOthersWrite$", nil},
	},
	{
		Name: "folder-not-durable", Breaks: "a node's folder is gone after a power cut, and it founds a new cluster",
		File: "store/folder.go", Old: "	return syncDir(above)\n", New: "	return nil\n",
		By: cuts,
	},
	{
		Name: "picture-not-synced", Breaks: "a picture that was acknowledged is zeros after a power cut",
		File: "objects/draft.go", Old: "w.file.Sync()", New: "error(nil)",
		By: cuts,
	},
	{
		Name: "picture-name-not-durable", Breaks: "a picture that was acknowledged is not found after a power cut",
		File: "objects/draft.go", Old: "	return syncDir(dir)\n", New: "	return nil\n",
		By: cuts,
	},
}

package node

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// transport is Raft's network transport with four changes.
//
// It installs no heartbeat handler. Raft's fast path for heartbeats changes the
// term beside the main loop, and logs can diverge (hashicorp/raft issue 695);
// without it heartbeats wait their turn in the main loop, behind disk writes,
// which is what Timing.Heartbeat is sized for.
//
// What comes in goes through the intake.
//
// It records in acks what each peer has confirmed: reads are proved by it.
//
// It lets heartbeats carry a commit index (see commitFor). Raft's own carry
// none, so that a follower of an idle leader would learn of the last commit only
// when Timing.Commit runs out, and every read there would wait for it.
type transport struct {
	*raft.NetworkTransport
	acks  *acks
	space *space
	taken chan raft.RPC             // what the intake lets through
	raft  atomic.Pointer[raft.Raft] // nil until Raft has started
}

var (
	_ raft.Transport   = (*transport)(nil)
	_ raft.WithPreVote = (*transport)(nil)
	_ raft.WithClose   = (*transport)(nil)
)

// Consumer is where Raft hears the others.
func (t *transport) Consumer() <-chan raft.RPC { return t.taken }

// SetHeartbeatHandler installs nothing.
func (t *transport) SetHeartbeatHandler(func(raft.RPC)) {}

// AppendEntries sends one message and waits for its answer.
func (t *transport) AppendEntries(id raft.ServerID, to raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if isHeartbeat(req) {
		if c := t.commitFor(id, req.Term); c > 0 {
			beat := *req // Raft sends the same request again and again
			beat.LeaderCommitIndex = c
			req = &beat
		}
	}
	sent := t.acks.sending(id, req)
	err := t.NetworkTransport.AppendEntries(id, to, req, resp)
	if err == nil {
		t.acks.record(id, req, resp, sent)
	}
	return err
}

// isHeartbeat says whether Raft made req as a heartbeat: nothing but a term.
func isHeartbeat(req *raft.AppendEntriesRequest) bool {
	return req.PrevLogEntry == 0 && len(req.Entries) == 0 && req.LeaderCommitIndex == 0
}

// commitFor is the commit index that a heartbeat of term may carry to peer:
// min(commit, match), as etcd's Raft does it, where match is the highest index
// at which the peer has confirmed, in this term, to hold our log. 0 is none.
//
// A follower that takes a message of term T commits up to the index in it
// without comparing logs, so the index must be committed and the follower must
// hold our entries up to it. Both hold:
//
//  1. Match. The peer answered with success, in T, to a message that said what
//     our entry at match is (or brought it), so its log equalled ours there
//     (log matching). If it takes this heartbeat it is still in T, and within T
//     only this leader's messages change its log: they come from one log that
//     only grows, so none of them conflicts with what the peer holds below
//     match. What it confirmed was synced, so a restart does not lose it; a
//     folder that was lost has no vote and never answers again (package doc).
//  2. Commit. The commit index is read first and the term after it. If the term
//     still is T then, the index was read no later than within T, while our log
//     was T's leader's: it names entries of that log. Read in the other order it
//     might come from a later leader, about entries that replaced ours, while
//     this heartbeat of T was still being made.
func (t *transport) commitFor(peer raft.ServerID, term uint64) uint64 {
	r := t.raft.Load()
	if r == nil {
		return 0
	}
	commit := r.CommitIndex()
	if r.CurrentTerm() != term {
		return 0
	}
	return min(commit, t.acks.match(peer, term))
}

// votes are asked again at once when a pooled connection turns out to be dead:
// after a peer's restart up to raftPool of them are, and Raft would take the
// error for a refusal and wait for another election timeout.
func (t *transport) ask(call func() error) error {
	began := time.Now()
	var err error
	for range raftPool + 1 {
		if err = call(); err == nil || time.Since(began) > quickFailure {
			return err
		}
	}
	return err
}

const (
	raftPool     = 3 // idle connections to each peer
	quickFailure = 50 * time.Millisecond
)

// RequestVote is safe to repeat: a voter grants the same candidate's vote again.
func (t *transport) RequestVote(id raft.ServerID, to raft.ServerAddress, req *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	return t.ask(func() error { return t.NetworkTransport.RequestVote(id, to, req, resp) })
}

// RequestPreVote changes nothing at the voter. A node that cannot append to its
// log does not ask: as a leader it would step down with its first entry.
func (t *transport) RequestPreVote(id raft.ServerID, to raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	if now, _ := t.space.last(); now == full {
		return errNoRoom
	}
	return t.ask(func() error { return t.NetworkTransport.RequestPreVote(id, to, req, resp) })
}

// AppendEntriesPipeline opens a pipeline whose answers are recorded as well.
func (t *transport) AppendEntriesPipeline(id raft.ServerID, to raft.ServerAddress) (raft.AppendPipeline, error) {
	inner, err := t.NetworkTransport.AppendEntriesPipeline(id, to)
	if err != nil {
		return nil, err
	}
	return newPipeline(inner, t.acks, id), nil
}

// stand has a node that is the only voter lead at once: it tells itself, as a
// leader that hands over would, not to wait for anybody's heartbeat. Should that
// fail, Raft stands when Timing.Heartbeat has passed.
func (n *Node) stand() {
	id := raft.ServerID(n.cfg.ID)
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		if (s.Suffrage == raft.Voter) != (s.ID == id) {
			return // there are others, or this node has no vote
		}
	}
	if n.raft.LastIndex() == 0 {
		return // it knows of no configuration yet
	}
	err := n.transport.TimeoutNow(id, raft.ServerAddress(id), &raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: []byte(id)}}, new(raft.TimeoutNowResponse))
	if err != nil {
		n.log.Debug("the only voter stands when its time is up", "err", err)
	}
}

// Close closes the transport and its idle connections.
func (t *transport) Close() error {
	err := t.NetworkTransport.Close()
	t.CloseStreams()
	return err
}

// pipeline passes on what the inner pipeline answers, and records it.
type pipeline struct {
	raft.AppendPipeline
	acks     *acks
	peer     raft.ServerID
	answered chan raft.AppendFuture
	closed   chan struct{}

	mu   sync.Mutex
	sent map[*raft.AppendEntriesRequest]uint64 // the messages under way; Raft makes a new request for each
}

func newPipeline(inner raft.AppendPipeline, a *acks, peer raft.ServerID) *pipeline {
	p := &pipeline{
		AppendPipeline: inner, acks: a, peer: peer, sent: map[*raft.AppendEntriesRequest]uint64{},
		answered: make(chan raft.AppendFuture), closed: make(chan struct{}),
	}
	go p.watch()
	return p
}

// AppendEntries sends one message. A pipeline whose send has failed is given up.
func (p *pipeline) AppendEntries(req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	p.mu.Lock()
	p.sent[req] = p.acks.sending(p.peer, req)
	p.mu.Unlock()
	return p.AppendPipeline.AppendEntries(req, resp)
}

// watch records what is answered. It is the only reader of the inner pipeline, and
// reads on whether Raft does or not. Raft ceases with the first answer that is a
// refusal, when its sender may be in AppendEntries, where it waits for an answer to
// be read: it would wait for ever, this leader would send that follower nothing any
// more, and the node could not be stopped (hashicorp/raft issue 612, open; v1.7.3).
func (p *pipeline) watch() {
	var unread []raft.AppendFuture
	for {
		var to chan<- raft.AppendFuture
		var next raft.AppendFuture
		if len(unread) > 0 {
			to, next = p.answered, unread[0]
		}
		select {
		case f := <-p.AppendPipeline.Consumer():
			if f.Error() == nil { // the inner pipeline answers a future before it passes it on
				p.acks.record(p.peer, f.Request(), f.Response(), p.sentAt(f.Request()))
			}
			unread = append(unread, f)
		case to <- next:
			unread = unread[1:]
		case <-p.closed:
			return
		}
	}
}

func (p *pipeline) sentAt(req *raft.AppendEntriesRequest) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.sent[req]
	delete(p.sent, req)
	return sent
}

func (p *pipeline) Consumer() <-chan raft.AppendFuture { return p.answered }

// Close is called once, by the goroutine of Raft that made the pipeline.
func (p *pipeline) Close() error {
	close(p.closed)
	return p.AppendPipeline.Close()
}

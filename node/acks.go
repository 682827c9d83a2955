package node

import (
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// acks is what the peers have confirmed to this node as the leader of a term.
//
// Sends and rounds of readers are put in order by a counter, not by a clock: two
// readings of a clock may be equal, and whether a message was sent before or
// after a round began is the whole proof of a read.
type acks struct {
	ticks atomic.Uint64

	mu      sync.Mutex
	peers   map[raft.ServerID]*ack
	changed bell
	stored  func() // called when a peer confirmed new entries
}

// ack is one peer's newest confirmation.
type ack struct {
	term  uint64
	sent  uint64 // the tick of the latest message that it answered with success in term
	match uint64 // the highest index at which it has confirmed, in term, to hold our log
	told  uint64 // the highest commit index sent to it in term
}

func newAcks(stored func()) *acks { return &acks{peers: map[raft.ServerID]*ack{}, stored: stored} }

// of gives the peer's ack of a term, nil when a later one is known. mu is held.
func (a *acks) of(peer raft.ServerID, term uint64) *ack {
	p := a.peers[peer]
	switch {
	case p == nil || p.term < term:
		p = &ack{term: term}
		a.peers[peer] = p
	case p.term > term:
		return nil
	}
	return p
}

// tick is a moment, after all that were given out before.
func (a *acks) tick() uint64 { return a.ticks.Add(1) }

// sending is called before a message is sent; it gives the moment for record.
func (a *acks) sending(peer raft.ServerID, req *raft.AppendEntriesRequest) (sent uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.of(peer, req.Term); p != nil {
		p.told = max(p.told, req.LeaderCommitIndex)
	}
	return a.tick()
}

// record takes the answer to a message.
func (a *acks) record(peer raft.ServerID, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse, sent uint64) {
	if !resp.Success || resp.Term != req.Term {
		return
	}
	match := req.PrevLogEntry
	if n := len(req.Entries); n > 0 {
		match = req.Entries[n-1].Index
	}
	a.mu.Lock()
	if p := a.of(peer, req.Term); p != nil {
		p.match = max(p.match, match)
		p.sent = max(p.sent, sent)
	}
	a.mu.Unlock()
	a.changed.ring()
	if len(req.Entries) > 0 {
		a.stored()
	}
}

// match is the highest index at which peer has confirmed to hold our log in term.
func (a *acks) match(peer raft.ServerID, term uint64) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.peers[peer]; p != nil && p.term == term {
		return p.match
	}
	return 0
}

// since counts the peers that have confirmed in term a message sent after began.
func (a *acks) since(peers []raft.ServerID, term, began uint64) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, id := range peers {
		if p := a.peers[id]; p != nil && p.term == term && p.sent > began {
			n++
		}
	}
	return n
}

// untold says whether some peer holds committed entries and has not been told so.
func (a *acks) untold(term, commit uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.peers {
		if p.term == term && p.told < min(p.match, commit) {
			return true
		}
	}
	return false
}

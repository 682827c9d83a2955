package node

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// acks is what the peers have confirmed to this node as the leader of a term.
type acks struct {
	mu      sync.Mutex
	peers   map[raft.ServerID]*ack
	changed bell
	stored  func() // called when a peer confirmed new entries
}

// ack is one peer's newest confirmation.
type ack struct {
	term  uint64
	sent  time.Time // when the latest message that it answered with success, in term, was sent
	match uint64    // the highest index at which it has confirmed, in term, to hold our log
	told  uint64    // the highest commit index sent to it in term
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

func (a *acks) sending(peer raft.ServerID, req *raft.AppendEntriesRequest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.of(peer, req.Term); p != nil {
		p.told = max(p.told, req.LeaderCommitIndex)
	}
}

// record takes one answer to a message that was sent at sent (or later).
func (a *acks) record(peer raft.ServerID, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse, sent time.Time) {
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
		if sent.After(p.sent) {
			p.sent = sent
		}
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

// since counts the peers that have confirmed in term a message sent at began or later.
func (a *acks) since(peers []raft.ServerID, term uint64, began time.Time) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, id := range peers {
		if p := a.peers[id]; p != nil && p.term == term && !p.sent.Before(began) {
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

// heard is when peer last confirmed anything, the zero time if never.
func (a *acks) heard(peer raft.ServerID) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.peers[peer]; p != nil {
		return p.sent
	}
	return time.Time{}
}

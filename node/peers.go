package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/hashicorp/raft"

	"stoker/fsm"
)

// peers is what the other members last said of themselves.
type peers struct {
	mu   sync.Mutex
	last map[string]heard
}

// heard is one answer to a probe.
type heard struct {
	report report
	at     time.Time     // when it came
	offset time.Duration // its wall clock against ours, half the round trip allowed for
	well   time.Time     // since when it has answered without a gap, and kept up; zero: it does not
}

// report is what a node says of itself to another.
type report struct {
	ID      string `cbor:"1,keyasint"`
	Role    string `cbor:"2,keyasint"`
	Term    uint64 `cbor:"3,keyasint"`
	Index   uint64 `cbor:"4,keyasint"` // machine index
	Hash    []byte `cbor:"5,keyasint"` // running hash at HashAt
	HashAt  uint64 `cbor:"6,keyasint"`
	Version string `cbor:"7,keyasint"`
	Wall    int64  `cbor:"8,keyasint"` // ns since 1970
	Level   uint64 `cbor:"9,keyasint"` // the feature level that its binary understands; binaries of level 1 do not say

	Heard map[string]string `cbor:"10,keyasint,omitempty"` // cluster ports of members, by id, as they told it themselves

	Cert   []byte   `cbor:"20,keyasint,omitempty"` // DER
	Issuer string   `cbor:"21,keyasint,omitempty"` // fingerprint of the CA that signed it
	Trusts []string `cbor:"22,keyasint,omitempty"` // fingerprints of the CAs it believes

	Free   int64 `cbor:"30,keyasint"` // bytes on the data folder's disk
	Room   room  `cbor:"31,keyasint"`
	Closed bool  `cbor:"32,keyasint"` // it leads, and takes no commands that need room
}

// freshFor is how many probes may fail before an answer is too old to count.
const freshFor = 5

// keepsUp is how many entries a member may be behind the node that asks and
// still keep up: what is on its way under load.
const keepsUp = 256

// probe asks another member's status, again and again, until ctx ends, and says
// where this node listens.
func (n *Node) probe(ctx context.Context, member string) {
	tick := time.NewTicker(n.cfg.Timing.Probe)
	defer tick.Stop()
	for {
		n.probeOnce(ctx, member)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (n *Node) probeOnce(ctx context.Context, member string) {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Timing.RPC)
	defer cancel()
	sent, index := time.Now(), n.machine.Index()
	b, err := n.ask(ctx, member, pathStatus, []byte(n.self.Addr))
	if errors.Is(err, ErrRemoved) {
		n.depart(member)
	}
	if err != nil {
		return
	}
	var r report
	if cbor.Unmarshal(b, &r) != nil || r.ID != member || len(r.Hash) != 32 {
		return
	}
	now := time.Now()
	trip := now.Sub(sent)
	offset := time.Duration(r.Wall-n.cfg.Wall().UnixNano()) + trip/2
	n.follow(member, r)
	n.roster.hearsay(r.Heard)
	n.peers.mu.Lock()
	h, was := heard{report: r, at: now, offset: offset}, n.peers.last[member]
	if r.Index+keepsUp >= index {
		h.well = now
		if !was.well.IsZero() && now.Sub(was.at) <= n.fresh() {
			h.well = was.well
		}
	}
	n.peers.last[member] = h
	n.peers.mu.Unlock()
	n.compared.hear(member, fsm.Footprint{Index: r.HashAt, Hash: [32]byte(r.Hash)})
}

// follow takes a member that says so for the leader while Raft knows of none: the
// leader of a node that listens elsewhere since its start cannot find it.
func (n *Node) follow(member string, r report) {
	if r.Role != roleOf(raft.Leader) || r.Term < n.raft.CurrentTerm() {
		return
	}
	if _, id := n.raft.LeaderWithID(); id == "" {
		n.leader.set(member)
	}
}

// fresh is how old a member's last answer may be while it counts as alive.
func (n *Node) fresh() time.Duration { return freshFor * n.cfg.Timing.Probe }

// get gives a member's last answer, if it is fresh.
func (p *peers) get(member string, fresh time.Duration) (heard, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h, ok := p.last[member]
	return h, ok && time.Since(h.at) <= fresh
}

// forget drops what a member has said that is one no more.
func (p *peers) forget(member string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.last, member)
}

// offsets are the others' wall clocks against this node's, of those that answer
// and may lead.
func (n *Node) offsets() map[string]time.Duration {
	out := map[string]time.Duration{}
	for _, m := range n.roster.all() {
		if h, ok := n.peers.get(m.ID, n.fresh()); ok && m.Voter && !m.Draining {
			out[m.ID] = h.offset
		}
	}
	return out
}

package node

import (
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/hashicorp/raft"
)

// Status is what an operator asks a node first.
type Status struct {
	ID       string         `json:"id"`
	Version  string         `json:"version"`
	Role     string         `json:"role"`   // leader, follower, candidate, shutdown
	Leader   string         `json:"leader"` // "" while none is known
	Term     uint64         `json:"term"`
	Index    uint64         `json:"index"` // of the machine
	Commit   uint64         `json:"commit"`
	LastLog  uint64         `json:"last_log"`
	Epoch    uint64         `json:"epoch"`
	Level    uint64         `json:"level"`   // the cluster's feature level
	Hash     string         `json:"hash"`    // of the machine, at HashAt
	HashAt   uint64         `json:"hash_at"` // equal indexes must show equal hashes on all nodes
	LogBytes int64          `json:"log_bytes"`
	Bytes    int64          `json:"state_bytes"`
	Members  []MemberStatus `json:"members"`
}

// MemberStatus is a member as this node sees it.
type MemberStatus struct {
	ID      string        `json:"id"`
	Addr    string        `json:"addr"`
	HTTP    string        `json:"http"`
	Voter   bool          `json:"voter"`
	Drain   bool          `json:"draining"`
	Since   int64         `json:"since"` // when it was first heard of, wall clock, ns; 0: not known
	Alive   bool          `json:"alive"` // it answered lately
	Role    string        `json:"role"`
	Version string        `json:"version"`
	Level   uint64        `json:"level"` // the feature level its binary understands; 0: never heard
	Index   uint64        `json:"index"`
	Lag     uint64        `json:"lag"`          // entries behind the furthest member known
	Contact time.Duration `json:"last_contact"` // since it was last heard of, ns; -1: never
	Offset  time.Duration `json:"clock_offset"` // its wall clock against this node's, ns
	Hash    string        `json:"hash"`
	HashAt  uint64        `json:"hash_at"`
	Free    int64         `json:"disk_free"` // bytes on its data folder's disk
	Room    string        `json:"room"`      // ample, low, full: what that means there
}

// Leader is whom this node takes for the leader.
func (n *Node) Leader() (id string, ok bool) {
	id, _ = n.leader.get()
	return id, id != ""
}

// Status gathers. It asks nobody: of the others it says what they last said.
func (n *Node) Status() Status {
	own := n.report()
	v := n.machine.View()
	epoch, level := v.Epoch(), v.Level()
	v.Close()
	leader, _ := n.Leader()
	s := Status{
		ID: own.ID, Version: own.Version, Role: own.Role, Leader: leader, Term: own.Term,
		Index: own.Index, Commit: n.raft.CommitIndex(), LastLog: n.raft.LastIndex(), Epoch: epoch, Level: level,
		Hash: hex.EncodeToString(own.Hash), HashAt: own.HashAt,
		LogBytes: folderBytes(filepath.Join(n.cfg.Dir, raftDir)), Bytes: folderBytes(filepath.Join(n.cfg.Dir, stateDir)),
	}
	top := own.Index
	for _, m := range n.roster.all() {
		h, alive := n.peers.get(m.ID, n.fresh())
		if m.ID == n.cfg.ID {
			h, alive = heard{report: own, at: time.Now()}, true
		}
		contact := time.Duration(-1)
		if !h.at.IsZero() {
			contact = time.Since(h.at)
		}
		top = max(top, h.report.Index)
		s.Members = append(s.Members, MemberStatus{
			ID: m.ID, Addr: m.Addr, HTTP: m.HTTP, Voter: m.Voter, Drain: m.Draining, Since: m.Since, Alive: alive,
			Role: h.report.Role, Version: h.report.Version, Level: h.level(), Index: h.report.Index,
			Contact: contact, Offset: h.offset,
			Hash: hex.EncodeToString(h.report.Hash), HashAt: h.report.HashAt,
			Free: h.report.Free, Room: h.report.Room.String(),
		})
	}
	for i := range s.Members {
		s.Members[i].Lag = top - s.Members[i].Index
	}
	return s
}

func (n *Node) report() report {
	at, sum := n.machine.Hash()
	has, free := n.space.last()
	r := report{
		ID: n.cfg.ID, Role: roleOf(n.raft.State()), Term: n.raft.CurrentTerm(), Index: n.machine.Index(),
		Hash: sum[:], HashAt: at, Version: n.cfg.Version, Wall: n.cfg.Wall().UnixNano(), Level: n.cfg.level,
		Free: free, Room: has, Closed: n.closed.Load(), Heard: n.roster.news(),
	}
	r.Cert, r.Issuer, r.Trusts = n.cfg.TLS.now.Load().certified()
	return r
}

// maxAddr is the longest host:port: a DNS name has 253 bytes at most.
const maxAddr = 260

func (n *Node) serveStatus(w http.ResponseWriter, r *http.Request) {
	if addr, err := io.ReadAll(io.LimitReader(r.Body, maxAddr)); err == nil {
		n.roster.hear(Caller(r), string(addr))
	}
	b, err := cbor.Marshal(n.report())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(b)
}

func roleOf(s raft.RaftState) string {
	switch s {
	case raft.Leader:
		return "leader"
	case raft.Follower:
		return "follower"
	case raft.Candidate:
		return "candidate"
	}
	return "shutdown"
}

// folderBytes is what a folder's files hold. Files that vanish meanwhile do not count.
func folderBytes(dir string) int64 {
	total := int64(0)
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if fi, err := d.Info(); err == nil {
				total += fi.Size()
			}
		}
		return nil
	})
	return total
}

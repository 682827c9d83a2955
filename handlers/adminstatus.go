package handlers

import (
	"context"
	"time"

	"stoker/archive"
	"stoker/node"
)

// clusterStatus is the cluster as one node sees it.
type clusterStatus struct {
	ClusterID string         `json:"cluster_id"`
	Epoch     uint64         `json:"epoch"`
	Version   string         `json:"version"` // of this node's binary
	Node      string         `json:"node"`    // that answers
	Role      string         `json:"role"`
	Leader    string         `json:"leader"` // "" while none is known
	Term      uint64         `json:"term"`
	Index     uint64         `json:"index"` // of the machine
	Commit    uint64         `json:"commit"`
	LastLog   uint64         `json:"last_log"`
	Hash      string         `json:"hash"` // of the machine, at hash_at: equal on all nodes
	HashAt    uint64         `json:"hash_at"`
	LogBytes  int64          `json:"log_bytes"`
	Bytes     int64          `json:"state_bytes"`
	Members   []memberStatus `json:"members"`
	Queue     queueStatus    `json:"queue"`

	Objects *storeStatus `json:"objects,omitempty"` // the store outside, if there is one

	Webhooks []webhookTrouble `json:"webhooks,omitempty"` // those that take nothing

	Archive *archive.Sizes `json:"archive,omitempty"` // absent while nothing is in it
}

type memberStatus struct {
	ID        string  `json:"id"`
	Cluster   string  `json:"cluster"` // host:port of the cluster port
	HTTP      string  `json:"http"`
	Role      string  `json:"role"`
	Voter     bool    `json:"voter"`
	Draining  bool    `json:"draining"`
	Since     *string `json:"since"` // when it was first heard of; nil when that is not known
	Alive     bool    `json:"alive"`
	Version   string  `json:"version"`
	Index     uint64  `json:"index"`
	Lag       uint64  `json:"lag"`             // entries behind the furthest
	ContactMS int64   `json:"last_contact_ms"` // since it was last heard of; -1: never
	OffsetMS  int64   `json:"clock_offset_ms"` // its wall clock against this node's
	Hash      string  `json:"hash"`
	HashAt    uint64  `json:"hash_at"`
	DiskFree  int64   `json:"disk_free"` // bytes on the disk of its data folder
	Room      string  `json:"room"`      // ample; low: it does not want to lead; full: it appends nothing
}

type queueStatus struct {
	Ready   map[string]int `json:"ready"`   // items that could be handed out, by preset
	Leases  int            `json:"leases"`  // live ones
	Dead    int            `json:"dead"`    // letters
	Waiters int            `json:"waiters"` // workers parked at this node's broker; 0 unless it leads
}

// adminStatus shows the cluster as this node sees it. It asks nobody, so that it
// answers when the cluster does not.
func (s *Server) adminStatus(c *call) (any, error) {
	v, n := c.local(), s.node.Status()
	counts := v.Counts()
	if counts.Ready == nil {
		counts.Ready = map[string]int{}
	}
	out := clusterStatus{
		ClusterID: v.ClusterID(), Epoch: n.Epoch, Version: n.Version, Node: n.ID, Role: n.Role,
		Leader: n.Leader, Term: n.Term, Index: n.Index, Commit: n.Commit, LastLog: n.LastLog,
		Hash: n.Hash, HashAt: n.HashAt, LogBytes: n.LogBytes, Bytes: n.Bytes,
		Members: []memberStatus{},
		Queue:   queueStatus{counts.Ready, counts.Live, counts.Dead, s.waiters(c, n.Role)},
		Objects: s.storeStatus(c), Webhooks: troubled(v),
	}
	if sizes := archive.SizesOf(v); sizes.Segments > 0 {
		out.Archive = &sizes
	}
	for _, m := range n.Members {
		out.Members = append(out.Members, memberOf(m))
	}
	return out, nil
}

// ownDepth is how long a leader that has just begun may take to say who waits.
const ownDepth = 200 * time.Millisecond

// waiters counts the polls that are parked here, which is none unless this node leads.
func (s *Server) waiters(ctx context.Context, role string) int {
	if role != "leader" {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, ownDepth)
	defer cancel()
	d, err := s.cfg.Queue.Depth(ctx)
	if err != nil {
		return 0 // it leads no more
	}
	return d.Waiters
}

func memberOf(m node.MemberStatus) memberStatus {
	contact := int64(-1)
	if m.Contact >= 0 {
		contact = int64(m.Contact / time.Millisecond)
	}
	var since *string
	if m.Since != 0 {
		at := stampOf(m.Since)
		since = &at
	}
	return memberStatus{
		ID: m.ID, Cluster: m.Addr, HTTP: m.HTTP, Role: m.Role, Voter: m.Voter, Draining: m.Drain, Since: since, Alive: m.Alive,
		Version: m.Version, Index: m.Index, Lag: m.Lag, ContactMS: contact,
		OffsetMS: int64(m.Offset / time.Millisecond), Hash: m.Hash, HashAt: m.HashAt, DiskFree: m.Free, Room: m.Room,
	}
}

package client

import (
	"context"
	"net/http"
	"time"
)

// Upgrade is where a cluster stands between two versions.
type Upgrade struct {
	Level   uint64        `json:"level"`  // the cluster's feature level
	Newest  uint64        `json:"newest"` // what the node that answered understands
	Nodes   []NodeVersion `json:"nodes"`
	Missing []NodeBehind  `json:"missing"` // empty: nothing keeps Level from being Newest
}

// NodeVersion is the binary that a node runs.
type NodeVersion struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Level   uint64 `json:"level"` // what it understands; 0: it was never heard
	Alive   bool   `json:"alive"`
}

// NodeBehind is a node that holds the cluster back, and why.
type NodeBehind struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

// Upgrade says which versions the nodes run.
func (o *Operator) Upgrade(ctx context.Context) (u Upgrade, err error) {
	err = o.call(ctx, http.MethodGet, "/admin/upgrade", nil, &u)
	return u, err
}

// FinalizeUpgrade raises the cluster to the newest feature level, and gives it. It
// is refused until every node understands it; there is no way back.
func (o *Operator) FinalizeUpgrade(ctx context.Context) (level uint64, err error) {
	var out struct {
		Level uint64 `json:"level"`
	}
	err = o.call(ctx, http.MethodPost, "/admin/upgrade", nil, &out)
	return out.Level, err
}

// Verification is the nodes' states held against each other.
type Verification struct {
	At        uint64      `json:"at"` // the newest entry that all who answered could be compared at; 0: there is none
	Nodes     []NodeProof `json:"nodes"`
	Majority  []string    `json:"majority"` // those that agree; empty when no majority does
	Odd       []string    `json:"odd"`      // those that differ, or whose rows are wrong
	First     uint64      `json:"first"`    // the first entry behind which they differ; 0: none
	LastEqual uint64      `json:"last_equal"`
	Entries   []LogEntry  `json:"entries"` // of the log, from there to First
	Unclear   string      `json:"unclear"` // why something could not be compared
	Alarms    []Alarm     `json:"alarms"`
}

// NodeProof is what a node showed.
type NodeProof struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Alive   bool   `json:"alive"`
	Index   uint64 `json:"index"`
	Hash    string `json:"hash"` // behind Verification.At
	Scrub   Scrub  `json:"scrub"`
	Silent  string `json:"silent"` // why it showed nothing
}

// Scrub is the last time a node read all its rows.
type Scrub struct {
	Index  uint64     `json:"index"`
	Rows   int        `json:"rows"`
	TookNS int64      `json:"took_ns"`
	At     *time.Time `json:"at,omitempty"` // nil: never
	Wrong  string     `json:"wrong"`        // empty: nothing
}

// LogEntry is an entry of the log in words.
type LogEntry struct {
	Index    uint64   `json:"index"`
	Commands []string `json:"commands"`
}

// Alarm is what keeps a cluster from spending.
type Alarm struct {
	Kind  string    `json:"kind"`
	Index uint64    `json:"index"` // the first entry known to be touched
	Nodes []string  `json:"nodes"`
	Why   string    `json:"why"`
	At    time.Time `json:"at"`
	By    string    `json:"by"`
}

// Verify has every node show its hashes, and read all its rows first if scrub says so.
func (o *Operator) Verify(ctx context.Context, scrub bool) (v Verification, err error) {
	path := "/admin/verify"
	if scrub {
		path += "?scrub=true"
	}
	err = o.call(ctx, http.MethodGet, path, nil, &v)
	return v, err
}

// ClearAlarm lets the cluster spend again.
func (o *Operator) ClearAlarm(ctx context.Context) (cleared Alarm, err error) {
	var out struct {
		Cleared Alarm `json:"cleared"`
	}
	err = o.call(ctx, http.MethodPost, "/admin/verify/clear", nil, &out)
	return out.Cleared, err
}

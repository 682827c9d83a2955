package status

import (
	"context"
	"encoding/json"
	"fmt"

	"stoker/client"
)

// Status is one node's view of the cluster.
type Status struct {
	ClusterID string   `json:"cluster_id"`
	Epoch     uint64   `json:"epoch"`
	Node      string   `json:"node"`   // the one that answered
	Leader    string   `json:"leader"` // empty while none is known
	Term      uint64   `json:"term"`
	Members   []Member `json:"members"`
	Queue     Queue    `json:"queue"`

	Raw json.RawMessage `json:"-"`
}

// Member is a member as the node that answered sees it.
type Member struct {
	ID      string  `json:"id"`
	HTTP    string  `json:"http"`
	Voter   bool    `json:"voter"`
	Alive   bool    `json:"alive"`
	Role    string  `json:"role"`
	Version string  `json:"version"`
	Index   uint64  `json:"index"`
	Lag     uint64  `json:"lag"`             // entries behind the furthest member
	Contact float64 `json:"last_contact_ms"` // since it was last heard of; −1: never
	Offset  float64 `json:"clock_offset_ms"` // its wall clock against that of the node that answered
}

// Queue is the queue in numbers.
type Queue struct {
	Ready   map[string]int `json:"ready"`   // items that could be handed out, by preset
	Leases  int            `json:"leases"`  // live ones
	Dead    int            `json:"dead"`    // items that ran out of attempts
	Waiters int            `json:"waiters"` // parked workers, as the node that answered knows
}

// Fetch asks whichever node the client is at.
func Fetch(ctx context.Context, operator *client.Operator) (Status, error) {
	raw, err := operator.Status(ctx)
	if err != nil {
		return Status{}, err
	}
	s := Status{Raw: raw}
	if err := json.Unmarshal(raw, &s); err != nil {
		return Status{}, fmt.Errorf("the cluster's status is not what this version reads: %w", err)
	}
	return s, nil
}

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
	Objects   *Store   `json:"objects"`  // the object store outside; nil: the built-in one
	Webhooks  []Hook   `json:"webhooks"` // those that take nothing
	Archive   *Archive `json:"archive"`  // nil: nothing is in it

	Raw json.RawMessage `json:"-"`
}

// Store is an object store outside.
type Store struct {
	At      string `json:"at"`
	Trouble string `json:"trouble"` // empty: it answers
}

// Archive is how much has left the state.
type Archive struct {
	Segments int   `json:"segments"`
	Jobs     int   `json:"jobs"`
	Bookings int   `json:"bookings"`
	Bytes    int64 `json:"bytes"`
}

// Hook is a webhook that takes nothing.
type Hook struct {
	Name    string `json:"name"`
	Trouble string `json:"trouble"`
}

// Member is a member as the node that answered sees it.
type Member struct {
	ID      string  `json:"id"`
	HTTP    string  `json:"http"`
	Voter   bool    `json:"voter"`
	Alive   bool    `json:"alive"`
	Role    string  `json:"role"` // as it said last; see RoleOf
	Version string  `json:"version"`
	Index   uint64  `json:"index"`
	Lag     uint64  `json:"lag"`             // entries behind the furthest member
	Contact float64 `json:"last_contact_ms"` // since it was last heard of; −1: never
	Offset  float64 `json:"clock_offset_ms"` // its wall clock against that of the node that answered
	Free    int64   `json:"disk_free"`       // bytes
	Room    string  `json:"room"`            // ample, low, full
}

// silence is how long a member may say nothing before it is shown as down, in ms. Members ask each other every second.
const silence = 3000

// leader is what the member that leads says of itself.
const leader = "leader"

// Up reports whether the member was heard of lately.
func (m Member) Up() bool { return m.Alive && m.Contact >= 0 && m.Contact <= silence }

// RoleOf is a member's role as far as the node that answered can know: who leads it knows from the log, and of the others it has
// what they said last. A word from before the last election must not make a second leader.
func (s Status) RoleOf(m Member) string {
	switch {
	case m.ID == s.Leader:
		return leader
	case m.Role != leader:
		return m.Role
	case m.Up():
		return "follower" // it heard of the election, or is about to
	}
	return "was leader"
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

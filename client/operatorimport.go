package client

import (
	"context"
	"net/http"
	"time"
)

// Import is a part of what another stack knew. One entry of the log takes it, so it is bounded: users, rules, events, jobs and
// items together may be 500, and the body no larger than any other (1 MiB); one job alone may have as many items as a plan can allow.
type Import struct {
	DryRun bool      `json:"dry_run,omitempty"` // say what would become of it
	Users  []OldUser `json:"users,omitempty"`
	Jobs   []OldJob  `json:"jobs,omitempty"` // in the order they were created in, behind their users
}

// OldUser is a user of another stack, with its rules and its ledger.
type OldUser struct {
	ID         string     `json:"id"`
	Plan       string     `json:"plan"`
	Credits    int64      `json:"credits"`
	DeviceHash string     `json:"device_hash,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	Rules      []OldRule  `json:"rules,omitempty"`
	Opening    int64      `json:"opening,omitempty"` // credits before the first event
	Events     []OldEvent `json:"events,omitempty"`  // oldest first
	From       int        `json:"from,omitempty"`    // events that came before these
	More       bool       `json:"more,omitempty"`    // others follow; until then the user may do nothing
}

// OldRule is a user's rule.
type OldRule struct {
	ID        string             `json:"id"`
	Name      string             `json:"name"`
	Preset    string             `json:"preset_id"`
	Concepts  map[string]Concept `json:"concepts,omitempty"`
	Protect   []string           `json:"protect,omitempty"`
	CreatedAt time.Time          `json:"created_at"`
	UpdatedAt time.Time          `json:"updated_at"`
}

// OldEvent is a row of another stack's ledger.
type OldEvent struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Amount    int64     `json:"amount"`
	Ref       string    `json:"ref,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

// OldJob is a job that has ended in another stack.
type OldJob struct {
	ID         string             `json:"job_id"`
	User       string             `json:"user_id"`
	Status     Status             `json:"status"` // done, failed or canceled
	Preset     string             `json:"preset"`
	Price      int64              `json:"price,omitempty"` // credits an item
	Rule       string             `json:"rule_id,omitempty"`
	Template   string             `json:"output_template,omitempty"`
	Concepts   map[string]Concept `json:"concepts,omitempty"`
	Protect    []string           `json:"protect,omitempty"`
	CreatedAt  time.Time          `json:"created_at"`
	FinishedAt time.Time          `json:"finished_at"`
	Error      string             `json:"error,omitempty"`
	Refund     int64              `json:"refund,omitempty"` // of one that was open there and is canceled here
	Items      []OldItem          `json:"items,omitempty"`  // by number
}

// OldItem is an item of an OldJob. Keys that are empty are those that the cluster itself would give.
type OldItem struct {
	Status  Status `json:"status"`
	Input   string `json:"input_key,omitempty"`
	Output  string `json:"output_key,omitempty"`
	Preview string `json:"preview_key,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Fate is what became of a user or job of an Import.
type Fate struct {
	ID      string `json:"id"`
	Result  string `json:"result"` // imported, there, conflict, refused
	Code    string `json:"code"`
	Message string `json:"message"`
	Next    int    `json:"next"` // of a user that is not whole: how many events it has; go on from there
}

// Import brings users and ended jobs over, each as a whole or not at all, and answers for each. Again it changes nothing.
func (o *Operator) Import(ctx context.Context, in Import) (users, jobs []Fate, err error) {
	var out struct{ Users, Jobs []Fate }
	err = o.call(ctx, http.MethodPost, "/admin/import", in, &out)
	return out.Users, out.Jobs, err
}

package client

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Directive is what the cluster wants of a worker.
type Directive string

// The directives. An older cluster gives none, which changes nothing.
const (
	DirectiveRun   Directive = "run"   // work
	DirectiveDrain Directive = "drain" // take nothing more, but stay: an operator's word, or a quarantine, may end
	DirectiveExit  Directive = "exit"  // take nothing more and go
)

// Poll asks for work.
type Poll struct {
	WorkerID  string   `json:"worker_id"`
	SessionID string   `json:"session_id,omitempty"` // with one, an empty answer tells why it is empty
	Presets   []string `json:"presets,omitempty"`    // empty: any
	MaxItems  int      `json:"max_items,omitempty"`
	WaitS     int      `json:"wait_s"`            // how long the cluster may wait for work before it says there is none
	PollID    string   `json:"poll_id,omitempty"` // a poll repeated with the same one gets the same grant
	Loaded    []string `json:"loaded,omitempty"`  // presets warm in memory
	Held      []string `json:"held,omitempty"`    // leases that the worker believes it holds
	FreeSlots int      `json:"free_slots,omitempty"`
}

// Grant is a lease on items of one job.
type Grant struct {
	LeaseID           string             `json:"lease_id"`
	Fence             uint64             `json:"fence"`
	Attempt           int                `json:"attempt"`
	ExpiresAt         time.Time          `json:"expires_at"`
	TTLS              int                `json:"ttl_s"`
	JobID             string             `json:"job_id"`
	UserID            string             `json:"user_id"`
	Preset            string             `json:"preset"`
	Concepts          map[string]Concept `json:"concepts"`
	Protect           []string           `json:"protect"`
	Items             []GrantItem        `json:"items"`
	CallbackURL       string             `json:"callback_url"`
	IdempotencyPrefix string             `json:"idempotency_prefix"`
	BatchConcurrency  int                `json:"batch_concurrency"`
	LoadBudgetS       int                `json:"load_budget_s"` // seconds that loading the preset's model may take; 0: no bound told
	ExecBudgetS       int                `json:"exec_budget_s"` // seconds for all items together; 0: no bound
	Traceparent       string             `json:"traceparent"`   // of the job's trace, for WithTraceparent; empty where none is recorded
}

// GrantItem is one picture: where it is and where its results go.
type GrantItem struct {
	Idx        int    `json:"idx"`
	InputKey   string `json:"input_key"`
	OutputKey  string `json:"output_key"`
	PreviewKey string `json:"preview_key"`
	InputURL   string `json:"input_url"`
	OutputURL  string `json:"output_url"`
	PreviewURL string `json:"preview_url"`
}

// Polled answers a poll.
type Polled struct {
	Grant     *Grant         // nil: there was no work
	Directive Directive      // empty from an older cluster
	Lost      []string       // of Poll.Held, what is no longer this worker's
	Skipped   map[string]int // why there was none: items passed over by reason, such as preset or capped
}

// Poll parks until there is work, the cluster has another directive, or WaitS passed.
func (q *Queue) Poll(ctx context.Context, p Poll) (Polled, error) {
	var message struct {
		Grant
		Directive Directive
		Lost      []string
		Skipped   map[string]int
	}
	r := q.post("/queue/lease", p)
	r.attempt = time.Duration(p.WaitS)*time.Second + q.client.attempt
	header, some, err := q.client.call(ctx, r, &message)
	switch {
	case err != nil:
		return Polled{}, err
	case !some:
		return Polled{Directive: Directive(header.Get(headerDirective)), Skipped: skipped(header)}, nil
	}
	answer := Polled{Directive: message.Directive, Lost: message.Lost, Skipped: message.Skipped}
	if message.LeaseID != "" {
		answer.Grant = &message.Grant
	}
	return answer, nil
}

// Lease is Poll for who wants the work and nothing else; nil means none.
func (q *Queue) Lease(ctx context.Context, p Poll) (*Grant, error) {
	answer, err := q.Poll(ctx, p)
	return answer.Grant, err
}

// skipped reads "preset=3,capped=2", which an answer without a body carries instead. It is for people; what does not parse is
// left out.
func skipped(header http.Header) map[string]int {
	reasons := map[string]int{}
	for pair := range strings.SplitSeq(header.Get(headerSkipped), ",") {
		reason, count, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if n, err := strconv.Atoi(count); err == nil {
			reasons[reason] = n
		}
	}
	return reasons
}

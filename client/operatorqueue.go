package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// QueueStatus is the queue at a glance.
type QueueStatus struct {
	Paused         []string     `json:"paused"` // presets, "*" for all
	Classes        []QueueClass `json:"classes"`
	WaitingWorkers int          `json:"waiting_workers"`
	Leases         int          `json:"leases"`
	GrantsPerS     float64      `json:"grants_per_s"`
	Dead           int          `json:"dead"`
}

// QueueClass is what waits of one plan class for one preset.
type QueueClass struct {
	Class   string  `json:"class"`
	Preset  string  `json:"preset"`
	Depth   int     `json:"depth"`    // items
	OldestS float64 `json:"oldest_s"` // seconds that the oldest has waited
}

// Explanation says where a job stands in the queue and what it waits for.
type Explanation struct {
	JobID     string      `json:"job_id"`
	Status    Status      `json:"status"`
	Position  int         `json:"position"` // 1 is next; 0: nothing of it is ready
	Ahead     int         `json:"ahead"`    // items that come first
	ETA       *int        `json:"eta_s"`    // seconds, about; nil: nobody can say
	Reason    string      `json:"reason"`
	Leases    []HeldLease `json:"leases"`
	NextTimer *time.Time  `json:"next_timer"` // when something happens to it by itself; nil: nothing will
}

// HeldLease is a lease on items of a job.
type HeldLease struct {
	LeaseID string `json:"lease_id"`
	Worker  string `json:"worker"`
	Items   []int  `json:"items"`
}

// DeadPage is a stretch of the dead letters.
type DeadPage struct {
	Dead       []DeadItem `json:"dead"`
	NextCursor string     `json:"next_cursor"` // empty at the end
}

// DeadItem is an item that failed more often than it may. It was refunded.
type DeadItem struct {
	JobID  string    `json:"job_id"`
	Idx    int       `json:"idx"`
	User   string    `json:"user"`
	Preset string    `json:"preset"`
	Reason string    `json:"reason"`
	Errors []string  `json:"errors"` // the last five, with their workers
	At     time.Time `json:"at"`
}

// KnownWorker is a worker as the cluster knows it.
type KnownWorker struct {
	WorkerID  string      `json:"worker_id"`
	SessionID string      `json:"session_id"` // empty: it opened none
	State     WorkerState `json:"state"`
	Why       string      `json:"why"`
	GPU       string      `json:"gpu"`
	VRAMMB    int         `json:"vram_mb"`
	SDK       string      `json:"sdk"`
	Slots     int         `json:"slots"`
	Presets   []string    `json:"presets"` // empty: any
	Loaded    []string    `json:"loaded"`  // warm in memory
	Missing   []string    `json:"missing"` // reported since its boot
	Leases    int         `json:"leases"`
	Items     int         `json:"items"` // in its hands
	Done      int64       `json:"done"`
	Failed    int64       `json:"failed"`
	Lost      int64       `json:"lost"`       // leases
	Faults    int         `json:"faults"`     // in a row
	LastGrant *time.Time  `json:"last_grant"` // nil: never
}

// WorkerState is what an operator, or its own faults, made of a worker. Only an active one is granted work.
type WorkerState string

// The states, as the cluster lists them.
const (
	WorkerActive      WorkerState = "active"
	WorkerDraining    WorkerState = "draining"
	WorkerExiting     WorkerState = "exiting"
	WorkerQuarantined WorkerState = "quarantined"
)

// verbs are how a worker is put into a state.
var verbs = map[WorkerState]string{
	WorkerActive: "resume", WorkerDraining: "drain", WorkerExiting: "exit", WorkerQuarantined: "quarantine",
}

// Queue reads the queue's state.
func (o *Operator) Queue(ctx context.Context) (status QueueStatus, err error) {
	err = o.call(ctx, http.MethodGet, "/admin/queue", nil, &status)
	return status, err
}

// Dead lists dead letters from cursor on; empty means from the beginning.
func (o *Operator) Dead(ctx context.Context, cursor string) (page DeadPage, err error) {
	r := request{method: http.MethodGet, path: "/admin/queue/dead", token: o.client.cluster.AdminToken}
	if cursor != "" {
		r.query = url.Values{"cursor": {cursor}}
	}
	_, _, err = o.client.call(ctx, r, &page)
	return page, err
}

// Kick tries a dead item again, or all dead items of the job if idx is negative: in a new job, which checks and debits like any
// other and whose id it returns.
func (o *Operator) Kick(ctx context.Context, job string, idx int) (newJob string, err error) {
	body := struct {
		JobID string `json:"job_id"`
		Idx   *int   `json:"idx,omitempty"`
	}{JobID: job}
	if idx >= 0 {
		body.Idx = &idx
	}
	var out struct {
		JobID string `json:"job_id"`
	}
	err = o.call(ctx, http.MethodPost, "/admin/queue/kick", body, &out)
	return out.JobID, err
}

// Pause stops grants of a preset (empty: of all) and returns what is paused now. What is in work goes on.
func (o *Operator) Pause(ctx context.Context, preset string) (paused []string, err error) {
	return o.gate(ctx, "pause", preset)
}

// Resume takes Pause back.
func (o *Operator) Resume(ctx context.Context, preset string) (paused []string, err error) {
	return o.gate(ctx, "resume", preset)
}

func (o *Operator) gate(ctx context.Context, verb, preset string) ([]string, error) {
	body := struct {
		Preset string `json:"preset,omitempty"`
	}{preset}
	var out struct{ Paused []string }
	err := o.call(ctx, http.MethodPost, "/admin/queue/"+verb, body, &out)
	return out.Paused, err
}

// Purge cancels the queued jobs of a preset, of a user, or of both at once (empty: any) and says how many there were.
func (o *Operator) Purge(ctx context.Context, preset, user string) (canceled int, err error) {
	body := struct {
		Preset string `json:"preset,omitempty"`
		User   string `json:"user,omitempty"`
	}{preset, user}
	var out struct {
		CanceledJobs int `json:"canceled_jobs"`
	}
	err = o.call(ctx, http.MethodPost, "/admin/queue/purge", body, &out)
	return out.CanceledJobs, err
}

// Workers lists the workers that were heard of lately.
func (o *Operator) Workers(ctx context.Context) ([]KnownWorker, error) {
	var out struct{ Workers []KnownWorker }
	err := o.call(ctx, http.MethodGet, "/admin/workers", nil, &out)
	return out.Workers, err
}

// SetWorker puts a worker into a state; why is for people, and may be empty.
func (o *Operator) SetWorker(ctx context.Context, id string, state WorkerState, why string) (worker KnownWorker, err error) {
	verb, ok := verbs[state]
	if !ok {
		return worker, fmt.Errorf("no worker state %q: want %s, %s, %s or %s", state, WorkerActive, WorkerDraining, WorkerQuarantined, WorkerExiting)
	}
	body := struct {
		Why string `json:"why,omitempty"`
	}{why}
	var out struct{ Worker KnownWorker }
	err = o.call(ctx, http.MethodPost, "/admin/workers/"+url.PathEscape(id)+"/"+verb, body, &out)
	return out.Worker, err
}

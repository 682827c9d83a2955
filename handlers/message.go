package handlers

import (
	"fmt"
	"strconv"
	"time"

	"stoker/fsm"
)

// batchConcurrency is how many of a message's items the existing worker takes on
// at a time.
const batchConcurrency = 4

// work is a grant as a worker receives it: what process_job(message) of the
// existing worker takes, and URLs for those who need no storage client.
type work struct {
	LeaseID           string                 `json:"lease_id"`
	Fence             uint64                 `json:"fence"`
	Attempt           int                    `json:"attempt"`
	ExpiresAt         string                 `json:"expires_at"`
	TTLS              int                    `json:"ttl_s"`
	JobID             string                 `json:"job_id"`
	UserID            string                 `json:"user_id"`
	Preset            string                 `json:"preset"`
	Concepts          map[string]fsm.Concept `json:"concepts"`
	Protect           []string               `json:"protect"`
	Items             []workItem             `json:"items"`
	CallbackURL       string                 `json:"callback_url"`
	IdempotencyPrefix string                 `json:"idempotency_prefix"`
	BatchConcurrency  int                    `json:"batch_concurrency"`
	Directive         string                 `json:"directive"`
	LoadBudgetS       int                    `json:"load_budget_s"`         // to load the model; 0: it is warm, or there is no bound
	ExecBudgetS       int                    `json:"exec_budget_s"`         // for all items together; 0: no bound
	Lost              []string               `json:"lost"`                  // of the leases that the worker believed it held
	Traceparent       string                 `json:"traceparent,omitempty"` // to be sent back as the header of that name; none where nobody records traces
}

type workItem struct {
	Idx        int    `json:"idx"`
	InputKey   string `json:"input_key"`
	OutputKey  string `json:"output_key"`
	PreviewKey string `json:"preview_key"`
	InputURL   string `json:"input_url"`
	OutputURL  string `json:"output_url"`  // staged under the grant
	PreviewURL string `json:"preview_url"` // likewise
}

// messageOf renders a grant. The time it states is that to first contact, which
// is short: a worker that paces its heartbeats by ttl_s is in time for it.
func messageOf(c *call, g *fsm.Grant, lost []string) (any, error) {
	ttl := time.Duration(c.local().Settings().FirstContact)
	links, j := c.links(), g.Job
	m := work{
		LeaseID: g.Lease.ID(), Fence: g.Lease.Fence, Attempt: g.Lease.Attempt,
		ExpiresAt: inTime(ttl), TTLS: int(ttl / time.Second),
		JobID: j.ID, UserID: j.User, Preset: j.Preset, Concepts: j.Concepts, Protect: j.Protect,
		Items:             []workItem{},
		CallbackURL:       links.to("/jobs/" + j.ID + "/callback?lease=" + g.Lease.ID()),
		IdempotencyPrefix: j.ID + ":" + strconv.FormatUint(g.Lease.Fence, 10),
		BatchConcurrency:  min(batchConcurrency, max(len(g.Lease.Held), 1)),
		Directive:         directiveRun,
		LoadBudgetS:       seconds(g.Load), ExecBudgetS: seconds(g.Exec * int64(len(g.Lease.Granted))),
		Lost: lost, Traceparent: c.handOver(g),
	}
	for _, idx := range g.Lease.Held {
		it, err := links.work(j, idx, g.Lease.Fence)
		if err != nil {
			return nil, err
		}
		m.Items = append(m.Items, it)
	}
	return m, nil
}

// work signs what a worker needs for one item.
func (l links) work(j fsm.Job, idx int, fence uint64) (workItem, error) {
	it := workItem{Idx: idx, InputKey: j.InputKey(idx), OutputKey: j.OutputKey(idx), PreviewKey: j.PreviewKey(idx)}
	for _, one := range []struct {
		url    *string
		method string
		key    string
		fence  uint64
	}{
		{&it.InputURL, "GET", it.InputKey, 0},
		{&it.OutputURL, "PUT", it.OutputKey, fence},
		{&it.PreviewURL, "PUT", it.PreviewKey, fence},
	} {
		url, err := l.sign(one.method, one.key, workLife, one.fence)
		if err != nil {
			return it, fmt.Errorf("item %d: %w", idx, err)
		}
		*one.url = url
	}
	return it, nil
}

// seconds rounds up, so that a budget of less than a second is not none.
func seconds(ns int64) int { return int((ns + int64(time.Second) - 1) / int64(time.Second)) }

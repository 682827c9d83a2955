package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Queue is the worker's bare calls. [Worker] is the loop that uses them well.
type Queue struct{ client *Client }

// prompt is how long a node may take over a worker's call: shorter than a lease lives, so that one hung node costs no lease.
const prompt = 5 * time.Second

// Queue uses the cluster's WorkerToken.
func (c *Client) Queue() *Queue { return &Queue{client: c} }

// Poll asks for work.
type Poll struct {
	WorkerID string   `json:"worker_id"`
	Presets  []string `json:"presets,omitempty"` // empty: any
	MaxItems int      `json:"max_items,omitempty"`
	WaitS    int      `json:"wait_s"`            // how long the cluster may wait for work before it says there is none
	PollID   string   `json:"poll_id,omitempty"` // a poll repeated with the same one gets the same grant
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

// Progress is how far an item is.
type Progress struct {
	Idx     int `json:"idx"`
	Percent int `json:"percent"`
}

// Heartbeat answers a renewal.
type Heartbeat struct {
	ExpiresAt time.Time `json:"expires_at"`
	Cancel    []int     `json:"cancel"` // items to drop
}

// ItemResult is how an item ended.
type ItemResult struct {
	Idx        int    `json:"idx"`
	Status     Status `json:"status"` // Done or Failed
	OutputKey  string `json:"output_key,omitempty"`
	PreviewKey string `json:"preview_key,omitempty"`
	Error      string `json:"error,omitempty"`
	Retryable  bool   `json:"retryable,omitempty"`
}

// Receipt answers results.
type Receipt struct {
	Processed  int    `json:"processed"`
	Duplicates int    `json:"duplicates"`
	JobStatus  Status `json:"job_status"`
}

// Lease parks until there is work or WaitS passed; nil means none.
func (q *Queue) Lease(ctx context.Context, p Poll) (*Grant, error) {
	var grant Grant
	r := q.post("/queue/lease", p)
	r.attempt = time.Duration(p.WaitS)*time.Second + q.client.attempt
	_, some, err := q.client.call(ctx, r, &grant)
	if err != nil || !some {
		return nil, err
	}
	return &grant, nil
}

// Heartbeat extends the lease.
func (q *Queue) Heartbeat(ctx context.Context, leaseID string, progress []Progress) (beat Heartbeat, err error) {
	body := struct {
		Progress []Progress `json:"progress,omitempty"`
	}{progress}
	_, _, err = q.client.call(ctx, q.post(leasePath(leaseID, "heartbeat"), body), &beat)
	return beat, err
}

// Results reports items. It is sent to all nodes in turn until one acknowledges or refuses it, for as long as ctx lives: a result
// is dear, and counts once however often it is sent.
func (q *Queue) Results(ctx context.Context, leaseID string, results ...ItemResult) (receipt Receipt, err error) {
	body := struct {
		Results []ItemResult `json:"results"`
	}{results}
	r := q.post(leasePath(leaseID, "results"), body)
	r.patience = forever
	_, _, err = q.client.call(ctx, r, &receipt)
	return receipt, err
}

// Release gives items back (none named: all of the lease) and says how many went back to the queue. The reason "drain" burns
// none of their attempts.
func (q *Queue) Release(ctx context.Context, leaseID, reason string, items ...int) (requeued int, err error) {
	body := struct {
		Items  []int  `json:"items,omitempty"`
		Reason string `json:"reason,omitempty"`
	}{items, reason}
	var out struct{ Requeued int }
	_, _, err = q.client.call(ctx, q.post(leasePath(leaseID, "release"), body), &out)
	return out.Requeued, err
}

// Callback reports one item the old way, by its job; processed is false for a duplicate. An empty leaseID reports without a
// fence. The key may be empty.
func (q *Queue) Callback(ctx context.Context, jobID, leaseID, key string, result ItemResult) (processed bool, err error) {
	body := struct {
		ItemResult
		Key string `json:"idempotency_key,omitempty"`
	}{result, key}
	r := q.post(jobPath(jobID)+"/callback", body)
	if leaseID != "" {
		r.query = url.Values{"lease": {leaseID}}
	}
	var out struct{ Processed bool }
	_, _, err = q.client.call(ctx, r, &out)
	return out.Processed, err
}

func (q *Queue) post(path string, body any) request {
	return request{
		method: http.MethodPost, path: path, body: body, token: q.client.cluster.WorkerToken,
		attempt: min(q.client.attempt, prompt),
	}
}

func leasePath(id, verb string) string { return "/queue/leases/" + url.PathEscape(id) + "/" + verb }

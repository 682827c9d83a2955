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

// Boot says which worker this is and what it can do.
type Boot struct {
	WorkerID string   `json:"worker_id"`
	BootID   string   `json:"boot_id"` // of this life of the worker: another one gives the last life's leases back at once
	Slots    int      `json:"slots,omitempty"`
	Presets  []string `json:"presets,omitempty"` // empty: any
	GPU      string   `json:"gpu,omitempty"`
	VRAMMB   int      `json:"vram_mb,omitempty"`
	SDK      string   `json:"sdk,omitempty"`
}

// WorkerSession answers a Boot: the session to name in polls and controls, and the cluster's paces.
type WorkerSession struct {
	SessionID  string    `json:"session_id"`
	PollWaitS  int       `json:"poll_wait_s"`
	LeaseTTLS  int       `json:"lease_ttl_s"`
	HeartbeatS int       `json:"heartbeat_s"`
	Directive  Directive `json:"directive"`
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
	Retryable  bool   `json:"retryable,omitempty"` // what an older cluster goes by
	Cause      Cause  `json:"cause,omitempty"`
	GPUMillis  int64  `json:"gpu_ms,omitempty"` // what it cost; 0: not measured
}

// Receipt answers results.
type Receipt struct {
	Processed  int    `json:"processed"`
	Duplicates int    `json:"duplicates"`
	JobStatus  Status `json:"job_status"`
}

// Session opens the worker's session; a repeated one with the same BootID is the same. An older cluster refuses with 404 or 405,
// and its polls need none.
func (q *Queue) Session(ctx context.Context, boot Boot) (session WorkerSession, err error) {
	_, _, err = q.client.call(ctx, q.post("/queue/session", boot), &session)
	return session, err
}

// Heartbeat extends one lease. Control does it for all, and hears cancels at once.
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

// Release is work given back.
type Release struct {
	Items  []int  `json:"items,omitempty"`   // none named: all of the lease
	DelayS int    `json:"delay_s,omitempty"` // seconds, at most 3600, before anybody gets them
	Reason string `json:"reason,omitempty"`  // drain and preempted burn no attempt; any other is a cause, CauseTransient if unknown
}

// Release gives items back (none named: all of the lease) and says how many went back to the queue.
func (q *Queue) Release(ctx context.Context, leaseID, reason string, items ...int) (requeued int, err error) {
	return q.release(ctx, leaseID, Release{Items: items, Reason: reason}, 0)
}

// ReleaseFor gives items back with all that may be said of it.
func (q *Queue) ReleaseFor(ctx context.Context, leaseID string, what Release) (requeued int, err error) {
	return q.release(ctx, leaseID, what, 0)
}

func (q *Queue) release(ctx context.Context, leaseID string, what Release, patience time.Duration) (int, error) {
	r := q.post(leasePath(leaseID, "release"), what)
	r.patience = patience
	var out struct{ Requeued int }
	_, _, err := q.client.call(ctx, r, &out)
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

package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Status is where a job is: created → uploaded → queued → running → done | failed; canceled from any before the end. Items use
// pending, running, done, failed and canceled.
type Status string

const (
	Created  Status = "created"
	Uploaded Status = "uploaded"
	Queued   Status = "queued"
	Pending  Status = "pending"
	Running  Status = "running"
	Done     Status = "done"
	Failed   Status = "failed"
	Canceled Status = "canceled"
)

// Terminal reports whether nothing follows.
func (s Status) Terminal() bool { return s == Done || s == Failed || s == Canceled }

// Ticket is a job just made: where to put its pictures, and until when.
type Ticket struct {
	JobID         string         `json:"job_id"`
	Status        Status         `json:"status"`
	PresignedURLs []PresignedURL `json:"presigned_urls"`
	ConfirmURL    string         `json:"confirm_url"`
	ExpiresAt     time.Time      `json:"expires_at"`
}

// PresignedURL takes one item's picture by PUT.
type PresignedURL struct {
	Idx int    `json:"idx"`
	URL string `json:"url"`
	Key string `json:"key"`
}

// Execution is what to do with a job's pictures. RuleID wins over the inline values.
type Execution struct {
	Concepts       map[string]Concept `json:"concepts,omitzero"`
	Protect        []string           `json:"protect,omitzero"`
	RuleID         string             `json:"rule_id,omitempty"`
	OutputTemplate string             `json:"output_template,omitempty"`
}

// Job is a job with its items.
type Job struct {
	JobID         string         `json:"job_id"`
	UserID        string         `json:"user_id"`
	Status        Status         `json:"status"`
	Preset        string         `json:"preset"`
	TotalItems    int            `json:"total_items"`
	DoneItems     int            `json:"done_items"`
	FailedItems   int            `json:"failed_items"`
	Items         []JobItem      `json:"items"`
	DownloadURLs  []DownloadURL  `json:"download_urls"`
	PresignedURLs []PresignedURL `json:"presigned_urls"` // while created
	AutoConfirm   bool           `json:"auto_confirm"`   // its last upload confirms it
	AutoExecute   bool           `json:"auto_execute"`   // and queues it
	Queue         *QueuePlace    `json:"queue"`          // while items of it wait for a worker, else nil
	CreatedAt     time.Time      `json:"created_at"`
	UpdatedAt     time.Time      `json:"updated_at"`
}

// QueuePlace is where a job's waiting items stand.
type QueuePlace struct {
	Position int    `json:"position"` // 1 is next; 0: nothing of it is ready
	ETA      *int   `json:"eta_s"`    // seconds until it is its turn, about; nil: nobody can say
	Reason   string `json:"reason"`   // what it waits for
}

// JobItem is one picture's state.
type JobItem struct {
	Idx    int    `json:"idx"`
	Status Status `json:"status"`
	Error  string `json:"error"`
}

// DownloadURL gives one finished item by GET.
type DownloadURL struct {
	Idx        int    `json:"idx"`
	OutputURL  string `json:"output_url"`
	PreviewURL string `json:"preview_url"`
}

// JobSummary is a job as the list shows it.
type JobSummary struct {
	JobID     string    `json:"job_id"`
	Status    Status    `json:"status"`
	Preset    string    `json:"preset"`
	CreatedAt time.Time `json:"created_at"`
	Progress  struct {
		Done   int `json:"done"`
		Failed int `json:"failed"`
		Total  int `json:"total"`
	} `json:"progress"`
}

// JobsQuery narrows Jobs; the zero value is the newest 50.
type JobsQuery struct {
	Cursor string
	Limit  int
	Status Status
}

// Transition is one step that a job, or one of its items, made.
type Transition struct {
	Index   Position  `json:"index"`
	Ordinal uint32    `json:"ordinal"` // of steps with the same index
	At      time.Time `json:"at"`
	Item    *int      `json:"item"` // nil: the job itself
	From    Status    `json:"from"` // empty: it began
	To      Status    `json:"to"`
	By      string    `json:"by"`
	Detail  string    `json:"detail"`
}

// Position is an opaque place in the cluster's history. Nodes may write it as a number or as a string.
type Position string

// UnmarshalJSON takes both forms.
func (p *Position) UnmarshalJSON(text []byte) error {
	var s string
	if json.Unmarshal(text, &s) == nil {
		*p = Position(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(text, &n); err != nil {
		return fmt.Errorf("position %s is neither string nor number", text)
	}
	*p = Position(n)
	return nil
}

// JobRequest is a job to be opened.
type JobRequest struct {
	Preset string `json:"preset"`
	Items  int    `json:"item_count"`

	// AutoConfirm has the last usable upload confirm the job; AutoExecute has it queue the job too. Both need a cluster at feature
	// level 3. What keeps such a job from the queue stands in its history; Execute is for the caller to call then.
	AutoConfirm bool       `json:"auto_confirm,omitempty"`
	AutoExecute *Execution `json:"auto_execute,omitempty"`
}

// CreateJob debits the user and opens a job for items pictures, or does neither.
func (a *App) CreateJob(ctx context.Context, preset string, items int) (Ticket, error) {
	return a.OpenJob(ctx, JobRequest{Preset: preset, Items: items})
}

// OpenJob is CreateJob for a job that may go on by itself.
func (a *App) OpenJob(ctx context.Context, job JobRequest) (ticket Ticket, err error) {
	err = a.write(ctx, http.MethodPost, "/jobs", job, &ticket)
	return ticket, err
}

// ConfirmUpload says that all pictures are there. The refusal UPLOAD_INCOMPLETE names those that are not.
func (a *App) ConfirmUpload(ctx context.Context, jobID string) error {
	return a.write(ctx, http.MethodPost, jobPath(jobID)+"/confirm-upload", nil, nil)
}

// Execute puts the job's items into the queue.
func (a *App) Execute(ctx context.Context, jobID string, what Execution) error {
	return a.write(ctx, http.MethodPost, jobPath(jobID)+"/execute", what, nil)
}

// Cancel ends the job and refunds what was not done.
func (a *App) Cancel(ctx context.Context, jobID string) error {
	return a.write(ctx, http.MethodPost, jobPath(jobID)+"/cancel", nil, nil)
}

// Job reads one job.
func (a *App) Job(ctx context.Context, jobID string) (Job, error) {
	var out struct{ Job Job }
	_, err := a.read(ctx, jobPath(jobID), nil, &out)
	return out.Job, err
}

// Jobs lists the user's jobs, newest first, and the cursor of the next page, empty at the end.
func (a *App) Jobs(ctx context.Context, q JobsQuery) (jobs []JobSummary, next string, err error) {
	query := url.Values{}
	if q.Cursor != "" {
		query.Set("cursor", q.Cursor)
	}
	if q.Limit > 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Status != "" {
		query.Set("status", string(q.Status))
	}
	header, err := a.read(ctx, "/jobs", query, &jobs)
	if err != nil {
		return nil, "", err
	}
	return jobs, header.Get(headerNextCursor), nil
}

// History lists every step that the job ever made, oldest first.
func (a *App) History(ctx context.Context, jobID string) ([]Transition, error) {
	var out struct{ Events []Transition }
	_, err := a.read(ctx, jobPath(jobID)+"/history", nil, &out)
	return out.Events, err
}

func jobPath(id string) string { return "/jobs/" + url.PathEscape(id) }

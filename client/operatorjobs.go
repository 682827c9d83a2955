package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// JobLine is anybody's job, as the operator's list shows it.
type JobLine struct {
	JobID     string    `json:"job_id"`
	UserID    string    `json:"user_id"`
	Status    Status    `json:"status"`
	Preset    string    `json:"preset"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Progress  struct {
		Done   int `json:"done"`
		Failed int `json:"failed"`
		Total  int `json:"total"`
	} `json:"progress"`
	RetryOf string `json:"retry_of"` // the job whose leavings it tries again; empty: of none
}

// JobQuery chooses jobs. Zero fields choose all.
type JobQuery struct {
	User, Preset string
	Status       Status
	Limit        int    // 50 at most, which zero means
	Cursor       string // goes on behind a page
}

// JobLines is a stretch of the list, newest first. It may be short, or empty, and still have a next one.
type JobLines struct {
	Jobs []JobLine `json:"jobs"`
	Next string    `json:"next_cursor"` // empty at the end
}

// JobDetail is a job with its items and the terms it was created under.
type JobDetail struct {
	JobLine
	Price    int64              `json:"price"` // credits an item
	Settings uint64             `json:"settings"`
	Concepts map[string]Concept `json:"concepts"`
	Protect  []string           `json:"protect"`
	RuleID   string             `json:"rule_id"`
	Template string             `json:"output_template"`
	Items    []DetailItem       `json:"items"`
	Archived *ArchivedAt        `json:"archived"` // nil: it is in the state
}

// ArchivedAt says where in the archive a job was found.
type ArchivedAt struct {
	Segment uint64    `json:"segment"`
	Key     string    `json:"key"` // of the segment's object
	At      time.Time `json:"at"`
}

// DetailItem is one picture of a job.
type DetailItem struct {
	Idx     int      `json:"idx"`
	Status  Status   `json:"status"`
	Attempt int      `json:"attempt"` // the next or current one, from 1
	Error   string   `json:"error"`
	Errors  []string `json:"errors"` // of its attempts, the last five
	Input   string   `json:"input_key"`
	Output  string   `json:"output_key"`
	Preview string   `json:"preview_key"`
}

// JobLog is a job's whole life in the order of the log.
type JobLog struct {
	JobID  string     `json:"job_id"`
	Status Status     `json:"status"`
	Lines  []LogLine  `json:"lines"`
	Leases []LogLease `json:"leases"` // ended ones are kept for an hour
}

// LogLine is a step of the job or of an item, or what was booked for it.
type LogLine struct {
	Index   uint64    `json:"index"`
	Ordinal uint32    `json:"ordinal"`
	At      time.Time `json:"at"`
	Item    *int      `json:"item"` // nil: the job itself
	From    Status    `json:"from"`
	To      Status    `json:"to"`
	By      string    `json:"by"`
	Detail  string    `json:"detail"`
	Event   string    `json:"event"`
	Amount  int64     `json:"amount"` // credits; 0: no booking
	Balance int64     `json:"balance"`
}

// LogLease is a lease on items of a job.
type LogLease struct {
	LeaseID string    `json:"lease_id"`
	Worker  string    `json:"worker"`
	Items   []int     `json:"items"`
	Held    []int     `json:"held"`
	Attempt int       `json:"attempt"`
	At      time.Time `json:"at"`
	Ended   string    `json:"ended"` // done, lost, released; empty: it is held
}

func adminJobPath(id string) string { return "/admin/jobs/" + url.PathEscape(id) }

// Jobs lists everybody's jobs.
func (o *Operator) Jobs(ctx context.Context, q JobQuery) (page JobLines, err error) {
	query := url.Values{}
	for key, value := range map[string]string{"user": q.User, "status": string(q.Status), "preset": q.Preset, "cursor": q.Cursor} {
		if value != "" {
			query.Set(key, value)
		}
	}
	if q.Limit > 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	_, _, err = o.client.call(ctx, request{
		method: http.MethodGet, path: "/admin/jobs", query: query, token: o.client.cluster.AdminToken,
	}, &page)
	return page, err
}

// Job reads anybody's job.
func (o *Operator) Job(ctx context.Context, id string) (JobDetail, error) {
	var out struct{ Job JobDetail }
	err := o.call(ctx, http.MethodGet, adminJobPath(id), nil, &out)
	return out.Job, err
}

// JobLog reads a job's whole life.
func (o *Operator) JobLog(ctx context.Context, id string) (log JobLog, err error) {
	err = o.call(ctx, http.MethodGet, adminJobPath(id)+"/log", nil, &log)
	return log, err
}

// Explain says what a job waits for.
func (o *Operator) Explain(ctx context.Context, job string) (e Explanation, err error) {
	err = o.call(ctx, http.MethodGet, adminJobPath(job)+"/why", nil, &e)
	return e, err
}

// CancelJob ends anybody's job and says how many credits were given back.
func (o *Operator) CancelJob(ctx context.Context, id string) (refunded int64, err error) {
	var out struct{ Refunded int64 }
	err = o.call(ctx, http.MethodPost, adminJobPath(id)+"/cancel", nil, &out)
	return out.Refunded, err
}

// RetryJob tries again what an ended job has not done: in a new job, which checks and debits like any other.
func (o *Operator) RetryJob(ctx context.Context, id string) (newJob string, items int, err error) {
	var out struct {
		JobID string `json:"job_id"`
		Items int
	}
	err = o.call(ctx, http.MethodPost, adminJobPath(id)+"/retry", nil, &out)
	return out.JobID, out.Items, err
}

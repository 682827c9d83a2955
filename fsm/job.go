package fsm

import (
	"fmt"
	"slices"

	"stoker/store"
)

// Status is where a job or an item stands in its life.
type Status string

// A job's life uses all of these, an item's life Pending, Running, Done, Failed, Canceled.
const (
	Created  Status = "created"
	Uploaded Status = "uploaded"
	Queued   Status = "queued"
	Running  Status = "running"
	Done     Status = "done"
	Failed   Status = "failed"
	Canceled Status = "canceled"
	Pending  Status = "pending"
)

// next lists every step a job may take. What is not here cannot happen.
var next = map[Status][]Status{
	Created:  {Uploaded, Canceled},
	Uploaded: {Queued, Canceled},
	Queued:   {Running, Canceled, Failed},
	Running:  {Done, Failed, Canceled},
}

// Ended says whether the status is terminal.
func (s Status) Ended() bool { return s == Done || s == Failed || s == Canceled }

// Job is one batch of pictures and its life.
type Job struct {
	ID     string `cbor:"1,keyasint"`
	User   string `cbor:"2,keyasint"`
	Status Status `cbor:"3,keyasint"`
	Preset string `cbor:"4,keyasint"`
	Total  int    `cbor:"5,keyasint"` // items
	Done   int    `cbor:"6,keyasint"`
	Failed int    `cbor:"7,keyasint"`
	Final  int    `cbor:"8,keyasint"` // items that are final, however

	// The terms it was created under.
	Price    int64   `cbor:"9,keyasint"` // credits an item
	Budgets  Budgets `cbor:"10,keyasint"`
	Settings uint64  `cbor:"11,keyasint"` // version

	Concepts map[string]Concept `cbor:"12,keyasint,omitempty"`
	Protect  []string           `cbor:"13,keyasint,omitempty"`
	Rule     string             `cbor:"14,keyasint,omitempty"`
	Template string             `cbor:"15,keyasint,omitempty"`

	CreatedAt int64  `cbor:"16,keyasint"` // wall clock, ns
	UpdatedAt int64  `cbor:"17,keyasint"`
	Deadline  int64  `cbor:"18,keyasint,omitempty"` // machine clock; 0 once ended
	Index     uint64 `cbor:"19,keyasint"`           // the entry that created it, with the ordinal: newest first
	Ordinal   uint32 `cbor:"20,keyasint"`
	Turn      uint64 `cbor:"21,keyasint,omitempty"` // the entry that queued it: the user's own work in order
	RetryOf   string `cbor:"22,keyasint,omitempty"`
	Trace     string `cbor:"23,keyasint,omitempty"` // W3C traceparent of the request that executed it, before that of the one that created it

	AutoConfirm bool       `cbor:"27,keyasint,omitempty"` // the last upload confirms it
	Auto        *Execution `cbor:"28,keyasint,omitempty"` // and queues it, with this

	Imported int64 `cbor:"150,keyasint,omitempty"` // wall clock, ns, when it was brought over from another stack; see Import
}

var (
	jobs = store.NewTable[Job]("jobs")

	// jobsByUser orders a user's jobs by creation.
	jobsByUser = store.NewIndex(jobs, "jobs_by_user", func(_ store.Key, j Job) []store.Key {
		return []store.Key{store.Str(j.User).Uint(j.Index).Uint(uint64(j.Ordinal))}
	})

	// jobsByTime orders all jobs by creation.
	jobsByTime = store.NewIndex(jobs, "jobs_by_time", func(_ store.Key, j Job) []store.Key {
		return []store.Key{store.Uint(j.Index).Uint(uint64(j.Ordinal))}
	})
)

// InputKey is where the picture of item idx is uploaded to.
func (j Job) InputKey(idx int) string { return fmt.Sprintf("inputs/%s/%s/%d.jpg", j.User, j.ID, idx) }

// OutputKey is where the result of item idx is published.
func (j Job) OutputKey(idx int) string {
	return fmt.Sprintf("outputs/%s/%s/%d_result.png", j.User, j.ID, idx)
}

// PreviewKey is where the preview of item idx is published.
func (j Job) PreviewKey(idx int) string {
	return fmt.Sprintf("previews/%s/%s/%d_thumb.jpg", j.User, j.ID, idx)
}

// mayBecome refuses a step that is not in the table.
func (j Job) mayBecome(to Status) *Refusal {
	if slices.Contains(next[j.Status], to) {
		return nil
	}
	r := Refuse(JobInvalidTransition, "the job is %s; it cannot become %s", j.Status, to)
	r.Status = j.Status
	return r
}

// follow keeps the trace that the command came in, for whoever works on the job.
func (j *Job) follow(tx *Tx) {
	if tx.trace != "" && tx.level() >= 2 {
		j.Trace = tx.trace
	}
}

// step takes the job to another status and sets the deadline of the new one
// (0: none). Whoever calls it has asked mayBecome.
func step(tx *Tx, j *Job, to Status, budget int64, detail string) {
	if j.mayBecome(to) != nil {
		panic(fmt.Sprintf("fsm: job %s steps from %s to %s", j.ID, j.Status, to))
	}
	if j.Deadline != 0 {
		clearTimer(tx, j.Deadline, jobDeadline, store.Str(j.ID))
		j.Deadline = 0
	}
	if budget > 0 {
		j.Deadline = tx.now() + budget
		setTimer(tx, j.Deadline, jobDeadline, store.Str(j.ID))
	}
	from := j.Status
	j.Status, j.UpdatedAt = to, tx.wall()
	record(tx, j.ID, nil, from, to, detail)
}

// owned gives the user's own job; somebody else's is not found.
func (tx *Tx) owned(user, id string) (Job, *Refusal) {
	j, ok := jobs.Get(tx, store.Str(id))
	if !ok || j.User != user {
		return j, Refuse(JobNotFound, "no job %q", id)
	}
	return j, tx.barred(user)
}

// barred refuses the steps of a user who was revoked; at level 1 only new jobs
// and rules were refused.
func (tx *Tx) barred(user string) *Refusal {
	u, _ := users.Get(tx, store.Str(user))
	if u.Revoked && u.Away != Left && tx.level() >= 2 {
		return Refuse(Forbidden, "this user has been revoked")
	}
	return u.absent(tx)
}

// end settles an ended job: what was not done is refunded and the slot is freed.
func end(tx *Tx, j *Job, to Status, detail string) {
	step(tx, j, to, 0, detail)
	u, ok := users.Get(tx, store.Str(j.User))
	if !ok {
		panic(fmt.Sprintf("fsm: job %s of no user %s", j.ID, j.User))
	}
	if refund := int64(j.Total-j.Done) * j.Price; refund > 0 {
		book(tx, &u, "refund", refund, j.ID)
	}
	u.ActiveJobs--
	users.Put(tx.Tx, store.Str(u.ID), u)
	dropStaged(tx, *j)
	keepOf(tx, *j)
}

// jobRanOut ends a job whose state has lasted longer than its budget.
func jobRanOut(tx *Tx, ref store.Key) {
	j, ok := jobs.Get(tx, ref)
	if !ok || j.Deadline == 0 || j.Deadline > tx.now() {
		return
	}
	tx.by, j.Deadline = "system", 0 // the timer's row is gone already
	switch j.Status {
	case Created:
		closeItems(tx, &j, Canceled, "")
		end(tx, &j, Canceled, "the pictures were not uploaded in time")
	case Uploaded:
		closeItems(tx, &j, Canceled, "")
		end(tx, &j, Canceled, "the job was not executed in time")
	case Queued:
		closeItems(tx, &j, Failed, "no worker took the item in time")
		end(tx, &j, Failed, "no worker took the job in time")
	case Running:
		closeItems(tx, &j, Failed, "the job ran out of its time")
		to := Failed
		if j.Done > 0 {
			to = Done
		}
		end(tx, &j, to, "the job ran out of its time")
	}
	jobs.Put(tx.Tx, ref, j)
}

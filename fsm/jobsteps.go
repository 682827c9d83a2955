package fsm

import (
	"fmt"

	"stoker/store"
)

// CreateJob debits the user and opens a job, or does neither.
type CreateJob struct {
	User   string `cbor:"1,keyasint"`
	ID     string `cbor:"2,keyasint"`
	Preset string `cbor:"3,keyasint"`
	Items  int64  `cbor:"4,keyasint"`

	// From level 3 on: the last upload confirms the job, and with an execution,
	// which implies it, queues it too.
	AutoConfirm bool       `cbor:"20,keyasint,omitempty"`
	AutoExecute *Execution `cbor:"21,keyasint,omitempty"`
}

func (c CreateJob) apply(tx *Tx) (Job, error) {
	if r := tx.begun(); r != nil {
		return Job{}, r
	}
	u, r := tx.member(c.User)
	if r != nil {
		return Job{}, r
	}
	if r := tooLong("job_id", c.ID); r != nil {
		return Job{}, r
	}
	s := tx.current()
	preset, known := s.Presets[c.Preset]
	plan := u.plan(s)
	cost := c.Items * preset.Price
	switch {
	case !known:
		return Job{}, Refuse(InvalidPreset, "no preset %q", c.Preset)
	case c.Items < 1:
		return Job{}, Refuse(InvalidItemCount, "item_count must be at least 1")
	case c.Items > int64(plan.MaxItems):
		return Job{}, Refuse(ItemLimit, "plan %s allows %d items a job", u.Plan, plan.MaxItems)
	case u.ActiveJobs >= plan.MaxConcurrency:
		return Job{}, Refuse(ConcurrencyLimit, "%d of %d jobs are open; finish or cancel one", u.ActiveJobs, plan.MaxConcurrency)
	case u.Credits < cost:
		return Job{}, Refuse(InsufficientCredits, "%d credits are needed, %d are left", cost, u.Credits)
	case jobs.Has(tx, store.Str(c.ID)) || archived.Has(tx, store.Str(c.ID)) || c.ID == "":
		return Job{}, invalid("job_id", "a new id is needed")
	}
	j := Job{
		ID: c.ID, User: u.ID, Status: Created, Preset: c.Preset, Total: int(c.Items),
		Price: preset.Price, Budgets: s.Budgets, Settings: s.Version,
		CreatedAt: tx.wall(), UpdatedAt: tx.wall(), Deadline: tx.now() + s.Budgets.Upload,
		AutoConfirm: c.AutoConfirm || c.AutoExecute != nil, Auto: c.AutoExecute,
	}
	if r := j.mayGoOn(tx); r != nil {
		return Job{}, r
	}
	// from here on nothing may refuse
	if cost > 0 {
		book(tx, &u, "debit", -cost, c.ID)
	}
	u.ActiveJobs++
	users.Put(tx.Tx, store.Str(u.ID), u)
	j.Index, j.Ordinal = tx.position() // behind the debit's
	j.follow(tx)
	setTimer(tx, j.Deadline, jobDeadline, store.Str(j.ID))
	record(tx, j.ID, nil, "", Created, fmt.Sprintf("%d items of %s, %d credits", j.Total, j.Preset, cost))
	for i := range j.Total {
		items.Add(tx.Tx, itemKey(j.ID, i), Item{Idx: i, Status: Pending})
	}
	jobs.Put(tx.Tx, store.Str(j.ID), j)
	return j, nil
}

// ExecuteJob queues every item, with the concepts given or those of a rule.
type ExecuteJob struct {
	User     string             `cbor:"1,keyasint"`
	Job      string             `cbor:"2,keyasint"`
	Concepts map[string]Concept `cbor:"3,keyasint,omitempty"`
	Protect  []string           `cbor:"4,keyasint"` // nil: the preset's
	Rule     string             `cbor:"5,keyasint,omitempty"`
	Template string             `cbor:"6,keyasint,omitempty"`
}

func (c ExecuteJob) apply(tx *Tx) (Job, error) {
	j, r := tx.owned(c.User, c.Job)
	if r != nil {
		return j, r
	}
	if r := j.mayBecome(Queued); r != nil {
		return j, r
	}
	terms, r := Execution{Concepts: c.Concepts, Protect: c.Protect, Rule: c.Rule, Template: c.Template}.mayQueue(tx, j)
	if r != nil {
		return j, r
	}
	// from here on nothing may refuse
	terms.queue(tx, &j)
	return j, nil
}

// queueJob takes an uploaded job to queued, with every item in the ready queue.
// The job's row is written.
func queueJob(tx *Tx, j *Job, preset Preset) {
	j.Turn = tx.m.Index
	budget := j.Budgets.Queue
	if preset.Queue > 0 {
		budget = preset.Queue
	}
	step(tx, j, Queued, budget, "")
	for i := range j.Total {
		it, _ := items.Get(tx, itemKey(j.ID, i))
		enqueue(tx, *j, &it)
		items.Put(tx.Tx, itemKey(j.ID, i), it)
	}
	jobs.Put(tx.Tx, store.Str(j.ID), *j)
}

func (p Preset) has(template string) bool {
	for _, t := range p.Templates {
		if t.ID == template {
			return true
		}
	}
	return false
}

// CancelJob ends a job at once: queued items leave the queue, running ones are
// told through their lease, what was not done is refunded.
type CancelJob struct {
	User string `cbor:"1,keyasint"` // empty: an operator asks
	Job  string `cbor:"2,keyasint"`
}

func (c CancelJob) apply(tx *Tx) (Job, error) {
	if c.User == "" && tx.level() >= 3 {
		tx.deed = deed{Subject: c.Job}
	}
	j, ok := jobs.Get(tx, store.Str(c.Job))
	if !ok || (c.User != "" && j.User != c.User) {
		return j, Refuse(JobNotFound, "no job %q", c.Job)
	}
	if c.User != "" {
		if r := tx.barred(c.User); r != nil {
			return j, r
		}
	}
	if r := j.mayBecome(Canceled); r != nil {
		return j, r
	}
	closeItems(tx, &j, Canceled, "")
	end(tx, &j, Canceled, "")
	jobs.Put(tx.Tx, store.Str(j.ID), j)
	return j, nil
}

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
	case jobs.Has(tx, store.Str(c.ID)) || c.ID == "":
		return Job{}, invalid("job_id", "a new id is needed")
	}
	// from here on nothing may refuse
	if cost > 0 {
		book(tx, &u, "debit", -cost, c.ID)
	}
	u.ActiveJobs++
	users.Put(tx.Tx, store.Str(u.ID), u)
	index, ordinal := tx.position()
	j := Job{
		ID: c.ID, User: u.ID, Status: Created, Preset: c.Preset, Total: int(c.Items),
		Price: preset.Price, Budgets: s.Budgets, Settings: s.Version,
		CreatedAt: tx.wall(), UpdatedAt: tx.wall(), Index: index, Ordinal: ordinal,
		Deadline: tx.now() + s.Budgets.Upload,
	}
	j.follow(tx)
	setTimer(tx, j.Deadline, jobDeadline, store.Str(j.ID))
	record(tx, j.ID, nil, "", Created, fmt.Sprintf("%d items of %s, %d credits", j.Total, j.Preset, cost))
	for i := range j.Total {
		items.Put(tx.Tx, itemKey(j.ID, i), Item{Idx: i, Status: Pending})
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
	version, _ := settings.Get(tx, store.Uint(j.Settings))
	preset := version.Presets[j.Preset]
	concepts, protect := c.Concepts, c.Protect
	if c.Rule != "" {
		rule, ok := rules.Get(tx, ruleKey(c.User, c.Rule))
		switch {
		case !ok:
			return j, Refuse(RuleNotFound, "no rule %q", c.Rule)
		case rule.Preset != j.Preset:
			return j, invalid("rule_id", "the rule is for preset %s, the job for %s", rule.Preset, j.Preset)
		}
		concepts, protect = rule.Concepts, rule.Protect
	}
	if r := preset.check(concepts, protect); r != nil {
		return j, r
	}
	if c.Template != "" && !preset.has(c.Template) {
		return j, invalid("output_template", "preset %s has no template %q", preset.ID, c.Template)
	}
	if waiting(tx)+j.Total > tx.current().QueueDepth {
		r := Refuse(QueueFull, "the queue is full; try again later")
		r.RetryAfter = 30
		return j, r
	}
	// from here on nothing may refuse
	j.Concepts, j.Protect, j.Rule, j.Template = concepts, preset.protectOr(protect), c.Rule, c.Template
	j.follow(tx)
	queueJob(tx, &j, preset)
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

package handlers

import (
	"cmp"
	"iter"
	"slices"

	"stoker/fsm"
)

// adminJobLine is a job in the operator's list.
type adminJobLine struct {
	JobID     string     `json:"job_id"`
	UserID    string     `json:"user_id"`
	Status    fsm.Status `json:"status"`
	Preset    string     `json:"preset"`
	CreatedAt string     `json:"created_at"`
	UpdatedAt string     `json:"updated_at"`
	Progress  progress   `json:"progress"`
	RetryOf   string     `json:"retry_of"` // "": of none
}

func adminJobLineOf(j fsm.Job) adminJobLine {
	return adminJobLine{
		JobID: j.ID, UserID: j.User, Status: j.Status, Preset: j.Preset, RetryOf: j.RetryOf,
		CreatedAt: stampOf(j.CreatedAt), UpdatedAt: stampOf(j.UpdatedAt), Progress: progress{j.Done, j.Failed, j.Total},
	}
}

// adminJobs lists jobs of everybody, newest first. A page may be short, or empty,
// and have a next one: how many jobs one request looks at is bounded.
func (s *Server) adminJobs(c *call) (any, error) {
	page, err := c.page()
	if err != nil {
		return nil, err
	}
	user, status, preset := c.query("user"), fsm.Status(c.query("status")), c.query("preset")
	var wrong flaws
	wrong.unless(user == "" || saneName.MatchString(user), "user", "is no user's id")
	wrong.unless(status == "" || slices.Contains(statuses, status), "status", "must be one of %v", statuses)
	wrong.unless(len(preset) <= maxName, "preset", "is too long")
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	var rows iter.Seq[fsm.Job]
	if user == "" {
		rows = v.AllJobs(page.before)
	} else {
		if _, ok := v.User(user); !ok {
			return nil, noUser(user)
		}
		rows = v.Jobs(user, page.before)
	}
	out := struct {
		Jobs []adminJobLine `json:"jobs"`
		Next *string        `json:"next_cursor"` // nil: that was all
	}{Jobs: []adminJobLine{}}
	last, skipped := fsm.Mark{}, 0
	for j := range rows {
		if len(out.Jobs) == page.size || skipped == maxSkipped {
			next := cursorText(last)
			out.Next = &next
			break
		}
		last = fsm.Mark{Index: j.Index, Ordinal: j.Ordinal}
		if status != "" && j.Status != status || preset != "" && j.Preset != preset {
			skipped++
			continue
		}
		out.Jobs = append(out.Jobs, adminJobLineOf(j))
	}
	return out, nil
}

// adminJob is a job with its items and the terms it was created under.
type adminJob struct {
	adminJobLine
	Price    int64                  `json:"price"`    // credits an item
	Settings uint64                 `json:"settings"` // the version in force when it was created
	Concepts map[string]fsm.Concept `json:"concepts"`
	Protect  []string               `json:"protect"`
	RuleID   string                 `json:"rule_id"`
	Template string                 `json:"output_template"`
	Items    []adminItem            `json:"items"`
	Archived *archivedAt            `json:"archived,omitempty"` // nil: it is in the state
}

type adminItem struct {
	Idx     int        `json:"idx"`
	Status  fsm.Status `json:"status"`
	Attempt int        `json:"attempt"` // the next or current one, from 1
	Error   string     `json:"error"`
	Errors  []string   `json:"errors"` // of its attempts, the last five
	Input   string     `json:"input_key"`
	Output  string     `json:"output_key"`
	Preview string     `json:"preview_key"`
}

func (s *Server) adminJob(c *call) (any, error) {
	j, err := c.anyJob()
	if err != nil {
		return nil, err
	}
	out := adminJob{
		adminJobLine: adminJobLineOf(j.Job), Archived: j.archived(), Price: j.Price, Settings: j.Settings,
		Concepts: j.Concepts, Protect: orNone(j.Protect), RuleID: j.Rule, Template: j.Template, Items: []adminItem{},
	}
	if out.Concepts == nil {
		out.Concepts = map[string]fsm.Concept{}
	}
	for _, it := range j.items() {
		out.Items = append(out.Items, adminItem{
			it.Idx, it.Status, it.Attempt(), it.Error, orNone(it.Errors), cmp.Or(it.Input, j.InputKey(it.Idx)), it.Output, it.Preview,
		})
	}
	return map[string]any{"job": out}, nil
}

// logLine is one line of a job's whole life: a step of it or of an item, or a
// booking on its user's ledger.
type logLine struct {
	transition
	Event   string `json:"event"`
	Amount  int64  `json:"amount"`  // credits; 0: no booking
	Balance int64  `json:"balance"` // after it
}

// logLease is a lease on items of the job.
type logLease struct {
	LeaseID string `json:"lease_id"`
	Worker  string `json:"worker"`
	Items   []int  `json:"items"` // as granted
	Held    []int  `json:"held"`  // now
	Attempt int    `json:"attempt"`
	At      string `json:"at"`
	Ended   string `json:"ended"` // done, lost, released; "": it is held
}

// adminJobLog is a job's whole life in the order of the log.
func (s *Server) adminJobLog(c *call) (any, error) {
	j, err := c.anyJob()
	if err != nil {
		return nil, err
	}
	out := struct {
		JobID  string     `json:"job_id"`
		Status fsm.Status `json:"status"`
		Lines  []logLine  `json:"lines"`
		Leases []logLease `json:"leases"` // ended ones are kept for an hour
	}{JobID: j.ID, Status: j.Status, Lines: []logLine{}, Leases: []logLease{}}
	for e := range j.steps() {
		what := "job."
		if e.Item != nil {
			what = "item."
		}
		out.Lines = append(out.Lines, logLine{transition: transitionOf(e), Event: what + string(e.To)})
	}
	booked, err := j.view.LedgerOf(j.Job, j.steps(), s.archive.Stretch)
	if err != nil {
		return nil, fromArchive(err)
	}
	for _, e := range booked {
		out.Lines = append(out.Lines, logLine{
			transition: transition{Index: e.Index, Ordinal: e.Ordinal, At: stampOf(e.At), By: e.By},
			Event:      "credits." + e.Type, Amount: e.Amount, Balance: e.Balance,
		})
	}
	slices.SortFunc(out.Lines, func(a, b logLine) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	v := j.view
	for _, l := range v.LeasesOf(j.ID) {
		out.Leases = append(out.Leases, logLease{
			l.ID(), l.Worker, orNone(l.Granted), orNone(l.Held), l.Attempt, stampOf(v.Wall() + l.At - v.Clock()), l.Ended,
		})
	}
	return out, nil
}

// adminCancelJob ends anybody's job at once and refunds what was not done.
func (s *Server) adminCancelJob(c *call) (any, error) {
	id, err := c.jobID()
	if err != nil {
		return nil, err
	}
	j, err := apply(c, fsm.CancelJob{Job: id})
	if err != nil {
		return nil, err
	}
	return map[string]any{"job_id": j.ID, "status": j.Status, "refunded": int64(j.Total-j.Done) * j.Price}, nil
}

// adminRetryJob tries what an ended job has not done again, in a new job.
func (s *Server) adminRetryJob(c *call) (any, error) {
	id, err := c.jobID()
	if err != nil {
		return nil, err
	}
	if err := s.inputsHere(); err != nil {
		return nil, err
	}
	j, err := apply(c, fsm.RetryJob{Job: id, NewJob: newID("j_")})
	if err != nil {
		return nil, err
	}
	return map[string]any{"job_id": j.ID, "retry_of": j.RetryOf, "items": j.Total}, nil
}

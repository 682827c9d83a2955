package judge

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// rules of the sequential machine, written from the wire contract and not from the program. step says whether an operation may
// have come to what it came to in this state, and what the state is then.
func (m *model) step(s state, o *Op) (bool, state) {
	switch o.Kind {
	case ReadMe, ReadJob, ReadJobs, ReadRules:
		return m.read(s, o)
	case MakeRule, DropRule:
		return m.rule(s, o)
	case Grant:
		return m.grant(s, o)
	case Create:
		return m.create(s, o)
	}
	j, known := s.find(o.Job)
	if !known {
		return o.Code == Unknown, s
	}
	switch o.Kind {
	case Upload:
		if o.Code == "" || o.Code == Unknown {
			j.inputs |= 1 << o.Idx
			return true, s.with(j)
		}
		return true, s
	case Lease:
		if !j.working() || slices.ContainsFunc(o.Results, func(r Result) bool { return !j.has(r.Idx) || j.items[r.Idx] != 'p' }) {
			return false, s
		}
		j.status = 'r'
		return true, s.with(j)
	case Die:
		if !j.working() || j.items[o.Idx] != 'p' {
			return false, s
		}
		return true, s.conclude(j, o.Idx, 'f')
	case Report, Callback:
		return m.result(s, j, o)
	}
	return m.command(s, j, o)
}

// model is the machine for one account.
type model struct{ Account }

// told maps a state's answer to what was said: an operation that succeeds here may be acknowledged or unknown; one that is
// refused here may have been refused with that code, or be unknown.
func told(o *Op, want string) bool { return o.Code == Unknown || o.Code == want }

// silent says whether a refusal tells nothing of the state.
func silent(code string) bool {
	switch code {
	case "UNAVAILABLE", "STORAGE_FULL", "QUEUE_FULL", "RATE_LIMITED", "DIVERGED", "LEASE_LOST":
		return true
	}
	return false
}

func (m *model) grant(s state, o *Op) (bool, state) {
	switch {
	case silent(o.Code):
		return true, s
	case s.credits+o.Amount < 0:
		return told(o, "VALIDATION_FAILED"), s
	}
	s.credits += o.Amount
	return told(o, "") && (o.Code == Unknown || o.Credits == s.credits), s.seal()
}

func (m *model) create(s state, o *Op) (bool, state) {
	switch {
	case silent(o.Code):
		return true, s
	case o.Amount > m.MaxItems:
		return told(o, "ITEM_LIMIT"), s
	case s.active() >= m.MaxJobs:
		return told(o, "CONCURRENCY_LIMIT"), s
	case s.credits < o.Amount:
		return told(o, "INSUFFICIENT_CREDITS"), s
	}
	s.credits -= o.Amount
	id := o.Job
	if id == "" { // nobody knows its name
		id = "?" + strconv.FormatInt(o.Call, 10)
	}
	return told(o, ""), s.with(jobState{id: id, status: 'c', items: strings.Repeat("p", int(o.Amount))})
}

func (m *model) rule(s state, o *Op) (bool, state) {
	has := slices.Contains(s.rules, o.Rule)
	switch {
	case silent(o.Code):
		return true, s
	case o.Kind == DropRule && !has:
		return told(o, "RULE_NOT_FOUND"), s
	case o.Kind == DropRule:
		return told(o, ""), s.withoutRule(o.Rule)
	case len(s.rules) >= m.MaxRules:
		return told(o, "RULE_SLOT_LIMIT"), s
	}
	return told(o, ""), s.withRule(cmp.Or(o.Rule, "?"+strconv.FormatInt(o.Call, 10)))
}

// command is what a user does to a job.
func (m *model) command(s state, j jobState, o *Op) (bool, state) {
	const wrong = "JOB_INVALID_TRANSITION"
	switch {
	case silent(o.Code):
		return true, s
	case o.Kind == Confirm && j.status != 'c', o.Kind == Execute && j.status != 'u', o.Kind == Cancel && !j.open():
		return told(o, wrong), s
	case o.Kind == Confirm && !j.whole():
		return told(o, "UPLOAD_INCOMPLETE"), s
	case o.Kind == Cancel:
		return told(o, ""), s.end(j, 'C', 'c')
	case o.Kind == Confirm:
		j.status = 'u'
	case o.Kind == Execute:
		j.status = 'q'
	}
	return told(o, ""), s.with(j)
}

// result is what a worker says of items: each is final once.
func (m *model) result(s state, j jobState, o *Op) (bool, state) {
	if silent(o.Code) {
		return true, s
	}
	if o.Kind == Callback && !j.working() && j.has(o.Results[0].Idx) && j.items[o.Results[0].Idx] == 'p' {
		return told(o, "JOB_INVALID_TRANSITION"), s
	}
	processed := 0
	for _, r := range o.Results {
		if !j.has(r.Idx) || j.items[r.Idx] != 'p' || !j.working() {
			continue
		}
		what := byte('f')
		if r.Done {
			what = 'd'
		}
		processed++
		s = s.conclude(j, r.Idx, what)
		j, _ = s.find(j.id)
	}
	if o.Code == Unknown {
		return true, s
	}
	return o.Code == "" && processed == o.Processed && (o.Status == "" || o.Status == statusOf[j.status]), s
}

func (j jobState) has(idx int) bool { return idx >= 0 && idx < len(j.items) }

// read compares what was seen with the state. A job that a worker has taken is running for all who look later, though the
// worker's own word of it may come late: who looks is the first to know.
func (m *model) read(s state, o *Op) (bool, state) {
	if o.Code != "" {
		return o.Code == Unknown || silent(o.Code), s
	}
	switch o.Kind {
	case ReadMe:
		return o.Credits == s.credits && o.Active == s.active() && o.Slots == len(s.rules), s
	case ReadRules:
		return slices.EqualFunc(o.Rules, s.rules, func(seen, is string) bool { return seen == is || is[0] == '?' }), s
	case ReadJobs:
		if len(o.Jobs) != len(s.jobs) {
			return false, s
		}
	}
	for _, seen := range o.Jobs {
		j, known := s.find(seen.ID)
		if !known {
			return false, s
		}
		if j.status == 'q' && seen.Status == "running" {
			j.status = 'r'
			s = s.with(j)
		}
		if statusOf[j.status] != seen.Status || j.count('d') != seen.Done || j.count('f') != seen.Failed || seen.Items != "" && seen.Items != j.items {
			return false, s
		}
	}
	return true, s
}

package campaign

import (
	"encoding/binary"
	"fmt"
	"net/url"
	"slices"

	"stoker/proof/judge"
)

// grant books credits for the user, or takes some, as an operator.
func (a *actor) grant(u *user, amount int64) {
	o := a.begin(judge.Grant)
	o.Amount = amount
	ref := fmt.Sprintf("g-%d", a.number())
	u.mu.Lock()
	u.refs[ref] = judge.Unknown
	u.mu.Unlock()
	got := a.keyed(&o, request{
		method: "POST", path: "/admin/users/" + u.id + "/credits", token: a.where.AdminToken, body: map[string]any{"amount": amount, "reason": ref},
	}, a.manner())
	var me struct{ Credits int64 }
	got.into(&me)
	o.Credits = me.Credits
	a.finish(&o, got)
	u.mu.Lock()
	u.refs[ref] = got.code
	u.mu.Unlock()
	u.record(o)
}

var wall = map[string]any{"Wall": map[string]string{"action": "recolor", "value": "white"}}

func (a *actor) makeRule(u *user) {
	o := a.begin(judge.MakeRule)
	r := request{
		method: "POST", path: "/rules", token: u.token, key: fmt.Sprintf("c%d-%d", a.Seed, a.number()),
		body: map[string]any{"name": "mine", "preset_id": "interior", "concepts": wall},
	}
	got := a.until(a.anywhere(), r, tries)
	a.settle(u, o, r, got, func(o judge.Op, got answer) {
		var in struct{ Rule struct{ ID string } }
		got.into(&in)
		o.Rule = in.Rule.ID
		a.finish(&o, got)
		u.mu.Lock()
		if got.code == "" {
			u.rules = append(u.rules, o.Rule)
		}
		u.mu.Unlock()
		u.record(o)
	})
}

func (a *actor) dropRule(u *user) {
	u.mu.Lock()
	id := "r_none"
	if len(u.rules) > 0 {
		id = u.rules[a.dice.IntN(len(u.rules))]
	}
	u.mu.Unlock()
	o := a.begin(judge.DropRule)
	o.Rule = id
	got := a.keyed(&o, request{method: "DELETE", path: "/rules/" + id, token: u.token}, a.manner())
	a.finish(&o, got)
	if got.code == "" {
		u.mu.Lock()
		u.rules = slices.DeleteFunc(u.rules, func(r string) bool { return r == id })
		u.mu.Unlock()
	}
	u.record(o)
}

// advance takes one of the user's jobs a step on, or opens one.
func (a *actor) advance(u *user) {
	u.mu.Lock()
	var at *job
	for _, j := range u.jobs {
		if j.stage < 2 && (at == nil || a.dice.IntN(2) == 0) {
			at = j
		}
	}
	u.mu.Unlock()
	switch n := a.dice.IntN(30); {
	case at == nil && n < 2:
		if j := u.anyJob(a.dice); j != nil {
			a.command(u, j, []judge.Kind{judge.Confirm, judge.Execute, judge.Cancel}[a.dice.IntN(3)])
		}
	case at == nil || n == 2:
		a.openJob(u)
	case n < 2:
		a.command(u, at, judge.Cancel)
	case at.stage == 1:
		a.command(u, at, judge.Execute)
	case at.inputs < at.items:
		a.upload(u, at)
	default:
		a.command(u, at, judge.Confirm)
	}
}

// openJob opens a job.
func (a *actor) openJob(u *user) {
	o := a.begin(judge.Create)
	o.Amount = int64(1 + a.dice.IntN(3))
	if a.dice.IntN(40) == 0 {
		o.Amount = 1000 // more than any plan allows
	}
	r := request{
		method: "POST", path: "/jobs", token: u.token, key: fmt.Sprintf("c%d-%d", a.Seed, a.number()),
		body: map[string]any{"preset": "interior", "item_count": o.Amount},
	}
	var got answer
	if a.dice.IntN(8) == 0 {
		got = a.twice(a.anywhere(), r)
	} else {
		got = a.until(a.anywhere(), r, tries)
	}
	a.settle(u, o, r, got, func(o judge.Op, got answer) {
		var in struct {
			JobID string      `json:"job_id"`
			URLs  []presigned `json:"presigned_urls"`
		}
		got.into(&in)
		o.Job = in.JobID
		a.finish(&o, got)
		if got.code == "" {
			u.mu.Lock()
			u.jobs = append(u.jobs, &job{id: in.JobID, items: int(o.Amount), urls: in.URLs})
			u.mu.Unlock()
			u.saw(got, o)
		}
		u.record(o)
	})
}

// pixel is the first 33 bytes of a PNG of one pixel: all that the cluster looks at.
const pixel = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55"

// upload puts the next of a job's pictures to where its URL was signed for, at any node.
func (a *actor) upload(u *user, j *job) {
	u.mu.Lock()
	to := j.urls[min(j.inputs, len(j.urls)-1)]
	u.mu.Unlock()
	at, err := url.Parse(to.URL)
	if err != nil {
		a.verdicts.violate(ruleCodes, "job %s has the URL %q", j.id, to.URL)
		return
	}
	o := a.begin(judge.Upload)
	o.Job, o.Idx = j.id, to.Idx
	place := a.anywhere()
	o.Node = a.at(place).node.ID
	got := a.once(place, request{
		method: "PUT", path: at.RequestURI(), host: at.Host, body: binary.BigEndian.AppendUint64([]byte(pixel), uint64(a.number())),
	})
	a.finish(&o, got)
	u.mu.Lock()
	if got.code == "" && j.inputs == to.Idx {
		j.inputs++
	}
	u.mu.Unlock()
	u.record(o)
}

// command is what a user does to a job.
func (a *actor) command(u *user, j *job, kind judge.Kind) {
	path, body, stage := "confirm-upload", any(nil), 1
	switch kind {
	case judge.Execute:
		path, body, stage = "execute", map[string]any{"concepts": wall}, 2
	case judge.Cancel:
		path, stage = "cancel", 3
	}
	o := a.begin(kind)
	o.Job = j.id
	got := a.keyed(&o, request{method: "POST", path: "/jobs/" + j.id + "/" + path, token: u.token, body: body}, a.manner())
	a.finish(&o, got)
	u.mu.Lock()
	if got.code == "" {
		j.stage = max(j.stage, stage)
	} else if got.code == "JOB_INVALID_TRANSITION" { // somebody was quicker
		j.stage = max(j.stage, stage-1, 1)
		if kind != judge.Confirm {
			j.stage = 2
		}
	}
	u.mu.Unlock()
	u.record(o)
}

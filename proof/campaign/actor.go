package campaign

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"stoker/proof/judge"
)

// actor is a thread that speaks for one user after the other, at one node after the other.
type actor struct {
	*campaign
	client int
	dice   *rand.Rand
}

// deed is something that an actor may do; chances are relative.
type deed struct {
	chance int
	do     func(a *actor, u *user)
}

var deeds = []deed{
	{34, func(a *actor, u *user) { a.see(u, judge.ReadMe, nil) }},
	{14, func(a *actor, u *user) { a.seeJob(u) }},
	{8, func(a *actor, u *user) { a.session(u) }},
	{5, func(a *actor, u *user) { a.see(u, judge.ReadJobs, nil) }},
	{4, func(a *actor, u *user) { a.see(u, judge.ReadRules, nil) }},
	{7, func(a *actor, u *user) { a.grant(u, int64(1+a.dice.IntN(20))) }},
	{2, func(a *actor, u *user) { a.grant(u, -int64(1+a.dice.IntN(15))) }},
	{4, func(a *actor, u *user) { a.makeRule(u) }},
	{3, func(a *actor, u *user) { a.dropRule(u) }},
	{20, func(a *actor, u *user) { a.advance(u) }},
}

// work does one thing after the other until the load ends.
func (a *actor) work() {
	popularity := rand.NewZipf(a.dice, 1.1, 2, population-1)
	total := 0
	for _, d := range deeds {
		total += d.chance
	}
	for !a.over() {
		if a.pace.Wait(context.Background()) != nil {
			return
		}
		if !a.calm.enter() {
			a.rest(50 * time.Millisecond)
			continue
		}
		if u := a.crowd.pick(a.campaign, int(popularity.Uint64())); u != nil && u.enter() {
			n, at := a.dice.IntN(total), 0
			for n >= deeds[at].chance {
				n -= deeds[at].chance
				at++
			}
			deeds[at].do(a, u)
			u.exit()
		} else {
			a.rest(10 * time.Millisecond) // nobody is there
		}
		a.calm.leave()
	}
}

func (a *actor) anywhere() int { return a.dice.IntN(a.places()) }

// begin is an operation from its call on.
func (a *actor) begin(kind judge.Kind) judge.Op {
	return judge.Op{Kind: kind, Client: a.client, Call: a.now()}
}

// finish is its return, with what came of it.
func (x *campaign) finish(o *judge.Op, got answer) {
	o.Return, o.Code = x.now(), got.code
	x.tally.count(o)
}

// see is a linearizable read.
func (a *actor) see(u *user, kind judge.Kind, j *job) {
	place := a.anywhere()
	o := a.begin(kind)
	o.Node = a.at(place).node.ID
	got := a.once(place, request{method: "GET", path: pathOf(kind, j), token: u.token})
	show(&o, &got)
	a.finish(&o, got)
	u.saw(got, o)
	u.record(o)
}

func pathOf(kind judge.Kind, j *job) string {
	switch kind {
	case judge.ReadMe:
		return "/me"
	case judge.ReadJobs:
		return "/jobs?limit=50"
	case judge.ReadRules:
		return "/rules"
	}
	return "/jobs/" + j.id
}

// show reads what a read was shown.
func show(o *judge.Op, got *answer) {
	switch o.Kind {
	case judge.ReadMe:
		var me struct {
			Credits int64
			Slots   int `json:"rule_slots"`
			Active  int `json:"concurrent_jobs"`
		}
		got.into(&me)
		o.Credits, o.Slots, o.Active = me.Credits, me.Slots, me.Active
	case judge.ReadJob:
		var in struct{ Job jobAnswer }
		got.into(&in)
		o.Jobs = []judge.JobSeen{in.Job.seen()}
	case judge.ReadJobs:
		var in []jobAnswer
		got.into(&in)
		for _, j := range in {
			o.Jobs = append(o.Jobs, j.seen())
		}
	case judge.ReadRules:
		var in struct{ Rules []struct{ ID string } }
		got.into(&in)
		for _, r := range in.Rules {
			o.Rules = append(o.Rules, r.ID)
		}
		slices.Sort(o.Rules)
	}
}

// jobAnswer is a job as GET /jobs and GET /jobs/{id} show it.
type jobAnswer struct {
	JobID    string `json:"job_id"`
	Status   string
	Done     int `json:"done_items"`
	Failed   int `json:"failed_items"`
	Progress struct{ Done, Failed int }
	Items    []struct{ Status string }
	Download []struct {
		Idx       int
		OutputURL string `json:"output_url"`
	} `json:"download_urls"`
}

func (j jobAnswer) seen() judge.JobSeen {
	s := judge.JobSeen{ID: j.JobID, Status: j.Status, Done: j.Done + j.Progress.Done, Failed: j.Failed + j.Progress.Failed}
	for _, it := range j.Items {
		letter := map[string]string{"done": "d", "failed": "f", "canceled": "c"}[it.Status]
		if letter == "" {
			letter = "p" // pending or running
		}
		s.Items += letter
	}
	return s
}

func (a *actor) seeJob(u *user) {
	if j := u.anyJob(a.dice); j != nil {
		a.see(u, judge.ReadJob, j)
	}
}

// ranks say which status may follow which: a smaller one never comes after a larger one.
var ranks = map[string]int{"created": 1, "uploaded": 2, "queued": 3, "running": 4, "done": 5, "failed": 5, "canceled": 5}

// saw keeps the newest state that somebody was shown.
func (u *user) saw(got answer, o judge.Op) {
	if got.code != "" || got.index == "" {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	m := mark{token: got.index, rank: map[string]int{}}
	for _, j := range o.Jobs {
		m.rank[j.ID] = ranks[j.Status]
	}
	if o.Kind == judge.Create && o.Job != "" {
		m.rank[o.Job] = ranks["created"]
	}
	if len(m.rank) > 0 {
		u.mark = m
	}
}

// session reads with the token of a state that was shown, on whichever node, which waits until it has it: nothing may be older.
func (a *actor) session(u *user) {
	u.mu.Lock()
	m := u.mark
	u.mu.Unlock()
	if m.token == "" {
		a.seeJob(u)
		return
	}
	began := a.now()
	got := a.once(a.anywhere(), request{method: "GET", path: "/jobs?limit=50", token: u.token, index: m.token})
	o := judge.Op{Kind: judge.ReadJobs, Call: began}
	show(&o, &got)
	o.Kind = "session-read"
	a.finish(&o, got)
	if got.code != "" {
		return
	}
	a.verdicts.passed(ruleSession)
	now := map[string]int{}
	for _, j := range o.Jobs {
		now[j.ID] = ranks[j.Status]
	}
	for id, was := range m.rank {
		if now[id] < was {
			a.verdicts.violate(ruleSession, "user %s: job %s had rank %d at %s, and %d to a reader who waited for that", u.id, id, was, m.token, now[id])
		}
	}
}

func (u *user) anyJob(dice *rand.Rand) *job {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.jobs) == 0 {
		return nil
	}
	if n := len(u.jobs); n > 4 && dice.IntN(3) > 0 {
		return u.jobs[n-1-dice.IntN(4)] // mostly one of the newest
	}
	return u.jobs[dice.IntN(len(u.jobs))]
}

// decode is for answers whose form is known.
func decode[T any](data json.RawMessage) (out T, err error) {
	if err = json.Unmarshal(data, &out); err != nil {
		err = fmt.Errorf("%w in %.200s", err, data)
	}
	return out, err
}

package campaign

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"stoker/cli/local"
	"stoker/client"
	"stoker/proof/judge"
)

// staged is a campaign whose nodes answer what a test says.
func staged(t *testing.T, answers ...http.HandlerFunc) *campaign {
	t.Helper()
	x := newCampaign(&Command{Rate: 1000}, t.TempDir(), nil, io.Discard)
	for i, h := range answers {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		x.seats = append(x.seats, seat{node: &local.Node{ID: fmt.Sprintf("n%d", i+1), HTTP: strings.TrimPrefix(s.URL, "http://")}})
	}
	return x
}

// script answers with one line after the other, the last one for ever: a status and a code, or the data of a success.
func script(lines ...string) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		line := lines[0]
		if len(lines) > 1 {
			lines = lines[1:]
		}
		mu.Unlock()
		var status int
		var rest string
		fmt.Sscanf(line, "%d %s", &status, &rest)
		w.WriteHeader(status)
		if status/100 == 2 {
			fmt.Fprintf(w, `{"success":true,"data":%s}`, rest)
		} else {
			fmt.Fprintf(w, `{"error":{"code":%q}}`, rest)
		}
	}
}

// What a client knows after it has asked again under one key.
func TestUntil_WhatIsKnown(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		said []string
		want string
	}{
		"it was done":                               {[]string{"201 {}"}, ""},
		"lost, and then found":                      {[]string{"504 OUTCOME_UNKNOWN", "201 {}"}, ""},
		"refused for good":                          {[]string{"402 INSUFFICIENT_CREDITS"}, "INSUFFICIENT_CREDITS"},
		"lost, and then refused for good":           {[]string{"504 OUTCOME_UNKNOWN", "402 INSUFFICIENT_CREDITS"}, "INSUFFICIENT_CREDITS"},
		"refused for the moment":                    {[]string{"429 CONCURRENCY_LIMIT"}, "CONCURRENCY_LIMIT"},
		"lost, and what came after says no more":    {[]string{"504 OUTCOME_UNKNOWN", "429 CONCURRENCY_LIMIT"}, judge.Unknown},
		"never anything":                            {[]string{"503 UNAVAILABLE"}, "UNAVAILABLE"},
		"lost, and then nothing":                    {[]string{"504 OUTCOME_UNKNOWN", "503 UNAVAILABLE"}, judge.Unknown},
		"unavailable first, which is as good as no": {[]string{"503 UNAVAILABLE", "201 {}"}, ""},
	} {
		x := staged(t, script(c.said...))
		if got := x.until(0, request{method: "POST", path: "/jobs"}, 3); got.code != c.want {
			t.Errorf("%s: %q, want %q", what, got.code, c.want)
		}
		if x.verdicts.any() {
			t.Errorf("%s: %v", what, x.verdicts.broken())
		}
	}
}

// One key at two nodes is one answer.
func TestTwice_WantsOneEffect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		one, other string
		broken     bool
	}{
		{`201 {"job_id":"j_1"}`, `201 {"job_id":"j_1"}`, false},
		{`201 {"job_id":"j_1"}`, `201 {"job_id":"j_2"}`, true},
		{`201 {"job_id":"j_1"}`, `402 INSUFFICIENT_CREDITS`, true},
		{`201 {"job_id":"j_1"}`, `504 OUTCOME_UNKNOWN`, false},
		{`201 {"job_id":"j_1"}`, `429 CONCURRENCY_LIMIT`, false}, // it came first, and was not kept
		{`200 {"credits":5}`, `200 {"credits":6}`, true},
	} {
		x := staged(t, script(c.one), script(c.other))
		a := &actor{campaign: x}
		if a.twice(0, request{method: "POST", path: "/jobs", key: "k"}); x.verdicts.any() != c.broken {
			t.Errorf("%s and %s: broken %v", c.one, c.other, x.verdicts.broken())
		}
	}
}

// A defect of the program and a cluster that refuses to spend are violations wherever they are met.
func TestOnce_FindsDefects(t *testing.T) {
	t.Parallel()
	for _, said := range []string{"500 INTERNAL_ERROR", "503 DIVERGED"} {
		x := staged(t, script(said))
		x.once(0, request{method: "GET", path: "/me"})
		if !x.verdicts.any() {
			t.Errorf("%s is no violation", said)
		}
	}
	x := staged(t, script("500 INTERNAL_ERROR"))
	x.sick.Store(1)
	if got := x.once(0, request{method: "GET", path: "/me"}); got.known() || x.verdicts.any() {
		t.Errorf("a node whose disk fails: %+v, %v", got, x.verdicts.broken())
	}
}

func TestFences_AreGivenOnce(t *testing.T) {
	f := fences{held: map[uint64]string{}}
	for _, c := range []struct {
		fence uint64
		by    string
		other string
	}{{7, "w1 p1", ""}, {7, "w1 p1", ""}, {8, "w2 p2", ""}, {7, "w3 p3", "w1 p1"}} {
		if got := f.take(c.fence, c.by); got != c.other {
			t.Errorf("fence %d to %s: %q had it, want %q", c.fence, c.by, got, c.other)
		}
	}
}

// booked is a user that has ordered a job of two items, of which one was done, and was granted 5 credits.
func booked() (*user, *books) {
	u := &user{id: "u", jobs: []*job{{id: "j"}}, refs: map[string]string{"g": "", "h": judge.Unknown, "i": "UNAVAILABLE"}}
	j := client.JobSummary{JobID: "j", Status: client.Done}
	j.Progress.Done, j.Progress.Failed, j.Progress.Total = 1, 1, 2
	return u, &books{
		me: client.Me{Credits: 14},
		ledger: []client.BillingEvent{
			{Type: "signup", Amount: 10}, {Type: "grant", Amount: 5, Ref: "g"}, {Type: "debit", Amount: -2, Ref: "j"}, {Type: "refund", Amount: 1, Ref: "j"},
		},
		jobs: []client.JobSummary{j},
	}
}

func TestSums_FindWhatIsPlanted(t *testing.T) {
	x := staged(t)
	u, b := booked()
	x.sums(u, b)
	if x.verdicts.any() {
		t.Fatal(x.verdicts.broken())
	}
	for what, spoil := range map[string]func(*user, *books){
		ruleLedger + ", planted: a debit twice": func(_ *user, b *books) {
			b.ledger = append(b.ledger, client.BillingEvent{Type: "debit", Amount: -2, Ref: "j"})
			b.me.Credits -= 2
		},
		ruleLedger + ", planted: a refund too much": func(_ *user, b *books) {
			b.ledger = append(b.ledger, client.BillingEvent{Type: "refund", Amount: 1, Ref: "j"})
			b.me.Credits++
		},
		ruleLedger + ", planted: a balance that is another": func(_ *user, b *books) { b.me.Credits++ },
		ruleSet + ", planted: a job that is gone":           func(_ *user, b *books) { b.jobs = nil },
		ruleOnce + ", planted: a job that nobody ordered":   func(u *user, _ *books) { u.jobs = nil },
		ruleOnce + ", planted: a grant that is gone":        func(u *user, _ *books) { u.refs["k"] = "" },
		ruleOnce + ", planted: a grant that was refused":    func(u *user, _ *books) { u.refs["g"] = "UNAVAILABLE" },
		ruleOnce + ", planted: a grant that came twice": func(_ *user, b *books) {
			b.ledger = append(b.ledger, client.BillingEvent{Type: "grant", Amount: 5, Ref: "g"})
			b.me.Credits += 5
		},
	} {
		x := staged(t)
		u, b := booked()
		spoil(u, b)
		x.sums(u, b)
		name, _, _ := strings.Cut(what, ", planted: ")
		if x.verdicts.number(name) == 0 {
			t.Errorf("%s: found %v", what, x.verdicts.broken())
		}
	}
}

// An item that failed though no worker said so is told by the job's history, and only that.
func TestDeaths_AreWhatNobodySaid(t *testing.T) {
	zero, one := 0, 1
	ops := []judge.Op{
		{Kind: judge.Create, Job: "j", Call: 3},
		{Kind: judge.Lease, Job: "j", Call: 5, Results: []judge.Result{{Idx: 0}, {Idx: 1}}},
		{Kind: judge.Report, Job: "j", Call: 7, Results: []judge.Result{{Idx: 1}}},
	}
	steps := map[string][]client.Transition{"j": {{Item: &zero, To: client.Failed}, {Item: &one, To: client.Failed}, {To: client.Failed}}}
	got := deaths(ops, steps, 99)
	if len(got) != 1 || got[0].Idx != 0 || got[0].Call != 3 || got[0].Return != 99 {
		t.Errorf("%+v", got)
	}
}

// The report and the picture say what was done, loudly what was not, and what was violated.
func TestRecord_TellsEverything(t *testing.T) {
	x := staged(t, script("200 {}"))
	x.kinds, x.names, x.ended = faults, [][]string{{"n1"}, {"n2", "n4"}, {"n3"}}, 90*time.Second
	x.skipped["disk-slow"] = "NOT RUN: there is no strace here"
	x.events = []event{
		{Kind: "kill-leader", Family: ofProcess, Places: []int{0}, Node: "n1", Began: time.Second, Mended: 3 * time.Second, Whole: 4 * time.Second},
		{Kind: "replace-member", Family: ofMembers, Places: []int{1}, Node: "n2", Began: 20 * time.Second, Mended: 40 * time.Second, Note: "n4 <takes> its place"},
	}
	for s := range 60 {
		x.tally.count(&judge.Op{Kind: judge.ReadMe, Call: int64(s) * 1e9, Return: int64(s)*1e9 + 5e6})
	}
	x.tally.count(&judge.Op{Kind: judge.Grant, Code: judge.Unknown, Return: 61e9})
	x.tally.count(&judge.Op{Kind: judge.Grant, Code: "UNAVAILABLE", Return: 62e9})
	x.verdicts.violate(ruleFence, "fence 7 was given to w1 and w2")
	r := x.record()
	report, picture := r.report(), r.timeline()
	for _, want := range []string{
		"2 faults of 2 kinds", "1 violations", "fence 7 was given to w1 and w2", "**violated 1 times**", "| kill-leader | 1 | 2.0 | 1.0 |",
		"**NOT RUN: there is no strace here**", "| grant | 0 | 1 | UNAVAILABLE 1 |", "| read-me | 60 | 0 |", x.commandLine(), "not looked at",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report says nothing of %q:\n%s", want, report)
		}
	}
	for _, want := range []string{"1 VIOLATIONS", "kill-leader 1", "disk-slow NOT RUN", ">n4<", "n4 &lt;takes&gt; its place"} {
		if !strings.Contains(picture, want) {
			t.Errorf("the picture says nothing of %q", want)
		}
	}
	dir := t.TempDir()
	if err := r.publish(dir); err != nil {
		t.Fatal(err)
	}
	if err := redraw(dir); err != nil {
		t.Error(err)
	}
}

func TestCommand_KnowsItsFaults(t *testing.T) {
	c := &Command{For: time.Second, Nodes: 3, Rate: 1, Kinds: []string{"kill-leader", "flood"}}
	if err := c.Run(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), `no fault "flood"`) {
		t.Error(err)
	}
	if len(faults) < 20 {
		t.Errorf("%d kinds of faults", len(faults))
	}
}

// A leader that was deposed in its sleep may refuse, and may show what was acknowledged before it was asked, but nothing older.
func TestLoner_AStaleReadIsFound(t *testing.T) {
	x := staged(t, script(`200 {"credits":12}`, `200 {"credits":13}`, "503 UNAVAILABLE", `200 {"credits":11}`))
	b := &blow{campaign: x, event: &event{Node: "n1"}}
	for i, want := range []int{0, 0, 0, 1} {
		b.notBelow(loner{id: "u"}, 0, 12)
		if got := x.verdicts.number(ruleStale); got != want {
			t.Errorf("after answer %d %d violations, want %d", i+1, got, want)
		}
	}
	if n := x.verdicts.counts[ruleStale]; n != 3 {
		t.Errorf("%d answers were looked at, and 3 said what there is", n)
	}
}

// A report that was written before the end was looked at says so, and a fault that never could strike is not run.
func TestRecord_Unfinished(t *testing.T) {
	x := staged(t, script("200 {}"))
	x.kinds, x.names = faults, [][]string{{"n1"}}
	x.unfit["disk-full"] = "not now: no node has a small file system"
	if report := x.record().report(); !strings.Contains(report, "Unfinished") || !strings.Contains(report, "NOT RUN: not now: no node has") {
		t.Errorf("%s", report)
	}
	x.finished.Store(true)
	if report := x.record().report(); strings.Contains(report, "Unfinished") {
		t.Errorf("%s", report)
	}
}

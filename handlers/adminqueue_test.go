package handlers

import (
	"strings"
	"testing"
)

func TestAdminQueue_AtAGlance(t *testing.T) {
	h := newHouse(t)
	empty := h.good(200, h.operate("GET", "/admin/queue", nil)).Data
	if len(empty["paused"].([]any))+len(empty["classes"].([]any))+number(empty["dead"]) != 0 {
		t.Errorf("empty: %v", empty)
	}
	h.signUp("free").queued(2)
	h.signUp("pro").queued(3)
	h.leased("w", 1)
	polled := make(chan answer, 1)
	go func() {
		polled <- h.do(h.work("/queue/lease", m{"worker_id": "w2", "presets": []string{"seller"}, "wait_s": 60}))
	}()
	h.untilWaiters(1)
	q := h.good(200, h.operate("GET", "/admin/queue", nil)).Data
	depth := 0
	for _, raw := range q["classes"].([]any) {
		line := raw.(map[string]any)
		if line["preset"] != "interior" || line["class"] != "free" && line["class"] != "pro" {
			t.Errorf("line: %v", line)
		}
		depth += number(line["depth"])
	}
	if depth != 4 || number(q["waiting_workers"]) != 1 || number(q["leases"]) != 1 || q["grants_per_s"].(float64) <= 0 {
		t.Errorf("queue: %v", q)
	}
	if err := h.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := <-polled; a.status != 204 || a.header.Get(headerDirective) != "run" {
		t.Errorf("parked at a node that left: %d %v", a.status, a.header)
	}
}

func TestAdminQueue_Explain(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	job := p.queued(3)
	explain := func() map[string]any {
		t.Helper()
		return h.good(200, h.operate("GET", "/admin/jobs/"+job+"/why", nil)).Data
	}
	e := explain()
	if e["job_id"] != job || e["status"] != "queued" || number(e["position"]) != 1 || number(e["ahead"]) != 0 || e["eta_s"] != nil ||
		e["reason"] != "no worker has preset interior" || len(e["leases"].([]any)) != 0 || e["next_timer"] == nil {
		t.Errorf("queued: %v", e)
	}
	lease := h.leased("w", 3)["lease_id"]
	e = explain()
	holding := e["leases"].([]any)[0].(map[string]any)
	if number(e["position"]) != 0 || holding["lease_id"] != lease || holding["worker"] != "w" || len(holding["items"].([]any)) != 3 {
		t.Errorf("leased: %v", e)
	}
	h.good(200, p.ask("POST", "/jobs/"+job+"/cancel", nil))
	if e := explain(); e["status"] != "canceled" || e["reason"] != "the job has ended" || e["next_timer"] != nil {
		t.Errorf("ended: %v", e)
	}
	for _, id := range []string{"j_none", "a%2Fb"} {
		h.bad("JOB_NOT_FOUND", h.operate("GET", "/admin/jobs/"+id+"/why", nil))
	}
}

func TestAdminQueue_PauseAndResume(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	set := func(verb string, body any, want string) {
		t.Helper()
		var got []string
		for _, preset := range h.good(200, h.operate("POST", "/admin/queue/"+verb, body)).Data["paused"].([]any) {
			got = append(got, preset.(string))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s %v: %v are paused, want %s", verb, body, got, want)
		}
	}
	set("pause", m{"preset": "interior"}, "interior")
	job := p.queued(1)
	poll := h.work("/queue/lease", m{"worker_id": "w", "wait_s": 0})
	if a := h.good(204, poll); a.header.Get(headerSkipped) != "paused=1" {
		t.Errorf("paused: %v", a.header)
	}
	if q := p.get("/jobs/" + job).Data["job"].(map[string]any)["queue"].(map[string]any); !strings.Contains(q["reason"].(string), "paused") {
		t.Errorf("the app is told %v", q)
	}
	set("pause", nil, "* interior")
	set("resume", m{"preset": "interior"}, "*")
	h.good(204, poll)
	polled := make(chan answer, 1)
	go func() { polled <- h.do(h.work("/queue/lease", m{"worker_id": "w", "wait_s": 60})) }()
	h.untilWaiters(1)
	set("resume", m{"preset": "*"}, "")
	if a := <-polled; a.status != 200 || a.Data["job_id"] != job {
		t.Errorf("resumed: %d %s", a.status, a.text)
	}
	h.bad("INVALID_PRESET", h.operate("POST", "/admin/queue/pause", m{"preset": "garden"}))
	h.bad("VALIDATION_FAILED", h.operate("POST", "/admin/queue/pause", m{"preset": strings.Repeat("x", maxName+1)}))
}

func TestAdminQueue_PurgeRefunds(t *testing.T) {
	h := newHouse(t)
	p, q, r := h.signUp("free"), h.signUp("free"), h.signUp("pro")
	mine := p.queued(3)
	h.leased("w", 3) // all of p's: nothing of it waits
	other := q.queued(2)
	for range 3 {
		r.queued(1)
	}
	purge := func(body m, want int) {
		t.Helper()
		a := h.operate("POST", "/admin/queue/purge", body)
		a.header = map[string]string{headerKey: "one-key"} // of no use, and no harm
		if got := number(h.good(200, a).Data["canceled_jobs"]); got != want {
			t.Errorf("purge %v canceled %d jobs, want %d", body, got, want)
		}
	}
	purge(m{"preset": "seller"}, 0)
	purge(m{"user": "u_none"}, 0)
	purge(m{"user": q.id}, 1)
	if q.credits() != 10 || q.status(other) != "canceled" || p.status(mine) != "running" {
		t.Errorf("%d credits, %s, %s", q.credits(), q.status(other), p.status(mine))
	}
	purge(m{}, 3)
	if r.credits() != 110 || p.credits() != 7 {
		t.Errorf("%d and %d credits", r.credits(), p.credits())
	}
	h.bad("VALIDATION_FAILED", h.operate("POST", "/admin/queue/purge", m{"user": "a b"}))
}

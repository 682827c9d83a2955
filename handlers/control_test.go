package handlers

import (
	"fmt"
	"testing"
	"time"

	"stoker/fsm"
)

// parkControl sends a control request that tells progress of item idx of a job,
// and returns when it is parked: progress is on the board and the bell hangs.
func (h *house) parkControl(job string, idx int, body m) <-chan answer {
	h.t.Helper()
	lease := body["leases"].([]m)[0]
	lease["progress"] = []m{{"idx": idx, "percent": 40}}
	answered := make(chan answer, 1)
	go func() { answered <- h.do(h.work("/queue/control", body)) }()
	for after := uint64(0); ; {
		p, err := h.server.cfg.Queue.Progress(h.t.Context(), job, after)
		if err != nil {
			h.t.Fatal(err)
		}
		if after = p.Version; p.Items[idx] == 40 {
			return answered
		}
	}
}

func TestControl_ACancelIsHeardAtOnce(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("pro")
	best := time.Hour
	for range 3 { // the best counts: the machine may be busy
		job := p.queued(2)
		lease := h.leased("w", 2)["lease_id"]
		parked := h.parkControl(job, 0, m{"worker_id": "w", "leases": []m{{"lease_id": lease}}, "wait_s": 30})
		began := time.Now()
		h.good(200, p.ask("POST", "/jobs/"+job+"/cancel", nil))
		a := <-parked
		best = min(best, time.Since(began))
		state := a.Data["leases"].([]any)[0].(map[string]any)
		if a.status != 200 || a.Data["directive"] != "run" || state["lease_id"] != lease || fmt.Sprint(state["cancel"]) != "[0 1]" {
			t.Fatalf("%d %s", a.status, a.text)
		}
	}
	if t.Logf("from the cancel's request to the worker: %v", best); best > 100*time.Millisecond {
		t.Errorf("a cancel took %v to a parked control", best)
	}
}

func TestControl_WhatWasToldIsNoNews(t *testing.T) {
	h := newHouse(t)
	job := h.signUp("free").queued(2)
	h.boot("w", "b")
	lease := h.leased("w", 2)["lease_id"]
	h.good(200, h.work("/jobs/"+job+"/callback", m{"idx": 0, "status": "failed"}))
	ask := func(more m) m {
		body := m{"worker_id": "w", "leases": []m{{"lease_id": lease}}, "wait_s": 30}
		for k, v := range more {
			body[k] = v
		}
		return body
	}
	if a := h.good(200, h.work("/queue/control", ask(nil))); a.Data["directive"] != "run" || number(a.Data["ttl_s"]) != 60 {
		t.Errorf("news: %s", a.text)
	}
	parked := h.parkControl(job, 1, ask(m{"told": []m{{"lease_id": lease, "idx": []int{0}}}}))
	h.good(200, h.operate("POST", "/admin/workers/w/quarantine", nil))
	a := <-parked
	if state := a.Data["leases"].([]any)[0].(map[string]any); a.Data["directive"] != "drain" || fmt.Sprint(state["cancel"]) != "[0]" {
		t.Errorf("it was answered before the directive came: %s", a.text)
	}
}

func TestControl_ALostLeaseIsHeardAtOnce(t *testing.T) {
	h := newHouse(t)
	job := h.signUp("free").queued(1)
	lease := h.leased("w", 1)["lease_id"].(string)
	parked := h.parkControl(job, 0, m{"worker_id": "w", "leases": []m{{"lease_id": lease}}, "wait_s": 30})
	h.good(200, h.work("/queue/leases/"+lease+"/release", m{"reason": "drain"}))
	if a := <-parked; fmt.Sprint(a.Data["lost"]) != "["+lease+"]" || len(a.Data["leases"].([]any)) != 0 {
		t.Errorf("%s", a.text)
	}
	a := h.good(200, h.work("/queue/control", m{"worker_id": "w", "wait_s": 0, "leases": []m{}}))
	if len(a.Data["lost"].([]any))+len(a.Data["leases"].([]any)) != 0 {
		t.Errorf("of nothing: %s", a.text)
	}
}

func TestControl_EndsWithTheServer(t *testing.T) {
	h := newHouse(t)
	job := h.signUp("free").queued(1)
	parked := h.parkControl(job, 0, m{"worker_id": "w", "leases": []m{{"lease_id": h.leased("w", 1)["lease_id"]}}, "wait_s": 30})
	if err := h.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := <-parked; a.status != 200 || a.Data["directive"] != "run" {
		t.Errorf("%d %s", a.status, a.text)
	}
}

func TestControl_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	for _, flaw := range []m{
		{"worker_id": ""}, {"session_id": "a b"}, {"wait_s": 31}, {"wait_s": -1}, {"leases": []m{{}}}, {"leases": []m{{"lease_id": "x"}}}, {"leases": "ls_1"},
		{"leases": []m{{"lease_id": "ls_1", "progress": []m{{"idx": 0, "percent": 101}}}}},
		{"leases": []m{{"lease_id": "ls_1", "progress": []m{{"idx": -1, "percent": 1}}}}},
		{"leases": []m{{"lease_id": "ls_1", "progress": make([]m, 65)}}}, {"leases": make([]m, 1025)},
		{"told": []m{{"lease_id": "x", "idx": []int{}}}}, {"told": []m{{"lease_id": "ls_1", "idx": make([]int, 65)}}},
	} {
		body := m{"worker_id": "w", "wait_s": 0}
		for k, v := range flaw {
			body[k] = v
		}
		h.bad(fsm.ValidationFailed, h.work("/queue/control", body))
	}
}

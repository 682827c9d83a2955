package handlers

import (
	"strings"
	"testing"

	"stoker/fsm"
)

func TestLease_IsWhatTheExistingWorkerTakes(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := p.queued(3)
	work := h.leased("gpu-1", 2)
	if work["job_id"] != id || work["user_id"] != p.id || work["preset"] != "interior" || number(work["attempt"]) != 1 ||
		len(work["items"].([]any)) != 2 || number(work["fence"]) < 1 || len(work["protect"].([]any)) != 3 ||
		number(work["batch_concurrency"]) != 2 || work["idempotency_prefix"] == "" {
		t.Errorf("work: %v", work)
	}
	if want := h.base + "/jobs/" + id + "/callback?lease=" + work["lease_id"].(string); work["callback_url"] != want {
		t.Errorf("callback_url is %v, want %s", work["callback_url"], want)
	}
	input := work["items"].([]any)[0].(map[string]any)["input_url"].(string)
	if status, text := h.raw("GET", input, ""); status != 200 || text != aPicture {
		t.Errorf("input: %d %s", status, text)
	}
}

func TestLease_NothingToDo(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	h.good(204, h.work("/queue/lease", m{"worker_id": "w", "wait_s": 0}))
	p.queued(1)
	h.good(204, h.work("/queue/lease", m{"worker_id": "w", "wait_s": 0, "presets": []string{"seller"}}))
	h.good(200, h.work("/queue/lease", m{"worker_id": "w", "wait_s": 0, "presets": []string{"seller", "interior"}}))
}

func TestLease_WakesAParkedPoll(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	polled := make(chan answer, 1)
	go func() { polled <- h.do(h.work("/queue/lease", m{"worker_id": "w", "wait_s": 60})) }()
	h.untilWaiters(1)
	id := p.queued(1)
	if a := <-polled; a.status != 200 || a.Data["job_id"] != id {
		t.Errorf("%d %s", a.status, a.text)
	}
}

func TestLease_TheSamePollGetsTheSameGrant(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	p.queued(2)
	poll := h.work("/queue/lease", m{"worker_id": "w", "poll_id": "p1", "max_items": 1, "wait_s": 10})
	first, again := h.good(200, poll), h.good(200, poll)
	if first.Data["lease_id"] != again.Data["lease_id"] {
		t.Errorf("%v, then %v", first.Data["lease_id"], again.Data["lease_id"])
	}
}

func TestLease_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	for _, body := range []any{
		m{}, m{"worker_id": ""}, m{"worker_id": "a b"}, m{"worker_id": strings.Repeat("w", 129)}, m{"worker_id": 7},
		m{"worker_id": "w", "max_items": 0}, m{"worker_id": "w", "max_items": 65}, m{"worker_id": "w", "max_items": "1"},
		m{"worker_id": "w", "wait_s": -1}, m{"worker_id": "w", "wait_s": 61}, m{"worker_id": "w", "wait_s": 0.5},
		m{"worker_id": "w", "poll_id": "a b"}, m{"worker_id": "w", "presets": "interior"}, m{"worker_id": "w", "presets": []string{""}},
	} {
		h.bad(fsm.ValidationFailed, h.work("/queue/lease", body))
	}
}

func TestHeartbeat_RenewsAndTellsWhatToDrop(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := p.queued(2)
	lease := "/queue/leases/" + h.leased("w", 2)["lease_id"].(string)
	beat := h.good(200, h.work(lease+"/heartbeat", m{"progress": []m{{"idx": 0, "percent": 12.5}}}))
	if len(beat.Data["cancel"].([]any)) != 0 {
		t.Errorf("beat: %v", beat.Data)
	}
	h.bad(fsm.ValidationFailed, h.work(lease+"/heartbeat", m{"progress": []m{{"idx": 0, "percent": 101}}}))
	h.good(200, h.work("/jobs/"+id+"/callback", m{"idx": 0, "status": "failed"}))
	beat = h.good(200, h.work(lease+"/heartbeat", nil))
	if drop := beat.Data["cancel"].([]any); len(drop) != 1 || number(drop[0]) != 0 {
		t.Errorf("drop %v, want item 0", drop)
	}
}

func TestResults_CountOnce(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	p.queued(2)
	work := h.leased("w", 2)
	lease := "/queue/leases/" + work["lease_id"].(string)
	report := h.work(lease+"/results", m{"results": []m{{"idx": 0, "status": "completed"}}})
	if a := h.good(200, report); number(a.Data["processed"]) != 1 || a.Data["job_status"] != "running" {
		t.Errorf("first: %v", a.Data)
	}
	if a := h.good(200, report); number(a.Data["duplicates"]) != 1 {
		t.Errorf("second: %v", a.Data)
	}
	retry := h.work(lease+"/results", m{"results": []m{{"idx": 1, "status": "failed", "error": strings.Repeat("é", 2000), "retryable": true}}})
	if a := h.good(200, retry); a.Data["job_status"] != "running" {
		t.Errorf("a retryable failure: %v", a.Data)
	}
	if p.credits() != 8 {
		t.Error("a job that goes on was refunded")
	}
}

func TestResults_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	p.queued(1)
	path := "/queue/leases/" + h.leased("w", 1)["lease_id"].(string) + "/results"
	for _, result := range []m{
		{}, {"idx": 0}, {"status": "done"}, {"idx": 0, "status": "running"}, {"idx": -1, "status": "done"}, {"idx": 1, "status": "done"},
		{"idx": 1e12, "status": "done"}, {"idx": "0", "status": "done"}, {"idx": 0, "status": "done", "output_key": "inputs/x"},
		{"idx": 0, "status": "done", "preview_key": "previews/u_x/j_x/0_thumb.jpg"}, {"idx": 0, "status": "done", "output_key": strings.Repeat("x", 1025)},
	} {
		h.bad(fsm.ValidationFailed, h.work(path, m{"results": []m{result}}))
	}
	for _, body := range []any{m{}, m{"results": []m{}}, m{"results": make([]m, 65)}, m{"results": m{}}} {
		h.bad(fsm.ValidationFailed, h.work(path, body))
	}
}

func TestRelease_GivesBack(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	p.queued(2)
	lease := "/queue/leases/" + h.leased("w", 2)["lease_id"].(string)
	for _, body := range []any{m{"items": []int{7}}, m{"items": []int{-1}}, m{"delay_s": -1}, m{"delay_s": 3601}, m{"items": "0"}} {
		h.bad(fsm.ValidationFailed, h.work(lease+"/release", body))
	}
	if a := h.good(200, h.work(lease+"/release", m{"items": []int{1}, "reason": "drain"})); number(a.Data["requeued"]) != 1 {
		t.Errorf("one: %v", a.Data)
	}
	if a := h.good(200, h.work(lease+"/release", m{"reason": "drain"})); number(a.Data["requeued"]) != 1 {
		t.Errorf("the rest: %v", a.Data)
	}
	if again := h.leased("w2", 2); number(again["attempt"]) != 1 || len(again["items"].([]any)) != 2 {
		t.Errorf("again: %v", again)
	}
}

func TestLease_Lost(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := p.queued(1)
	lost := h.leased("w", 1)
	lease := "/queue/leases/" + lost["lease_id"].(string)
	h.good(200, h.work(lease+"/release", m{"reason": "drain"}))
	done := m{"idx": 0, "status": "done"}
	for _, lease := range []string{lease, "/queue/leases/ls_999", "/queue/leases/x", "/queue/leases/ls_-1"} {
		h.bad(fsm.LeaseLost, h.work(lease+"/heartbeat", nil))
		h.bad(fsm.LeaseLost, h.work(lease+"/results", m{"results": []m{done}}))
		h.bad(fsm.LeaseLost, h.work(lease+"/release", nil))
	}
	for _, lease := range []string{lost["lease_id"].(string), "ls_999", "x"} {
		h.bad(fsm.LeaseLost, h.work("/jobs/"+id+"/callback?lease="+lease, done))
	}
	url := lost["items"].([]any)[0].(map[string]any)["output_url"].(string)
	if status, _ := h.raw("PUT", url, "stale"); status == 200 {
		t.Error("a stale worker's upload was taken")
	}
	if p.status(id) != "running" {
		t.Errorf("the job is %s", p.status(id))
	}
}

package handlers

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"stoker/fsm"
)

func TestCallback_CountsOnceHoweverOften(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := p.queued(1)
	path := "/jobs/" + id + "/callback"
	var wg sync.WaitGroup
	processed := make([]bool, 50)
	for i := range processed {
		wg.Go(func() {
			a := h.do(h.work(path, m{"idx": 0, "status": "completed", "idempotency_key": "k"}))
			processed[i] = a.status == 200 && a.Data["processed"] == true
		})
	}
	wg.Wait()
	if n := strings.Count(fmt.Sprint(processed), "true"); n != 1 {
		t.Errorf("%d were processed", n)
	}
	if a := h.good(200, h.work(path, m{"idx": 0, "status": "failed", "idempotency_key": "other"})); a.Data["processed"] != false {
		t.Errorf("another key: %v", a.Data)
	}
	job := p.get("/jobs/" + id).Data["job"].(map[string]any)
	if job["status"] != "done" || number(job["done_items"]) != 1 || p.credits() != 9 {
		t.Errorf("job: %v", job)
	}
}

func TestCallback_FailedIsRefunded(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := p.queued(2)
	for i := range 2 {
		h.good(200, h.work("/jobs/"+id+"/callback", m{"idx": i, "status": "failed", "error": "no wall"}))
	}
	job := p.get("/jobs/" + id).Data["job"].(map[string]any)
	item := job["items"].([]any)[1].(map[string]any)
	if job["status"] != "failed" || item["error"] != "no wall" || p.credits() != 10 {
		t.Errorf("job: %v", job)
	}
}

func TestCallback_TakesTheItemOffItsLease(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := p.queued(1)
	work := h.leased("w", 1)
	callback := strings.TrimPrefix(work["callback_url"].(string), h.base)
	if a := h.good(200, h.work(callback, m{"idx": 0, "status": "done"})); a.Data["processed"] != true {
		t.Errorf("under its lease: %v", a.Data)
	}
	if p.status(id) != "done" {
		t.Error(p.status(id))
	}
}

func TestCallback_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	created, _ := p.newJob(1)
	done := m{"idx": 0, "status": "done"}
	if a := h.bad(fsm.JobInvalidTransition, h.work("/jobs/"+created+"/callback", done)); a.Error.Status != fsm.Created {
		t.Errorf("refused at %q", a.Error.Status)
	}
	for _, id := range []string{"j_none", "a%2Fb"} {
		h.bad(fsm.JobNotFound, h.work("/jobs/"+id+"/callback", done))
	}
	h.good(200, p.ask("POST", "/jobs/"+created+"/cancel", nil))
	path := "/jobs/" + p.queued(1) + "/callback"
	for _, body := range []any{m{}, m{"idx": 0}, m{"idx": 1, "status": "done"}, m{"idx": -1, "status": "done"}, m{"idx": 0, "status": "well"}, m{"idx": 0, "status": "done", "output_key": "outputs/x"}, "[]"} {
		h.bad(fsm.ValidationFailed, h.work(path, body))
	}
}

func TestClip_BreaksNoCharacter(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("x", maxDetail), strings.Repeat("가", maxDetail)} {
		if got := clip(text); len(got) > maxDetail || !strings.HasPrefix(text, got) || strings.ContainsRune(got, '\uFFFD') {
			t.Errorf("clip of %d bytes gives %d", len(text), len(got))
		}
	}
}

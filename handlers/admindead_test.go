package handlers

import (
	"testing"

	"stoker/fsm"
)

// die fails an item as often as it takes to bury it.
func (h *house) die(job string, idx int) {
	h.t.Helper()
	for range 4 {
		h.good(200, h.work("/jobs/"+job+"/callback", m{"idx": idx, "status": "failed", "error": "no luck", "retryable": true}))
	}
}

func TestDead_AreListedPageByPage(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	list := func(query string) map[string]any {
		t.Helper()
		return h.good(200, h.operate("GET", "/admin/queue/dead"+query, nil)).Data
	}
	if page := list(""); len(page["dead"].([]any)) != 0 || page["next_cursor"] != nil {
		t.Errorf("none: %v", page)
	}
	job := p.queued(3)
	for idx := range 3 {
		h.die(job, idx)
	}
	query := "?limit=2"
	for _, want := range [][]int{{0, 1}, {2}} {
		page := list(query)
		letters := page["dead"].([]any)
		if len(letters) != len(want) {
			t.Fatalf("%s: %v", query, page)
		}
		for i, raw := range letters {
			d := raw.(map[string]any)
			if d["job_id"] != job || number(d["idx"]) != want[i] || d["user"] != p.id || d["preset"] != "interior" || d["reason"] == "" || len(d["errors"].([]any)) != 4 {
				t.Errorf("letter: %v", d)
			}
		}
		next, more := page["next_cursor"].(string)
		if more != (len(want) == 2) {
			t.Errorf("next: %v", page["next_cursor"])
		}
		query = "?limit=2&cursor=" + next
	}
	for _, cursor := range []string{"x", "x:y", ":1", "x:-1", "a%20b:1"} {
		h.bad(fsm.ValidationFailed, h.operate("GET", "/admin/queue/dead?cursor="+cursor, nil))
	}
	h.bad(fsm.ValidationFailed, h.operate("GET", "/admin/queue/dead?limit=0", nil))
}

func TestKick_IsANewJobOfTheOldPictures(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	old := p.queued(2)
	h.die(old, 1)
	h.bad(fsm.JobInvalidTransition, h.operate("POST", "/admin/queue/kick", m{"job_id": old}))
	h.good(200, h.work("/jobs/"+old+"/callback", m{"idx": 0, "status": "done"}))
	if p.credits() != 9 {
		t.Errorf("the dead item was not refunded: %d", p.credits())
	}
	kick := h.operate("POST", "/admin/queue/kick", m{"job_id": old, "idx": 1})
	kick.header = map[string]string{headerKey: "k1"}
	job := h.good(201, kick).Data["job_id"].(string)
	if again := h.good(201, kick); again.Data["job_id"] != job || again.header.Get(headerReplayed) != "true" {
		t.Errorf("replayed: %s", again.text)
	}
	shown := p.get("/jobs/" + job).Data["job"].(map[string]any)
	if shown["status"] != "queued" || shown["retry_of"] != old || number(shown["total_items"]) != 1 || shown["queue"] == nil || p.credits() != 8 {
		t.Errorf("kicked, with %d credits left: %v", p.credits(), shown)
	}
	work := h.leased("w", 1)
	input := work["items"].([]any)[0].(map[string]any)["input_url"].(string)
	if status, text := h.raw("GET", input, ""); work["job_id"] != job || status != 200 || text != aPicture {
		t.Errorf("its picture: %d %s", status, text)
	}
	h.finish(work, 0)
	if p.status(job) != "done" || p.credits() != 8 {
		t.Errorf("%s, %d credits", p.status(job), p.credits())
	}
	h.bad(fsm.NotFound, h.operate("POST", "/admin/queue/kick", m{"job_id": old}))
}

func TestKick_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	job := p.queued(1)
	h.die(job, 0)
	for _, body := range []any{m{}, m{"job_id": 1}, m{"job_id": job, "idx": -1}, m{"job_id": job, "idx": "0"}} {
		h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/queue/kick", body))
	}
	for _, id := range []string{"j_none", "a/b"} {
		h.bad(fsm.JobNotFound, h.operate("POST", "/admin/queue/kick", m{"job_id": id}))
	}
	h.bad(fsm.NotFound, h.operate("POST", "/admin/queue/kick", m{"job_id": job, "idx": 7}))
	open, _ := p.newJob(1)
	h.bad(fsm.ConcurrencyLimit, h.operate("POST", "/admin/queue/kick", m{"job_id": job}))
	h.good(200, p.ask("POST", "/jobs/"+open+"/cancel", nil))
	h.good(200, h.operate("POST", "/admin/users/"+p.id+"/credits", m{"amount": -10, "reason": "test"}))
	h.bad(fsm.InsufficientCredits, h.operate("POST", "/admin/queue/kick", m{"job_id": job}))
}

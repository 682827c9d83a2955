package handlers

import "testing"

func TestPlace_WhileItWaits(t *testing.T) {
	h := newHouse(t)
	p, first := h.signUp("free"), h.signUp("free")
	place := func(job string) map[string]any {
		t.Helper()
		shown, _ := p.get("/jobs/" + job).Data["job"].(map[string]any)["queue"].(map[string]any)
		return shown
	}
	created, _ := p.newJob(1)
	if at := place(created); at != nil {
		t.Errorf("a created job waits at %v", at)
	}
	h.good(200, p.ask("POST", "/jobs/"+created+"/cancel", nil))
	first.queued(1)
	job := p.queued(3)
	at := place(job)
	if number(at["position"]) != 2 || at["eta_s"] != nil || at["reason"] != "no worker has preset interior" {
		t.Errorf("queued: %v", at)
	}
	if snapshot := h.openStream(p, job, "").next(); snapshot.body["job"].(map[string]any)["queue"] == nil {
		t.Errorf("the stream's snapshot does not say so: %v", snapshot)
	}
	h.leased("w", 1)
	h.leased("w", 1)
	if at := place(job); number(at["position"]) != 1 || at["reason"] != "it waits for its turn" {
		t.Errorf("running: %v", at)
	}
	h.leased("w", 3)
	if at := place(job); at != nil {
		t.Errorf("all of it is leased, and it waits at %v", at)
	}
	h.good(200, h.work("/jobs/"+job+"/callback", m{"idx": 0, "status": "failed", "retryable": true}))
	if at := place(job); number(at["position"]) != 0 || at["reason"] == "" {
		t.Errorf("one waits for its back-off: %v", at)
	}
	h.good(200, p.ask("POST", "/jobs/"+job+"/cancel", nil))
	if at := place(job); at != nil {
		t.Errorf("a canceled job waits at %v", at)
	}
}

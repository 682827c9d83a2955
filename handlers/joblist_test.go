package handlers

import (
	"testing"

	"stoker/fsm"
)

func TestJobList_PagesNewestFirst(t *testing.T) {
	h := newHouse(t, func(s *fsm.Settings, _ *Config) {
		free := s.Plans["free"]
		free.MaxConcurrency, free.StartCredits = 100, 100
		s.Plans["free"] = free
	})
	p := h.signUp("free")
	var made []string
	for range 53 {
		id, _ := p.newJob(1)
		made = append(made, id)
	}
	h.good(200, p.ask("POST", "/jobs/"+made[7]+"/cancel", nil))
	var got []string
	pages, path := 0, "/jobs"
	for path != "" {
		page := p.get(path)
		pages++
		for _, line := range page.List {
			got = append(got, line.(map[string]any)["job_id"].(string))
		}
		path = ""
		if next := page.header.Get(headerCursor); next != "" {
			path = "/jobs?cursor=" + next
		}
	}
	if pages != 2 || len(got) != len(made) {
		t.Fatalf("%d jobs on %d pages", len(got), pages)
	}
	for i := range got {
		if got[i] != made[len(made)-1-i] {
			t.Fatalf("place %d: %s", i, got[i])
		}
	}
	if page := p.get("/jobs?limit=3"); len(page.List) != 3 || page.header.Get(headerCursor) == "" {
		t.Errorf("a page of 3: %s", page.text)
	}
	if page := p.get("/jobs?limit=1000"); len(page.List) != 50 {
		t.Errorf("a page of 1000 has %d", len(page.List))
	}
	canceled := p.get("/jobs?status=canceled")
	if len(canceled.List) != 1 || canceled.List[0].(map[string]any)["job_id"] != made[7] || canceled.header.Get(headerCursor) != "" {
		t.Errorf("canceled: %s", canceled.text)
	}
	if none := h.signUp("free").get("/jobs"); len(none.List) != 0 {
		t.Errorf("somebody else sees %s", none.text)
	}
	for _, query := range []string{"limit=0", "limit=x", "cursor=x", "cursor=0-0", "cursor=1", "status=gone", "consistency=maybe"} {
		h.bad(fsm.ValidationFailed, p.ask("GET", "/jobs?"+query, nil))
	}
	if first := p.get("/me/billing"); len(first.Data["events"].([]any)) != 50 || first.Data["next_cursor"] == nil {
		t.Errorf("billing: %s", first.text)
	}
	if p.credits() != 48 {
		t.Error("53 items, one of them refunded")
	}
}

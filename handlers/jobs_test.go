package handlers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stoker/fsm"
	"stoker/objects"
)

func TestJob_FromUploadToDownload(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id, made := p.newJob(2)
	if made.Data["confirm_url"] != h.base+"/jobs/"+id+"/confirm-upload" || made.Data["status"] != "created" {
		t.Errorf("made: %v", made.Data)
	}
	if left := p.credits(); left != 8 {
		t.Errorf("%d credits are left", left)
	}
	shown := p.get("/jobs/" + id).Data["job"].(map[string]any)
	urls := shown["presigned_urls"].([]any)
	if len(urls) != 2 || urls[1].(map[string]any)["key"] != "inputs/"+p.id+"/"+id+"/1.jpg" {
		t.Errorf("uploads: %v", urls)
	}
	h.put(urls[0].(map[string]any)["url"].(string), aPicture)
	missing := h.bad(fsm.UploadIncomplete, p.ask("POST", "/jobs/"+id+"/confirm-upload", nil))
	if fmt.Sprint(missing.Error.Missing) != "[1]" {
		t.Errorf("missing: %v", missing.Error.Missing)
	}
	h.put(urls[1].(map[string]any)["url"].(string), aPicture+" of another kind")
	if a := h.good(200, p.ask("POST", "/jobs/"+id+"/confirm-upload", nil)); a.Data["status"] != "uploaded" {
		t.Errorf("confirmed: %v", a.Data)
	}
	if a := h.good(202, p.ask("POST", "/jobs/"+id+"/execute", m{"concepts": walls, "output_template": "전후비교"})); a.Data["status"] != "queued" {
		t.Errorf("executed: %v", a.Data)
	}
	lease := h.leased("w", 2)
	h.finish(lease, 0)
	if a := h.finish(lease, 1); a.Data["job_status"] != "done" {
		t.Errorf("finished: %v", a.Data)
	}
	shown = p.get("/jobs/" + id).Data["job"].(map[string]any)
	downloads := shown["download_urls"].([]any)
	if shown["status"] != "done" || len(downloads) != 2 || shown["presigned_urls"] != nil {
		t.Fatalf("shown: %v", shown)
	}
	first := downloads[0].(map[string]any)
	for url, want := range map[string]string{first["output_url"].(string): "a result", first["preview_url"].(string): "a preview"} {
		if status, text := h.raw("GET", url, ""); status != 200 || text != want {
			t.Errorf("download: %d %s", status, text)
		}
	}
	if active := number(p.get("/me").Data["concurrent_jobs"]); active != 0 || p.credits() != 8 {
		t.Errorf("%d jobs are open", active)
	}
}

func TestCreateJob_Limits(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	create := func(preset string, items any) ask {
		return p.ask("POST", "/jobs", m{"preset": preset, "item_count": items})
	}
	h.bad(fsm.InvalidItemCount, create("interior", 0))
	h.bad(fsm.InvalidItemCount, create("interior", -1))
	h.bad(fsm.ItemLimit, create("interior", 11))
	h.bad(fsm.ItemLimit, create("interior", 1_000_000_000))
	h.bad(fsm.ValidationFailed, create("interior", "3"))
	h.bad(fsm.InvalidPreset, create("garden", 1))
	h.bad(fsm.ValidationFailed, create(strings.Repeat("x", maxName+1), 1))
	h.bad(fsm.ValidationFailed, p.ask("POST", "/jobs", m{"preset": "interior"}))
	h.bad(fsm.ValidationFailed, p.ask("POST", "/jobs", m{"item_count": 1}))
	h.bad(fsm.ValidationFailed, p.ask("POST", "/jobs", `{"preset":"interior","item_count":1`))
	if p.credits() != 10 {
		t.Error("a refused job was debited")
	}
	id, _ := p.newJob(8)
	limit := h.bad(fsm.ConcurrencyLimit, create("interior", 1))
	if limit.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	h.finishJob(p, id)
	h.bad(fsm.InsufficientCredits, create("interior", 3))
	if p.credits() != 2 {
		t.Error("a refused job was debited")
	}
}

// finishJob takes a created job of a user to its end by callbacks.
func (h *house) finishJob(p *person, id string) {
	h.t.Helper()
	job := p.get("/jobs/" + id).Data["job"].(map[string]any)
	for _, u := range job["presigned_urls"].([]any) {
		h.put(u.(map[string]any)["url"].(string), aPicture)
	}
	h.good(200, p.ask("POST", "/jobs/"+id+"/confirm-upload", nil))
	h.good(202, p.ask("POST", "/jobs/"+id+"/execute", m{"concepts": walls}))
	for i := range number(job["total_items"]) {
		h.good(200, h.work("/jobs/"+id+"/callback", m{"idx": i, "status": "completed"}))
	}
}

func TestJob_StepsOutOfTurn(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id, _ := p.newJob(1)
	step := func(what string, body any) ask { return p.ask("POST", "/jobs/"+id+"/"+what, body) }
	refused := func(at fsm.Status, a ask) {
		t.Helper()
		if got := h.bad(fsm.JobInvalidTransition, a).Error.Status; got != at {
			t.Errorf("%s: refused at %q, want %q", a.path, got, at)
		}
	}
	refused(fsm.Created, step("execute", m{"concepts": walls}))
	h.good(200, step("cancel", nil))
	refused(fsm.Canceled, step("cancel", nil))
	refused(fsm.Canceled, step("confirm-upload", nil))
	refused(fsm.Canceled, step("execute", m{"concepts": walls}))
	if p.credits() != 10 {
		t.Error("a canceled job was not refunded")
	}
}

func TestJob_CancelRefundsWhatWasNotDone(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	p.h.good(200, p.ask("POST", "/jobs/"+p.uploaded(3)+"/cancel", nil))
	p.h.good(200, p.ask("POST", "/jobs/"+p.queued(3)+"/cancel", nil))
	if p.credits() != 10 {
		t.Fatal("not all was refunded")
	}
	id := p.queued(3)
	h.finish(h.leased("w", 3), 0)
	if p.status(id) != "running" {
		t.Error(p.status(id))
	}
	h.good(200, p.ask("POST", "/jobs/"+id+"/cancel", nil))
	h.bad(fsm.JobInvalidTransition, p.ask("POST", "/jobs/"+id+"/cancel", nil))
	if p.credits() != 9 {
		t.Error("one item was done and two were not")
	}
}

func TestExecute_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	path := "/jobs/" + p.uploaded(1) + "/execute"
	for _, body := range []any{
		m{}, m{"concepts": m{}}, m{"concepts": m{"Logo": m{"action": "remove"}}}, m{"concepts": m{"Wall": m{"action": ""}}},
		m{"concepts": walls, "protect": []string{"Sky"}}, m{"concepts": walls, "output_template": "상품팩"},
		m{"concepts": walls, "output_template": strings.Repeat("x", 4*maxName+1)},
		`{"concepts":"Wall"}`, `{"rule_id":1}`,
	} {
		h.bad(fsm.ValidationFailed, p.ask("POST", path, body))
	}
	rule := h.good(201, p.ask("POST", "/rules", m{"name": "x", "preset_id": "seller", "concepts": m{"Logo": m{"action": "remove", "value": ""}}}))
	h.bad(fsm.ValidationFailed, p.ask("POST", path, m{"rule_id": rule.Data["rule"].(map[string]any)["id"]}))
}

func TestExecute_QueueFull(t *testing.T) {
	h := newHouse(t, func(s *fsm.Settings, _ *Config) { s.QueueDepth = 1 })
	p := h.signUp("free")
	path := "/jobs/" + p.uploaded(2) + "/execute"
	a := h.bad(fsm.QueueFull, p.ask("POST", path, m{"concepts": walls}))
	if a.header.Get("Retry-After") != "30" {
		t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
	}
}

func TestJob_SomebodyElsesIsNotFound(t *testing.T) {
	h := newHouse(t)
	p, other := h.signUp("free"), h.signUp("free")
	own, _ := p.newJob(1)
	for _, id := range []string{own, "j_none", "..", "a%2Fb", strings.Repeat("x", 65)} {
		for _, path := range []string{"", "/history"} {
			h.bad(fsm.JobNotFound, other.ask("GET", "/jobs/"+id+path, nil))
		}
		for _, path := range []string{"/confirm-upload", "/execute", "/cancel"} {
			h.bad(fsm.JobNotFound, other.ask("POST", "/jobs/"+id+path, m{"concepts": walls}))
		}
	}
	if p.status(own) != "created" || p.credits() != 9 {
		t.Error("somebody else's request did something")
	}
}

func TestUpload_WhatIsRefused(t *testing.T) {
	h := newHouse(t, func(s *fsm.Settings, _ *Config) { s.MaxUpload = 100 })
	p := h.signUp("free")
	id, a := p.newJob(1)
	url := a.Data["presigned_urls"].([]any)[0].(map[string]any)["url"].(string)
	expired, err := h.server.cfg.Objects.Presign(objects.Ask{
		Method: "PUT", Base: h.base, Key: "inputs/" + p.id + "/" + id + "/0.jpg",
		Expires: time.Minute, At: time.Now().Add(-time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		url, content string
		status       int
	}{
		"expired":    {expired, "x", 403},
		"other key":  {strings.Replace(url, "/0.jpg", "/1.jpg", 1), "x", 403},
		"other job":  {strings.Replace(url, id, "j_other", 1), "x", 403},
		"unsigned":   {strings.Split(url, "?")[0], "x", 403},
		"longer":     {strings.Replace(url, "X-Amz-Expires=", "X-Amz-Expires=1", 1), "x", 403},
		"too large":  {url, strings.Repeat("x", 101), 400},
		"other name": {strings.Replace(url, "X-Amz-Signature=", "X-Amz-Signature=0", 1), "x", 403},
	} {
		if status, text := h.raw("PUT", c.url, c.content); status != c.status || !strings.Contains(text, "<Error>") {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	h.bad(fsm.UploadIncomplete, p.ask("POST", "/jobs/"+id+"/confirm-upload", nil))
	h.put(url, aPicture)
	h.good(200, p.ask("POST", "/jobs/"+id+"/confirm-upload", nil))
	if status, _ := h.raw("PUT", url, "later"); status != 403 {
		t.Errorf("an upload after confirm: %d", status)
	}
}

func TestHistory_TellsEveryTransition(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	job, _ := lived(h, p)
	var got []string
	for _, raw := range p.get("/jobs/" + job + "/history").Data["events"].([]any) {
		e := raw.(map[string]any)
		what := "job"
		if e["item"] != nil {
			what = fmt.Sprint("item ", number(e["item"]))
		}
		got = append(got, fmt.Sprintf("%s %s→%s", what, e["from"], e["to"]))
		if e["by"] == "" {
			t.Errorf("nobody did %v", e)
		}
	}
	want := "job →created, job created→uploaded, job uploaded→queued, item 0 pending→running, item 1 pending→running, " +
		"job queued→running, item 0 running→done, item 1 running→failed, job running→done"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
}

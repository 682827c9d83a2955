package handlers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/archive"
	"stoker/fsm"
	"stoker/node"
)

// archived has all jobs that have ended, and that nothing refers to, move to the
// archive, as if it were a year later, and waits for one of them.
func (h *house) archived(job string) {
	h.t.Helper()
	k := &archive.Keeper{Node: h.node, Objects: h.server.cfg.Objects, Now: func() time.Time { return time.Now().AddDate(1, 0, 0) }}
	k.Start()
	h.until(job+" was not archived", func(v *fsm.View) bool { _, _, moved := v.Archived(job); return moved })
}

// until waits for something to be so in the state.
func (h *house) until(otherwise string, so func(*fsm.View) bool) {
	h.t.Helper()
	news := make(chan struct{}, 1)
	h.node.Subscribe(func(fsm.Changes) {
		select {
		case news <- struct{}{}:
		default:
		}
	})
	limit := time.After(30 * time.Second)
	for {
		v, err := h.node.Read(h.t.Context(), node.Linearizable)
		if err != nil {
			h.t.Fatal(err)
		}
		is := so(v)
		v.Close()
		if is {
			return
		}
		select {
		case <-news:
		case <-limit:
			h.t.Fatal(otherwise)
		}
	}
}

// folded waits until bookings have moved, too.
func (h *house) folded() {
	h.t.Helper()
	h.until("no bookings were archived", func(v *fsm.View) bool { return archive.SizesOf(v).Bookings > 0 })
}

// damage cuts every file short that this node has.
func (h *house) damage() {
	h.t.Helper()
	err := filepath.WalkDir(filepath.Join(h.dir, "blobs"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			return os.Truncate(path, 10)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// canceled makes a job that has ended, without a picture and a lease.
func (p *person) canceled() string {
	p.h.t.Helper()
	id, _ := p.newJob(2)
	p.h.good(200, p.ask("POST", "/jobs/"+id+"/cancel", nil))
	return id
}

// dataOf is an answer without what is of the request.
func dataOf(a answer) string {
	text, _, _ := strings.Cut(string(a.text), `"meta"`)
	return text
}

// TestArchive_answersAsBefore: whoever asks for a job gets the same from the
// archive as from the state, and the operator is told where it is.
func TestArchive_answersAsBefore(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := p.canceled()
	credits := p.credits()
	asks := map[string]ask{
		"/jobs/" + id: p.ask("GET", "/jobs/"+id, nil), "its history": p.ask("GET", "/jobs/"+id+"/history", nil),
		"its log": h.operate("GET", "/admin/jobs/"+id+"/log", nil), "its pictures": h.operate("GET", "/admin/jobs/"+id+"/pictures", nil),
	}
	before := map[string]string{}
	for what, a := range asks {
		before[what] = dataOf(h.good(200, a))
	}
	if j := h.good(200, h.operate("GET", "/admin/jobs/"+id, nil)).Data["job"].(map[string]any); j["archived"] != nil {
		t.Errorf("before: %v", j)
	}
	h.archived(id)
	for what, a := range asks {
		if got := dataOf(h.good(200, a)); got != before[what] {
			t.Errorf("%s is\n%s\nfrom the archive, it was\n%s", what, got, before[what])
		}
	}
	j := h.good(200, h.operate("GET", "/admin/jobs/"+id, nil)).Data["job"].(map[string]any)
	if at, ok := j["archived"].(map[string]any); !ok || number(at["segment"]) != 1 || !strings.HasPrefix(at["key"].(string), "_archive/jobs/") {
		t.Errorf("afterwards: %v", j)
	}
	if p.credits() != credits {
		t.Errorf("%d credits, before %d", p.credits(), credits)
	}
	if s := h.good(200, h.operate("GET", "/admin/status", nil)).Data["archive"].(map[string]any); number(s["jobs"]) != 1 || number(s["segments"]) != 1 {
		t.Errorf("the status says %v", s)
	}
}

// grant books so many credits, one at a time.
func (p *person) grant(times int) {
	p.h.t.Helper()
	for range times {
		p.h.good(200, p.h.operate("POST", "/admin/users/"+p.id+"/credits", m{"amount": 1, "reason": "gift"}))
	}
}

// pages are all pages of a list of bookings, as text.
func (h *house) pages(a ask, limit string) string {
	h.t.Helper()
	var out []string
	path := a.path
	for next, more := "", true; more; {
		a.path = path + "?limit=" + limit + "&cursor=" + next
		page := h.good(200, a)
		for _, e := range page.Data["events"].([]any) {
			out = append(out, fmt.Sprint(e))
		}
		next, more = page.Data["next_cursor"].(string)
	}
	return strings.Join(out, "\n")
}

// TestArchive_ledger: a list of bookings goes on into the archive at any page, for its
// owner and for operators, so does a job's log; and credits are what they were.
func TestArchive_ledger(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := p.canceled()
	p.grant(30)
	credits := p.credits()
	mine, log := p.ask("GET", "/me/billing", nil), h.operate("GET", "/admin/jobs/"+id+"/log", nil)
	shown := h.operate("GET", "/admin/users/"+p.id, nil)
	before, logged := h.pages(mine, "50"), dataOf(h.good(200, log))
	if n := strings.Count(before, "\n") + 1; n != 33 || h.pages(shown, "50") != before {
		t.Fatalf("%d bookings:\n%s", n, before)
	}
	h.archived(id)
	h.folded()
	for _, limit := range []string{"1", "7", "50"} {
		for who, a := range map[string]ask{"its owner": mine, "an operator": shown} {
			if got := h.pages(a, limit); got != before {
				t.Errorf("%s reads by %s\n%s\nit was\n%s", who, limit, got, before)
			}
		}
	}
	if got := dataOf(h.good(200, log)); got != logged {
		t.Errorf("the job's log is\n%s\nit was\n%s", got, logged)
	}
	if p.credits() != credits {
		t.Errorf("%d credits, before %d", p.credits(), credits)
	}
	p.canceled()
	if s := h.good(200, h.operate("GET", "/admin/status", nil)).Data["archive"].(map[string]any); number(s["bookings"]) != 32 {
		t.Errorf("the status says %v", s)
	}

	// A page ends before what cannot be read; what is behind is not silently left out.
	h.damage()
	for who, a := range map[string]ask{"its owner": mine, "an operator": shown} {
		page := h.good(200, a)
		next, more := page.Data["next_cursor"].(string)
		if events := page.Data["events"].([]any); len(events) != 3 || !more {
			t.Errorf("%s reads %d bookings, and that there are more: %v", who, len(events), more)
		}
		a.path += "?cursor=" + next
		if got := h.bad(fsm.Unavailable, a); strings.Contains(string(got.text), "segment 2 of the archive") != (who == "an operator") {
			t.Errorf("%s is told %s", who, got.text)
		}
	}
	h.bad(fsm.Unavailable, log)
}

// TestArchive_stream: who watches an archived job is told how it ended, and that
// it did, also with a position from before.
func TestArchive_stream(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := p.canceled()
	first, _ := h.openStream(p, id, "").read()
	h.archived(id)
	for _, last := range []string{"", first.id} {
		s := h.openStream(p, id, last)
		one, _ := s.read()
		two, _ := s.read()
		if one.name != "snapshot" || two.name != "status" || two.body["status"] != "canceled" {
			t.Errorf("behind %q: %+v, %+v", last, one, two)
		}
		if more, ok := s.read(); ok {
			t.Errorf("behind %q the stream goes on with %+v", last, more)
		}
	}
}

// TestArchive_nothingToDo: a job of the archive has no next step, for its owner, and
// does not exist for anybody else.
func TestArchive_nothingToDo(t *testing.T) {
	h := newHouse(t)
	p, q := h.signUp("free"), h.signUp("free")
	id := p.canceled()
	h.archived(id)
	for _, path := range []string{"", "/history"} {
		h.bad(fsm.JobNotFound, q.ask("GET", "/jobs/"+id+path, nil))
		h.bad(fsm.JobNotFound, p.ask("GET", "/jobs/"+id+"x"+path, nil))
	}
	h.bad(fsm.JobNotFound, p.ask("POST", "/jobs/"+id+"/cancel", nil))
	h.bad(fsm.JobNotFound, p.ask("POST", "/jobs/"+id+"/confirm-upload", nil))
	h.bad(fsm.JobNotFound, h.operate("POST", "/admin/jobs/"+id+"/retry", nil))
	h.bad(fsm.JobNotFound, h.operate("GET", "/admin/jobs/"+id+"/why", nil))
	if list := p.get("/jobs").List; len(list) != 0 {
		t.Errorf("the list has %v", list)
	}
}

// TestArchive_sql: the tables of the archive are answered and exported.
func TestArchive_sql(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := p.canceled()
	h.archived(id)
	sql := func(text string) string {
		return string(h.do(ask{method: "POST", path: "/admin/sql", token: adminToken, body: `{"sql":"` + text + `"}`}).text)
	}
	if got := sql("SELECT status, segment FROM archived_jobs WHERE job_id='" + id + "'"); !strings.Contains(got, `["canceled",1]`) {
		t.Error(got)
	}
	if got := string(h.do(ask{method: "GET", path: "/admin/sql/export", token: adminToken}).text); !strings.Contains(got, `{"table":"archived_jobs"}`+"\n"+`["`+id) {
		t.Error(got)
	}
}

// TestArchive_damaged: a segment that no node can give is named to operators;
// nobody is told that there is no such job.
func TestArchive_damaged(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := p.canceled()
	h.archived(id)
	h.damage()
	if got := h.bad(fsm.Unavailable, h.operate("GET", "/admin/jobs/"+id, nil)); !strings.Contains(string(got.text), "segment 1 of the archive (_archive/jobs/") {
		t.Errorf("%s", got.text)
	}
	if got := h.bad(fsm.Unavailable, p.ask("GET", "/jobs/"+id, nil)); strings.Contains(string(got.text), "_archive") || strings.Contains(string(got.text), "stoker ") {
		t.Errorf("a user of the app is told: %s", got.text)
	}
	got := h.do(ask{method: "POST", path: "/admin/sql", token: adminToken, body: `{"sql":"SELECT * FROM archived_jobs"}`})
	if !strings.Contains(string(got.text), "segment 1 of the archive") || got.status != 503 {
		t.Errorf("%d %s", got.status, got.text)
	}
}

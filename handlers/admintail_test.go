package handlers

import (
	"bufio"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"stoker/fsm"
)

// look opens one of the operator's streams.
func (h *house) look(path, last string) *stream {
	h.t.Helper()
	a := h.operate("GET", path, nil)
	if last != "" {
		a.header = map[string]string{"Last-Event-ID": last}
	}
	res, err := (&http.Client{}).Do(h.request(a))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		h.t.Fatalf("%s: %d %v", path, res.StatusCode, res.Header)
	}
	return &stream{t: h.t, body: res.Body, lines: bufio.NewScanner(res.Body)}
}

// until reads changes up to one, and gives the events and their ids.
func (s *stream) until(event string) (events, ids []string) {
	s.t.Helper()
	for {
		e := s.next()
		if e.name != "change" {
			continue
		}
		text, err := json.Marshal(e.body)
		if err != nil {
			s.t.Fatal(err)
		}
		valid(s.t, "Change", text)
		name := e.body["event"].(string)
		events, ids = append(events, name), append(ids, e.id)
		if name == event {
			return events, ids
		}
	}
}

// valid holds a piece of JSON against a schema of the description.
func valid(t testing.TB, schema string, text []byte) {
	t.Helper()
	doc, err := described()
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	if err := doc.Components.Schemas[schema].Value.VisitJSON(value); err != nil {
		t.Errorf("%s is no %s: %v", text, schema, err)
	}
}

func TestTail_TellsEveryChange(t *testing.T) {
	h := newHouse(t)
	const ours = "/admin/tail?event=user,credits,job,item,lease" // a node may still be saying who it is
	live := h.look(ours, "")
	if e := live.next(); e.name != "position" || e.id == "" || e.body["oldest"] == "" {
		t.Fatalf("it begins with %v", e)
	}
	p := h.signUp("free")
	job, _ := lived(h, p)
	want := []string{
		"user.created", "credits.signup", "credits.debit", "job.created", "job.uploaded", "job.queued",
		"lease.granted", "item.running", "item.running", "job.running", "item.done", "item.failed", "job.done", "credits.refund",
	}
	events, ids := live.until("credits.refund")
	if !slices.Equal(events, want) {
		t.Fatalf("got  %v\nwant %v", events, want)
	}
	for i, id := range ids[:len(ids)-1] { // from behind each: the rest, once and in order
		rest, _ := h.look(ours, id).until("credits.refund")
		if !slices.Equal(rest, want[i+1:]) {
			t.Errorf("behind %s: %v", id, rest)
		}
	}
	again, _ := h.look(ours+"&from=start", "").until("credits.refund")
	if !slices.Equal(again[len(again)-len(want):], want) {
		t.Errorf("from the start: %v", again)
	}
	for query, want := range map[string][]string{
		"event=credits":                            {"credits.signup", "credits.debit", "credits.refund"},
		"event=user,credits.refund":                {"user.created", "credits.refund"},
		"job=" + job + "&event=job,credits":        {"credits.debit", "job.created", "job.uploaded", "job.queued", "job.running", "job.done", "credits.refund"},
		"user=" + p.id + "&event=credits":          {"credits.signup", "credits.debit", "credits.refund"},
		"worker=w&event=lease,item":                {"lease.granted", "item.running", "item.running", "item.done", "item.failed"},
		"status=failed,created":                    {"job.created", "item.failed"},
		"event=job&from=1":                         {"job.created", "job.uploaded", "job.queued", "job.running", "job.done"},
		"event=job.done&from=2020-01-02T15:04:05Z": {"job.done"},
	} {
		if query[len(query)-1] != '1' && query[len(query)-1] != 'Z' {
			query += "&from=start"
		}
		if query == "event=job&from=1" { // the entry before the first kept one
			h.bad(positionGone, h.operate("GET", "/admin/tail?"+query, nil))
			continue
		}
		if events, _ := h.look("/admin/tail?"+query, "").until(want[len(want)-1]); !slices.Equal(events, want) {
			t.Errorf("%s: %v", query, events)
		}
	}
	for _, wrong := range []string{"from=x", "from=1-zz", "status=busy", "event=jobs"} {
		h.bad(fsm.ValidationFailed, h.operate("GET", "/admin/tail?"+wrong, nil))
	}
	gone := h.bad(positionGone, h.operate("GET", "/admin/tail?from=9-1-1", nil))
	if gone.header.Get(headerOldest) == "" {
		t.Errorf("no oldest: %v", gone.header)
	}
}

// TestTail_RemembersHowFarItLooked: who filters much away goes on from where it
// was, not from the last event it was given.
func TestTail_RemembersHowFarItLooked(t *testing.T) {
	h := newHouse(t, func(_ *fsm.Settings, c *Config) { c.KeepAlive = 20 * time.Millisecond })
	s := h.look("/admin/tail?event=worker", "")
	first := s.next()
	h.signUp("free")
	for {
		if e := s.next(); e.name == "position" && e.id != first.id {
			return
		}
	}
}

func TestTail_EndsWithItsToken(t *testing.T) {
	h := newHouse(t)
	h.newToken("looker", m{"scope": "read"})
	res, err := (&http.Client{}).Do(h.request(ask{method: "GET", path: "/admin/tail", token: "looker"}))
	if err != nil || res.StatusCode != 200 {
		t.Fatal(err, res)
	}
	defer res.Body.Close()
	s := &stream{t: t, body: res.Body, lines: bufio.NewScanner(res.Body)}
	s.next()
	h.good(200, h.operate("DELETE", "/admin/tokens/looker", nil))
	s.rest() // it ends
}

func TestRequests_AreShownAndCounted(t *testing.T) {
	h := newHouse(t)
	s := h.look("/admin/requests?rate=5", "")
	got, left := 0, 0
	for h.good(200, h.operate("GET", "/admin/queue", nil)); got < 5 || left == 0; {
		for range 20 {
			h.good(200, h.operate("GET", "/admin/queue", nil))
		}
		switch e := s.next(); e.name {
		case "request":
			text, err := json.Marshal(e.body)
			if err != nil {
				t.Fatal(err)
			}
			valid(t, "RequestLine", text)
			if e.body["node"] != "n1" || e.body["by"] == "" {
				t.Errorf("%v", e.body)
			}
			got++
		case "left_out":
			left += number(e.body["count"])
		}
	}
	for _, rate := range []string{"0", "x", "1001"} {
		h.bad(fsm.ValidationFailed, h.operate("GET", "/admin/requests?rate="+rate, nil))
	}
}

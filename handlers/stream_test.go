package handlers

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"stoker/fsm"
)

// stream is an open event stream.
type stream struct {
	t     testing.TB
	body  io.ReadCloser
	lines *bufio.Scanner
	beats int
}

// told is one event that came.
type told struct {
	id, name string
	body     map[string]any
}

func (h *house) openStream(p *person, job, last string) *stream {
	h.t.Helper()
	a := p.ask("GET", "/jobs/"+job+"/events", nil)
	if last != "" {
		a.header = map[string]string{"Last-Event-ID": last}
	}
	res, err := (&http.Client{}).Do(h.request(a))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get(headerIndex) == "" {
		h.t.Fatalf("stream: %d %v", res.StatusCode, res.Header)
	}
	return &stream{t: h.t, body: res.Body, lines: bufio.NewScanner(res.Body)}
}

// read gives the next event, or false at the end.
func (s *stream) read() (told, bool) {
	var e told
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.body); err != nil {
				s.t.Fatalf("%v in %s", err, value)
			}
		case "":
			if value == "keep-alive" {
				s.beats++
			} else if e.name != "" {
				return e, true
			}
		}
	}
	return told{}, false
}

func (s *stream) next() told {
	s.t.Helper()
	e, ok := s.read()
	if !ok {
		s.t.Fatalf("the stream ended: %v", s.lines.Err())
	}
	return e
}

// rest reads to the end.
func (s *stream) rest() []told {
	var out []told
	for e, ok := s.read(); ok; e, ok = s.read() {
		out = append(out, e)
	}
	return out
}

// String is what a transcript of the event looks like.
func (e told) String() string {
	switch e.name {
	case "snapshot":
		return "snapshot " + e.body["job"].(map[string]any)["status"].(string)
	case "item":
		return "item " + string(rune('0'+number(e.body["idx"]))) + " " + e.body["status"].(string)
	}
	if e.name == "progress" {
		return fmt.Sprint("progress ", e.body["items"])
	}
	return "status " + e.body["status"].(string)
}

func transcript(events []told) []string {
	out := make([]string, len(events))
	for i, e := range events {
		out[i] = e.String()
	}
	return out
}

// lived takes a job of two items through its life and gives its stream's events.
func lived(h *house, p *person) (job string, events []told) {
	h.t.Helper()
	id, a := p.newJob(2)
	s := h.openStream(p, id, "")
	events = append(events, s.next())
	for _, u := range a.Data["presigned_urls"].([]any) {
		h.put(u.(map[string]any)["url"].(string), aPicture)
	}
	h.good(200, p.ask("POST", "/jobs/"+id+"/confirm-upload", nil))
	h.good(202, p.ask("POST", "/jobs/"+id+"/execute", m{"concepts": walls}))
	lease := h.leased("w", 2)
	h.finish(lease, 0)
	h.good(200, h.work("/jobs/"+id+"/callback", m{"idx": 1, "status": "failed", "error": "no wall"}))
	return id, append(events, s.rest()...)
}

var life = []string{
	"snapshot created", "status uploaded", "status queued", "item 0 running", "item 1 running",
	"status running", "item 0 done", "item 1 failed", "status done",
}

func TestEvents_TellAWholeLife(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	_, events := lived(h, p)
	if got := transcript(events); !slices.Equal(got, life) {
		t.Fatalf("got  %v\nwant %v", got, life)
	}
	done, failed, end := events[6].body, events[7].body, events[8].body
	if status, text := h.raw("GET", done["output_url"].(string), ""); status != 200 || text != "a result" {
		t.Errorf("output: %d %s", status, text)
	}
	if failed["error"] != "no wall" || number(end["progress"].(map[string]any)["done"]) != 1 {
		t.Errorf("failed %v, end %v", failed, end)
	}
}

func TestEvents_ResumeWithoutAGap(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	job, events := lived(h, p)
	for i, e := range events {
		got := h.openStream(p, job, e.id).rest()
		if !slices.Equal(transcript(got), life[i+1:]) {
			t.Errorf("behind %v: %v, want %v", e, transcript(got), life[i+1:])
		}
		for k, again := range got {
			first := events[i+1+k]
			if again.id != first.id || number(again.body["progress"].(map[string]any)["done"]) != number(first.body["progress"].(map[string]any)["done"]) {
				t.Errorf("behind %v: %v, was %v", e, again, first)
			}
		}
	}
}

func TestEvents_AfterTheEndAndOfAnotherEpoch(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id, _ := p.newJob(1)
	h.good(200, p.ask("POST", "/jobs/"+id+"/cancel", nil))
	for _, last := range []string{"", "9-1-1"} {
		if got := transcript(h.openStream(p, id, last).rest()); !slices.Equal(got, []string{"snapshot canceled", "status canceled"}) {
			t.Errorf("behind %q: %v", last, got)
		}
	}
	a := p.ask("GET", "/jobs/"+id+"/events", nil)
	for _, last := range []string{"x", "1-2", "1-2-z", "1-2-3-4"} {
		a.header = map[string]string{"Last-Event-ID": last}
		h.bad(fsm.ValidationFailed, a)
	}
}

func TestEvents_KeepSilentStreamsAlive(t *testing.T) {
	h := newHouse(t, func(_ *fsm.Settings, c *Config) { c.KeepAlive = time.Millisecond })
	p := h.signUp("free")
	id, _ := p.newJob(1)
	s := h.openStream(p, id, "")
	for s.beats < 3 && s.lines.Scan() {
		if s.lines.Text() == ": keep-alive" {
			s.beats++
		}
	}
	if s.beats < 3 {
		t.Fatal(s.lines.Err())
	}
	h.good(200, p.ask("POST", "/jobs/"+id+"/cancel", nil))
	if got := s.rest(); len(got) == 0 || got[len(got)-1].String() != "status canceled" {
		t.Errorf("the end: %v", got)
	}
}

func TestEvents_OnlyOnesOwn(t *testing.T) {
	h := newHouse(t)
	p, other := h.signUp("free"), h.signUp("free")
	id, _ := p.newJob(1)
	for _, path := range []string{"/jobs/" + id + "/events", "/jobs/none/events"} {
		h.bad(fsm.JobNotFound, other.ask("GET", path, nil))
	}
}

package client

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// feed is a job's stream: it resumes after Last-Event-ID, and breaks where its cuts say.
type feed struct {
	events []string // "type data", the id is the place in the list, from 1
	cuts   []int    // each connection's budget in bytes; then no limit
	clean  bool     // cuts are ends instead of broken connections
	job    Status   // what GET /jobs/{id} says
}

func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/events") {
		allow(w, http.StatusOK, map[string]any{"job": map[string]any{"status": f.job}})
		return
	}
	var text strings.Builder
	text.WriteString(": keep-alive\r\n\r\n")
	from, _ := strconv.Atoi(r.Header.Get("Last-Event-ID"))
	for i := from; i < len(f.events); i++ {
		kind, data, _ := strings.Cut(f.events[i], " ")
		fmt.Fprintf(&text, "id: %d\nevent: %s\ndata: %s\n\n", i+1, kind, data)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if len(f.cuts) == 0 {
		io.WriteString(w, text.String())
		return
	}
	budget := min(f.cuts[0], text.Len())
	f.cuts = f.cuts[1:]
	io.WriteString(w, text.String()[:budget])
	w.(http.Flusher).Flush()
	if !f.clean {
		panic(http.ErrAbortHandler)
	}
}

var life = []string{
	`snapshot {"job":{"job_id":"j_1","status":"queued"}}`,
	`status {"status":"running"}`,
	`item {"idx":0,"status":"done"}`,
	`item {"idx":1,"status":"failed"}`,
	`status {"status":"done"}`,
}

// Wherever the stream breaks, each event comes once, in order, and the stream ends with the job.
func TestEvents_NoGap(t *testing.T) {
	for cut := 0; cut < 260; cut += 13 {
		for _, clean := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				f := &feed{events: life, cuts: []int{cut, cut, cut}, clean: clean, job: Running}
				n := newNetwork(t, f)
				c := n.client()
				defer c.Close()
				var got []string
				for e, err := range c.App("jwt").Events(t.Context(), "j_1", "") {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, e.Type+" "+string(e.Data))
				}
				if strings.Join(got, "\n") != strings.Join(life, "\n") {
					t.Errorf("cut after %d bytes, clean=%t: got %q", cut, clean, got)
				}
			})
		}
	}
}

// A stream taken up after its end ends, and tells nothing twice.
func TestEvents_AfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, &feed{events: life, job: Done})
		c := n.client()
		defer c.Close()
		for e, err := range c.App("jwt").Events(t.Context(), "j_1", "5") {
			t.Errorf("got %v, %v", e, err)
		}
	})
}

func TestEvents_Break(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, &feed{events: life})
		c := n.client()
		defer c.Close()
		for e := range c.App("jwt").Events(t.Context(), "j_1", "") {
			if e.Status() != Queued {
				t.Errorf("the snapshot says %q", e.Status())
			}
			break
		}
		if len(n.requests()) != 1 {
			t.Errorf("%d requests", len(n.requests()))
		}
	})
}

// A stream that says nothing at all is dead, though its connection lives.
func TestEvents_Silence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mute := true
		f := &feed{events: life, job: Running}
		n := newNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !mute {
				f.ServeHTTP(w, r)
				return
			}
			mute = false
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}))
		c := n.client()
		defer c.Close()
		began, count := time.Now(), 0
		for _, err := range c.App("jwt").Events(t.Context(), "j_1", "") {
			if err != nil {
				t.Fatal(err)
			}
			count++
		}
		if took := time.Since(began); count != len(life) || took < silence || took > silence+5*time.Second {
			t.Errorf("%d events after %s", count, took)
		}
	})
}

func TestEvents_NotMine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			deny(w, http.StatusNotFound, CodeJobNotFound, "no job")
		}))
		var last error
		for _, err := range n.client().App("jwt").Events(t.Context(), "j_2", "") {
			last = err
		}
		if !Is(last, CodeJobNotFound) || len(n.requests()) != 1 {
			t.Errorf("%v after %d requests", last, len(n.requests()))
		}
	})
}

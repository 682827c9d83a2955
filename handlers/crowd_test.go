package handlers

import (
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"

	"stoker/fsm"
)

// mostAllocs is what turning a request away may allocate, the making of the request in the test included.
const mostAllocs = 20

// As many as there may be are let in, and one more when one has left; fewer, if the first of them waits for too long.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c crowd
		var leave []func()
		fill := func(n int) {
			t.Helper()
			for range n {
				out, err := c.enter()
				if err != nil {
					t.Fatalf("after %d: %v", len(leave), err)
				}
				leave = append(leave, out)
			}
		}
		fill(mostWaiting)
		if _, err := c.enter(); err == nil {
			t.Error("one too many was let in")
		}
		leave[7]()
		fill(1)
		for i, out := range leave {
			if i != 7 {
				out()
			}
		}
		fill(1)
		time.Sleep(2 * longWait)
		fill(fewWaiting - 1)
		if _, err := c.enter(); err == nil {
			t.Error("somebody was let in behind one who waits in vain, and many others")
		}
		leave[len(leave)-fewWaiting]() // that one
		fill(1)
	})
}

// fill has as many requests wait as may.
func (h *house) fill() {
	h.t.Helper()
	for range mostWaiting {
		leave, err := h.server.crowd.enter()
		if err != nil {
			h.t.Fatal(err)
		}
		h.t.Cleanup(leave)
	}
}

// Who is too much is told at once, and when to come again, in the words of any other refusal; nothing is written, and who only
// looks is served, and so are operators.
func TestCrowd_IsTurnedAway(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	h.fill()
	a := h.bad(fsm.Unavailable, p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 1}))
	if a.header.Get("Retry-After") == "" {
		t.Error("it is not told when to come again")
	}
	if me := h.good(200, p.ask("GET", "/me", nil)); me.Data["concurrent_jobs"] != 0.0 {
		t.Errorf("it was written: %v", me.Data)
	}
	h.good(200, ask{method: "POST", path: "/admin/users/" + p.id + "/credits", token: adminToken, body: m{"amount": 1, "reason": "test"}})
	h.good(200, p.ask("POST", "/auth/refresh", nil))

	named := p.ask("POST", "/jobs", "what is this")
	named.header = map[string]string{headerRequestID: "mine"}
	early := h.bad(fsm.Unavailable, named)
	if early.Meta.RequestID != "mine" || early.header.Get(headerRequestID) != "mine" {
		t.Errorf("its id is %q", early.Meta.RequestID)
	}
	var c fasthttp.RequestCtx
	(&call{s: h.server, http: &c, id: "mine"}).reply(0, nil, crowded)
	late := c.Response.Body()
	same := func(body []byte) string { return strings.Replace(string(body), early.Meta.Timestamp, "", 1) }
	if got, want := same(early.text), string(late); len(want)-len(early.Meta.Timestamp) != len(got) || !strings.HasPrefix(want, got[:len(got)-len(`"}}`)]) {
		t.Errorf("%s, and others are refused with %s", early.text, late)
	}
	for name, values := range c.Response.Header.All() {
		if got := early.header.Get(string(name)); got != string(values) && string(name) != "Content-Length" {
			t.Errorf("%s: %q, and others are refused with %q", name, got, values)
		}
	}
}

// What is turned away before it is looked at waits for the log whenever it is served, and all else of the app and the workers does not.
func TestCrowd_WhoWaits(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	h.fill()
	lines := map[string]bool{}
	for _, line := range routes {
		key := line.method + " " + line.path
		lines[key] = true
		if line.who > worker || line.method == "GET" || strings.HasPrefix(line.path, "/admin/") {
			if waits[key] {
				t.Errorf("%s would be turned away", key)
			}
			continue
		}
		a := ask{method: line.method, path: strings.NewReplacer("{id}", "x", "{lease_id}", "l_1").Replace(line.path), token: p.token, body: m{}}
		if line.who == worker {
			a.token, a.body = workerToken, m{"worker_id": "w1", "wait_s": 0}
		}
		if got := h.do(a); (got.status == 503) != waits[key] {
			t.Errorf("%s: %d %s; in the table: %v", key, got.status, got.text, waits[key])
		}
	}
	for key := range waits {
		if !lines[key] {
			t.Errorf("%s is no line of the API", key)
		}
	}
}

// A request that is turned away costs no copy of its body, no look at its token and no line of the log: what is left is in the hundreds of
// bytes, where one that is refused late has thousands.
func TestCrowd_CostsLittle(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	h.fill()
	var ctx fasthttp.RequestCtx
	serve := func() {
		ctx.Init(&fasthttp.Request{}, loopback, nil)
		ctx.Request.Header.SetMethod("POST")
		ctx.Request.SetRequestURI("/jobs")
		ctx.Request.Header.SetHost("stoker.example")
		ctx.Request.Header.Set("Authorization", "Bearer "+p.token)
		ctx.Request.SetBodyStream(unread{t}, -1)
		h.server.http.Handler(&ctx)
	}
	serve()
	if ctx.Response.StatusCode() != 503 {
		t.Fatalf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
	}
	if n := testing.AllocsPerRun(1000, serve); n > mostAllocs {
		t.Errorf("%.0f allocations, more than %d", n, mostAllocs)
	}
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// linesOf sends each line of a log to a channel.
type linesOf chan string

func (l linesOf) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

// The log has a line of those that were turned away, however many they are, and none of each.
func TestCrowd_IsToldOf(t *testing.T) {
	lines := make(linesOf, 10_000)
	h := newHouse(t, func(_ *fsm.Settings, c *Config) { c.Log = slog.New(slog.NewTextHandler(lines, nil)) })
	p := h.signUp("free")
	h.fill()
	const away = 5
	for range away {
		h.bad(fsm.Unavailable, p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 1}))
	}
	told := 0
	for told < away {
		line := <-lines
		if strings.Contains(line, "msg=request") && strings.Contains(line, "route=/jobs") {
			t.Errorf("a line of its own: %s", line)
		}
		if _, n, ok := strings.Cut(line, "requests="); ok {
			n, err := strconv.Atoi(strings.Fields(n)[0])
			if err != nil {
				t.Fatal(err)
			}
			told += n
		}
	}
	if told != away {
		t.Errorf("%d of %d are told of", told, away)
	}
}

package handlers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"stoker/fsm"
)

func TestServer_WhatIsNotThere(t *testing.T) {
	h := newHouse(t)
	for _, path := range []string{"/nothing", "/jobs/", "/jobs/a/b", "/other/key", "/Jobs", "//jobs", "/photosynthesis"} {
		h.bad(fsm.NotFound, ask{method: "GET", path: path})
	}
	for path, allow := range map[string]string{"/jobs": "GET, POST", "/rules/x": "DELETE, GET, PUT", "/auth/anon": "POST"} {
		a := h.bad(methodNotAllowed, ask{method: "PATCH", path: path})
		for _, method := range strings.Split(allow, ", ") {
			if !strings.Contains(a.header.Get("Allow"), method) {
				t.Errorf("%s: Allow is %q", path, a.header.Get("Allow"))
			}
		}
	}
}

func TestServer_RequestIDs(t *testing.T) {
	h := newHouse(t)
	for sent, kept := range map[string]bool{
		"abc-123": true, "trace/1:2.3_4+5=": true, "": false, "with space": false, "quo\"te": false,
		strings.Repeat("x", 129): false, "한글": false,
	} {
		a := h.good(200, ask{method: "GET", path: "/health", header: map[string]string{headerRequestID: sent}})
		got := a.header.Get(headerRequestID)
		if (got == sent) != kept || got == "" || a.Meta.RequestID != got {
			t.Errorf("sent %q, got %q in the header and %q in the body", sent, got, a.Meta.RequestID)
		}
	}
}

// What is no request is told so; a connection on which nothing comes, or half a request, ends with a 408, which
// clients that had opened it ahead take for its end.
func TestServer_WhatIsNoRequest(t *testing.T) {
	h := newHouse(t, func(_ *fsm.Settings, c *Config) { c.Read = 100 * time.Millisecond })
	for raw, status := range map[string]int{
		"nonsense\r\n\r\n": 400,
		"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 20<<10) + "\r\n\r\n": 400,
		"":                                408,
		"GET /health HTTP/1.1\r\nHost: x": 408,
	} {
		name := raw[:min(len(raw), 40)]
		conn, err := net.Dial("tcp", h.server.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, raw); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != status || !strings.Contains(string(text), "VALIDATION_FAILED") {
			t.Errorf("%s: %d %s, %v", name, res.StatusCode, text, err)
		}
		conn.Close()
	}
}

func TestServer_SurvivesAPanic(t *testing.T) {
	h := newHouse(t)
	s := h.server
	boom := s.serve(route{path: "/boom", status: 200, handle: func(*Server, *call) (any, error) { panic("boom") }})
	s.http.Handler = boom
	a := h.do(ask{method: "GET", path: "/boom"})
	if a.status != 500 || a.Error.Code != internalError || strings.Contains(string(a.text), "boom") {
		t.Errorf("%d %s", a.status, a.text)
	}
}

// An S3 client gets S3's answers on every path that is no route of the API.
func TestServer_S3ClientsElsewhere(t *testing.T) {
	h := newHouse(t)
	for _, path := range []string{"/", "/videos", "/videos/a"} {
		res, err := h.client.Do(h.request(ask{method: "GET", path: path, header: map[string]string{"Authorization": "AWS4-HMAC-SHA256 x"}}))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 400 || !strings.Contains(string(body), "<Code>AuthorizationHeaderMalformed</Code>") {
			t.Errorf("%s: %d %s %v", path, res.StatusCode, body, err)
		}
	}
}

func TestServer_CORS(t *testing.T) {
	h := newHouse(t, func(_ *fsm.Settings, c *Config) { c.CORSOrigins = []string{"https://app.example"} })
	preflight := func(origin string) *http.Response {
		req := h.request(ask{method: "OPTIONS", path: "/jobs", header: map[string]string{
			"Origin": origin, "Access-Control-Request-Method": "POST",
		}})
		res, err := h.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	in := preflight("https://app.example")
	if in.StatusCode != 204 || in.Header.Get("Access-Control-Allow-Origin") != "https://app.example" ||
		!strings.Contains(in.Header.Get("Access-Control-Allow-Headers"), "Idempotency-Key") {
		t.Errorf("preflight: %d %v", in.StatusCode, in.Header)
	}
	upload := h.request(ask{method: "OPTIONS", path: "/photos/a/b", header: map[string]string{
		"Origin": "https://app.example", "Access-Control-Request-Method": "PUT",
		"Access-Control-Request-Headers": "content-type, x-amz-meta-camera, x-amz-date\"evil, x-other",
	}})
	res, err := h.client.Do(upload)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	allowed := res.Header.Get("Access-Control-Allow-Headers")
	if res.StatusCode != 204 || !strings.Contains(allowed, "x-amz-meta-camera") || strings.Contains(allowed, "evil") || strings.Contains(allowed, "x-other") ||
		!strings.Contains(res.Header.Get("Access-Control-Expose-Headers"), "ETag") {
		t.Errorf("preflight of an upload: %d %v", res.StatusCode, res.Header)
	}
	if out := preflight("https://evil.example"); out.StatusCode != 405 || out.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight of a stranger: %d %v", out.StatusCode, out.Header)
	}
	a := h.good(200, ask{method: "GET", path: "/health", header: map[string]string{"Origin": "https://app.example"}})
	if !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), headerIndex) {
		t.Errorf("headers: %v", a.header)
	}
}

func TestServer_URLsGoWhereTheClientDialled(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("pro")
	for host, want := range map[string]string{
		"stoker.example:8080": "stoker.example:8080", "[::1]:80": "[::1]:80",
		"a_b": h.server.Addr(),
	} {
		req := h.request(p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 1}))
		req.Host = host
		res, err := h.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !strings.Contains(string(text), `"confirm_url":"http://`+want+"/jobs/") {
			t.Errorf("%q: %d %s, %v", host, res.StatusCode, text, err)
		}
		h.cancelAll(p)
	}
	public := newHouse(t, func(_ *fsm.Settings, c *Config) { c.PublicURL = "https://stoker.example/" })
	_, a := public.signUp("free").newJob(1)
	url := a.Data["presigned_urls"].([]any)[0].(map[string]any)["url"].(string)
	if !strings.HasPrefix(url, "https://stoker.example/photos/inputs/") {
		t.Errorf("upload: %s", url)
	}
}

// cancelAll frees the user's slots.
func (h *house) cancelAll(p *person) {
	h.t.Helper()
	for _, line := range p.get("/jobs?status=created").List {
		h.good(200, p.ask("POST", "/jobs/"+line.(map[string]any)["job_id"].(string)+"/cancel", nil))
	}
}

func TestServer_ObjectsAnswerAsS3(t *testing.T) {
	h := newHouse(t)
	status, text := h.raw("GET", h.base+"/photos/inputs/x/y/0.jpg", "")
	if status != 403 || !strings.Contains(text, "<Error>") {
		t.Errorf("%d %s", status, text)
	}
}

// The goroutine that accepts may not have begun when the shutdown comes: then fasthttp has nothing yet that it could close.
func TestShutdown_BeforeItServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{
			cfg: Config{Listener: fasthttputil.NewInmemoryListener()}, http: &fasthttp.Server{}, served: make(chan error, 1),
			endParked: func() {}, endWork: func() {},
		}
		ended := make(chan error)
		go func() { ended <- s.Shutdown(t.Context()) }()
		synctest.Wait()
		s.served <- s.http.Serve(s.cfg.Listener) // would accept for ever
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestShutdown_AnswersParkedPollsAndEndsStreams(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id, _ := p.newJob(1)
	stream := h.openStream(p, id, "")
	stream.next() // the snapshot: it is open now

	polled := make(chan answer, 1)
	go func() {
		polled <- h.do(h.work("/queue/lease", m{"worker_id": "w", "wait_s": 60}))
	}()
	h.untilWaiters(1)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := h.server.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if a := <-polled; a.status != 204 {
		t.Errorf("the parked poll: %d %s", a.status, a.text)
	}
	if e, ok := stream.read(); ok {
		t.Errorf("the stream goes on: %v", e)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the shutdown took %v", took)
	}
	if _, err := net.Dial("tcp", h.server.Addr()); err == nil {
		t.Error("the port still accepts")
	}
}

func TestLeave_ServesOnAndSendsClientsAway(t *testing.T) {
	h := newHouse(t)
	h.signUp("free")
	if a := h.do(ask{method: "GET", path: "/ready"}); a.status != 200 {
		t.Fatalf("before: %d %s", a.status, a.text)
	}
	h.server.Leave()
	h.bad(fsm.Unavailable, ask{method: "GET", path: "/ready"})
	a := h.do(ask{method: "GET", path: "/health"})
	if a.status != 200 || !a.closes {
		t.Errorf("served with %d, closes %v", a.status, a.closes)
	}
}

// untilWaiters waits until so many polls are parked.
func (h *house) untilWaiters(n int) {
	h.t.Helper()
	for {
		d, err := h.server.cfg.Queue.Depth(h.t.Context())
		if err != nil {
			h.t.Fatal(fmt.Errorf("%d polls never parked: %w", n, err))
		}
		if d.Waiters == n {
			return
		}
	}
}

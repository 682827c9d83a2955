package client

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// trouble is what a node does to one request instead of answering it.
type trouble int

const (
	well        trouble = iota
	lostBefore          // the connection breaks before anything happened
	lostAfter           // it happened, then the connection breaks
	unavailable         // 503: nothing happened
	unknown             // 504: it happened or not; here it did
	hangs               // it happened, and no answer ever comes
	refused             // nobody listens
)

// network is three nodes over in-memory connections, so that a test's clock may be virtual. All serve one handler: the cluster's
// replicated state. The trouble is decided per request.
type network struct {
	t         *testing.T
	transport *http.Transport
	trouble   func(host string, r *http.Request) trouble

	mu   sync.Mutex
	seen []seen
}

// seen is one request that reached a node.
type seen struct {
	host    string // dialled
	request *http.Request
	at      time.Time
}

var hosts = []string{"n1:8080", "n2:8080", "n3:8080"}

// newNetwork serves h on every node until the test ends.
func newNetwork(t *testing.T, h http.Handler) *network {
	n := &network{t: t, trouble: func(string, *http.Request) trouble { return well }}
	dials := map[string]*pipes{}
	for _, host := range hosts {
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: n.node(host, h), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
		done := make(chan struct{})
		go func() { defer close(done); server.Serve(p) }()
		t.Cleanup(func() { server.Close(); <-done })
		dials[host] = p
	}
	n.transport = &http.Transport{
		ExpectContinueTimeout: time.Second,
		DialContext: func(ctx context.Context, _, host string) (net.Conn, error) {
			p := dials[host]
			if p == nil || n.trouble(host, nil) == refused {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: net.UnknownNetworkError(host)}
			}
			ours, theirs := net.Pipe()
			select {
			case p.conns <- theirs:
				return ours, nil
			case <-p.closed:
				return nil, net.ErrClosed
			}
		},
	}
	t.Cleanup(n.transport.CloseIdleConnections)
	return n
}

// client is a client of this network.
func (n *network) client(change ...func(*Cluster)) *Client {
	n.t.Helper()
	cluster := n.cluster()
	for _, f := range change {
		f(&cluster)
	}
	c, err := New(cluster)
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

func (n *network) cluster() Cluster {
	return Cluster{Endpoints: hosts, Transport: n.transport, AdminToken: "adm_1", WorkerToken: "wrk_1"}
}

// requests are those that reached a node so far.
func (n *network) requests() []seen {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]seen(nil), n.seen...)
}

// node wraps h in the trouble of one node.
func (n *network) node(host string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		n.seen = append(n.seen, seen{host, r.Clone(context.Background()), time.Now()})
		n.mu.Unlock()
		switch n.trouble(host, r) {
		case well:
			h.ServeHTTP(w, r)
		case lostBefore, refused:
			panic(http.ErrAbortHandler) // closes the connection without an answer
		case lostAfter:
			h.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case unavailable:
			w.Header().Set("Retry-After", "1")
			deny(w, http.StatusServiceUnavailable, CodeUnavailable, "no leader")
		case unknown:
			h.ServeHTTP(httptest.NewRecorder(), r)
			deny(w, http.StatusGatewayTimeout, CodeOutcomeUnknown, "ask again")
		case hangs:
			body, _ := io.ReadAll(r.Body)
			again := r.Clone(r.Context())
			again.Body = io.NopCloser(bytes.NewReader(body))
			h.ServeHTTP(httptest.NewRecorder(), again)
			<-r.Context().Done()
		}
	})
}

// script plays troubles one request after the other, then is well.
func script(steps ...trouble) func(string, *http.Request) trouble {
	var mu sync.Mutex
	return func(_ string, r *http.Request) trouble {
		mu.Lock()
		defer mu.Unlock()
		if len(steps) == 0 || (r == nil) != (steps[0] == refused) { // a dial plays only `refused`, a request all others
			return well
		}
		step := steps[0]
		steps = steps[1:]
		return step
	}
}

// allow answers in the contract's envelope.
func allow(w http.ResponseWriter, status int, data any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"success": true, "data": data, "error": nil})
}

func deny(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{
		"success": false, "data": nil,
		"error": map[string]any{"code": code, "message": message},
		"meta":  map[string]any{"request_id": "r-1"},
	})
}

// ledger is a handler that counts effects and, like the real one, keeps the answer of an Idempotency-Key.
type ledger struct {
	mu      sync.Mutex
	answers map[string]int
	effects int
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	if l.answers == nil {
		l.answers = map[string]int{}
	}
	if _, again := l.answers[key]; !again {
		l.effects++
		l.answers[key] = l.effects
	}
	allow(w, http.StatusCreated, map[string]any{"job_id": "j_" + strconv.Itoa(l.answers[key]), "status": "created"})
}

// pipes is a listener for in-memory connections.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

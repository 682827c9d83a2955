package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stoker/fsm"
	"stoker/node"
	"stoker/pki"
)

var sealKey = bytes.Repeat([]byte{7}, 32)

// house is a cluster whose nodes send webhooks.
type house struct {
	t     *testing.T
	nodes []*node.Node
	set   fsm.Settings
	jobs  int
}

func newHouse(t *testing.T, n int) *house {
	t.Helper()
	h := &house{t: t, nodes: make([]*node.Node, n), set: fsm.DefaultSettings()}
	plan := h.set.Plans["free"]
	plan.MaxConcurrency, plan.StartCredits = 10_000, 100_000
	h.set.Plans["free"] = plan
	ca := good(pki.NewAuthority(time.Now()))
	var members []node.Member
	var listeners []net.Listener
	for i := range n {
		ln := good(net.Listen("tcp", "127.0.0.1:0"))
		listeners = append(listeners, ln)
		members = append(members, node.Member{ID: fmt.Sprint("n", i+1), Addr: ln.Addr().String(), HTTP: "127.0.0.1:1"})
	}
	var started sync.WaitGroup
	for i, m := range members {
		cert, key, err := ca.Issue(m.ID, nil, time.Now(), time.Hour)
		identity := good(node.ParseTLS(pki.EncodeCerts(ca.Cert), pki.EncodeCerts(good(cert, err)), key))
		conf := node.Config{
			ID: m.ID, Dir: filepath.Join(t.TempDir(), m.ID), Listener: listeners[i], TLS: identity, SealKey: sealKey, Version: "test", Members: members,
			Metrics: prometheus.NewRegistry(), Exit: func(err error) { t.Errorf("a node ends itself: %v", err) },
			Genesis: func() fsm.Genesis {
				return fsm.Genesis{ClusterID: "c_test", JWTKeys: []fsm.Secret{{ID: "k1"}}, FirstSettings: h.set, Level: fsm.Level}
			},
		}
		started.Go(func() {
			var err error
			if h.nodes[i], err = node.Start(t.Context(), conf); err != nil {
				t.Error(err)
				return
			}
			Start(h.nodes[i], "test", slog.New(slog.DiscardHandler))
		})
	}
	started.Wait()
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() {
		for _, n := range h.nodes {
			h.stop(n)
		}
	})
	for _, n := range h.nodes {
		if err := n.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	apply(h, fsm.SignIn{NewID: "u1"})
	return h
}

// good gives a value that no error came with.
func good[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// apply does a command that may not be refused, through whichever node there is.
func apply[A any](h *house, c fsm.Command[A]) A {
	h.t.Helper()
	r, err := node.Apply(h.t.Context(), h.nodes[len(h.nodes)-1], c)
	if err != nil {
		h.t.Fatalf("%T: %v", c, err)
	}
	return r.Answer
}

// deploy puts webhooks into force; all are signed with the test's key.
func (h *house) deploy(hooks map[string]fsm.Webhook) {
	h.t.Helper()
	sealed, key, err := h.nodes[0].SealFor(node.SecretPurpose("webhook.test"), testKey)
	if err != nil {
		h.t.Fatal(err)
	}
	apply(h, fsm.PutSecret{Name: "webhook.test", Sealed: sealed, SealKey: key})
	h.set.Webhooks = map[string]fsm.Webhook{}
	for name, hook := range hooks {
		hook.Secrets, hook.AllowPrivate = []string{"webhook.test"}, true
		if hook.Events == nil {
			hook.Events = []string{fsm.EventJobCanceled}
		}
		h.set.Webhooks[name] = hook
	}
	apply(h, fsm.Deploy{Settings: h.set})
}

// event ends a job.
func (h *house) event() (job string) {
	h.t.Helper()
	h.jobs++
	job = fmt.Sprint("j", h.jobs)
	apply(h, fsm.CreateJob{User: "u1", ID: job, Preset: "interior", Items: 1})
	apply(h, fsm.CancelJob{Job: job})
	return job
}

// place waits until a webhook's row, as one node has it, is as it should be.
func (h *house) place(name string, until func(fsm.Hook) bool) fsm.Hook {
	h.t.Helper()
	changed := make(chan struct{}, 1)
	n := h.nodes[len(h.nodes)-1]
	n.Subscribe(func(fsm.Changes) { ring(changed) })
	limit := time.After(30 * time.Second)
	for {
		v := n.View()
		row, _ := v.Hook(name)
		v.Close()
		if until(row) {
			return row
		}
		select {
		case <-changed:
		case <-limit:
			h.t.Fatalf("webhook %s came to be %+v", name, row)
		}
	}
}

// inbox is an endpoint that keeps what it was told.
type inbox struct {
	mu   sync.Mutex
	got  []Message
	down bool
	url  string
	news chan struct{}
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{news: make(chan struct{}, 1)}
	in.url = receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m Message
		if err := json.Unmarshal(body, &m); err != nil {
			t.Errorf("%v: %s", err, body)
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.down {
			w.WriteHeader(500)
			return
		}
		in.got = append(in.got, m)
		ring(in.news)
	})
	return in
}

func (in *inbox) fails(down bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.down = down
}

func (in *inbox) all() []Message {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]Message(nil), in.got...)
}

func (h *house) stop(n *node.Node) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		h.t.Error(err)
	}
}

package queue_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoker/cli/setup"
	"stoker/fsm"
	"stoker/node"
	"stoker/queue"
)

// house is a single real node with its queue, for a synctest bubble: its cluster
// port is never dialled, so it needs no network.
type house struct {
	t     testing.TB
	node  *node.Node
	queue *queue.Queue
	jobs  int
	start func() (*node.Node, error)
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := openHouse(t)
	synctest.Wait() // whatever a start writes has been written
	return h
}

// openHouse is a house outside of a bubble.
func openHouse(t testing.TB) *house {
	t.Helper()
	dir := t.TempDir()
	if _, err := setup.Found(setup.Plan{Nodes: []setup.Node{{ID: "n1", Host: "127.0.0.1", HTTP: 1, Cluster: 2}}, Out: dir}); err != nil {
		t.Fatal(err)
	}
	pem := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, "n1", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tls, err := node.ParseTLS(pem("ca.crt"), pem("node.crt"), pem("node.key"))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, start: func() (*node.Node, error) {
		return node.Start(t.Context(), node.Config{
			ID: "n1", Dir: filepath.Join(dir, "data"), Members: []node.Member{{ID: "n1", Addr: "n1:1"}},
			TLS: tls, Listener: &silence{closed: make(chan struct{})},
			Dial: func(context.Context, string) (net.Conn, error) { return nil, net.ErrClosed }, // nobody is there
			Genesis: func() fsm.Genesis {
				return fsm.Genesis{ClusterID: "c", JWTKeys: []fsm.Secret{{ID: "k"}}, FirstSettings: fsm.DefaultSettings()}
			},
		})
	}}
	h.open()
	t.Cleanup(h.close)
	return h
}

func (h *house) open() {
	h.t.Helper()
	n, err := h.start()
	if err != nil {
		h.t.Fatal(err)
	}
	h.node, h.queue = n, queue.New(n, nil)
	if err := n.Ready(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) close() {
	h.t.Helper()
	if err := h.node.Stop(context.Background()); err != nil {
		h.t.Error(err)
	}
}

// silence is a listener that nobody dials.
type silence struct {
	closed chan struct{}
	once   sync.Once
}

func (s *silence) Accept() (net.Conn, error) { <-s.closed; return nil, net.ErrClosed }
func (s *silence) Close() error              { s.once.Do(func() { close(s.closed) }); return nil }
func (s *silence) Addr() net.Addr            { return &net.TCPAddr{} }

func apply[A any](h *house, c fsm.Command[A]) A {
	h.t.Helper()
	r, err := node.Apply(context.Background(), h.node, c)
	if err != nil {
		h.t.Fatalf("%T: %v", c, err)
	}
	return r.Answer
}

// job queues a job of n items for a user of its own.
func (h *house) job(n int) fsm.Job {
	h.t.Helper()
	h.jobs++
	user, id := fmt.Sprintf("u%d", h.jobs), fmt.Sprintf("j%d", h.jobs)
	apply(h, fsm.SignIn{NewID: user})
	apply(h, fsm.SetPlan{User: user, Plan: "pro"})
	apply(h, fsm.GrantCredits{User: user, Amount: 1000, Reason: "test"})
	j := apply(h, fsm.CreateJob{User: user, ID: id, Preset: "interior", Items: int64(n)})
	for i := range n {
		apply(h, fsm.PutObject{Object: fsm.Object{Bucket: "photos", Key: j.InputKey(i), Upload: "x", Nodes: []string{"n1"}}})
	}
	apply(h, fsm.ConfirmUpload{User: user, Job: id})
	return apply(h, fsm.ExecuteJob{User: user, Job: id, Concepts: map[string]fsm.Concept{"Wall": {Action: "recolor", Value: "red"}}})
}

func (h *house) poll(w fsm.Want, wait time.Duration) *fsm.Grant {
	h.t.Helper()
	a, err := h.queue.Poll(context.Background(), w, wait)
	if err != nil {
		h.t.Fatalf("poll %+v: %v", w, err)
	}
	return a.Grant
}

func (h *house) view() *fsm.View {
	v := h.node.View()
	h.t.Cleanup(v.Close)
	return v
}

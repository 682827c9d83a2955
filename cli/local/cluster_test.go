package local

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stoker/cli/config"
	"stoker/cli/setup"
)

// TestMain makes this test binary the children's binary as well: called as `serve --config FILE` it is a node that only
// knows /ready, and called as `parent FILE LOG` it launches such a node and waits to be killed.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "serve" {
		os.Exit(node(os.Args[3]))
	}
	if len(os.Args) == 4 && os.Args[1] == "parent" {
		os.Exit(parent(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

func node(file string) int {
	c, err := config.Load(config.Source{File: file, Env: os.LookupEnv})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if c.PublicURL != "" {
		fmt.Println("this node refuses to start")
		return 3
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: c.HTTP, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.LogFormat == "json" { // a node that never gets ready
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})}
	go server.ListenAndServe()
	fmt.Println("up")
	<-ctx.Done()
	fmt.Println("down in order")
	return 0
}

func parent(file, log string) int {
	if _, err := Launch(Command{Name: "child", Args: []string{"serve", "--config", file}, Log: log}); err != nil {
		fmt.Println(err)
		return 1
	}
	select {}
}

// open founds n nodes and opens their folder; edit may change each stoker.toml.
func open(t *testing.T, n int, edit func(id, text string) string) *Cluster {
	t.Helper()
	t.Setenv("STOKER_HTTP", "127.0.0.1:1") // must not reach the children
	nodes, err := Anywhere(n)
	if err != nil {
		t.Fatal(err)
	}
	made, err := setup.Found(setup.Plan{Nodes: nodes, Out: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		text, err := os.ReadFile(made.Config(n.ID))
		if err != nil {
			t.Fatal(err)
		}
		if edit != nil {
			if err := os.WriteFile(made.Config(n.ID), []byte(edit(n.ID, string(text))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	c, err := Open(made.Out, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	return c
}

func TestCluster_KillAndRestartOne(t *testing.T) {
	c := open(t, 3, nil)
	ctx := t.Context()
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	n, ok := c.Node("n2")
	if !ok {
		t.Fatal("no n2")
	}
	first := n.Process()
	n.Kill()
	if first.Alive() || first.Failure() != nil {
		t.Errorf("after Kill: alive %v, failure %v", first.Alive(), first.Failure())
	}
	if log := read(t, first.Log); strings.Contains(log, "in order") {
		t.Errorf("a killed node went down in order:\n%s", log)
	}
	if _, err := net.Dial("tcp", n.HTTP); err == nil {
		t.Error("a killed node still listens")
	}
	if other, _ := c.Node("n1"); !other.Process().Alive() {
		t.Error("n1 went with n2")
	}
	if err := n.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.Restart(ctx); err == nil {
		t.Error("a running node was started again")
	}
	if err := c.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Nodes {
		if log := read(t, n.Process().Log); n.Process().Alive() || !strings.HasSuffix(log, "down in order\n") {
			t.Errorf("%s did not stop in order:\n%s", n.ID, log)
		}
	}
}

func TestCluster_StartTellsWhyANodeEnded(t *testing.T) {
	c := open(t, 2, func(id, text string) string {
		if id == "n2" {
			return strings.Replace(text, `public_url = ""`, `public_url = "http://x"`, 1)
		}
		return text
	})
	err := c.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "node n2 ended by itself: exit status 3") || !strings.Contains(err.Error(), "refuses to start") {
		t.Errorf("got %v", err)
	}
	for _, n := range c.Nodes {
		if n.Process().Alive() {
			t.Errorf("%s was left running", n.ID)
		}
	}
}

func TestCluster_StartGivesUpWithTheContext(t *testing.T) {
	c := open(t, 1, func(_, text string) string { return strings.Replace(text, `"text"`, `"json"`, 1) })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := c.Start(ctx); err == nil || !strings.Contains(err.Error(), "is not ready") {
		t.Errorf("got %v", err)
	}
	if c.Nodes[0].Process().Alive() {
		t.Error("the node was left running")
	}
}

func TestOpen_EmptyFolder(t *testing.T) {
	if _, err := Open(t.TempDir(), ""); err == nil || !strings.Contains(err.Error(), "stoker init") {
		t.Errorf("got %v", err)
	}
}

// A port that the kernel gives to whoever asks for any may be a connection's before its node listens.
func TestAnywhere_NotWhereConnectionsAre(t *testing.T) {
	nodes, err := Anywhere(30)
	if err != nil {
		t.Fatal(err)
	}
	given := map[int]bool{}
	for _, n := range nodes {
		for _, port := range []int{n.HTTP, n.Cluster} {
			if given[port] || port < 10_000 || port >= 32_768 {
				t.Errorf("port %d; given before: %v", port, given[port])
			}
			given[port] = true
		}
	}
	next := firstPort + int((portsGiven.Load()+1)%portCount)
	if busy, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", next)); err == nil { // else somebody has it, which is as good
		defer busy.Close()
	}
	if nodes, err = Anywhere(1); err != nil || nodes[0].HTTP == next {
		t.Errorf("%+v, %v: somebody listens on %d", nodes, err, next)
	}
}

func TestInOrder(t *testing.T) {
	free, err := Anywhere(1)
	if err != nil {
		t.Fatal(err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if _, err := InOrder(1, busy.Addr().String()); err == nil || !strings.Contains(err.Error(), "--http") {
		t.Errorf("a busy port: %v", err)
	}
	nodes, err := InOrder(1, fmt.Sprintf("0.0.0.0:%d", free[0].HTTP))
	if err != nil || nodes[0].Host != "127.0.0.1" || nodes[0].Listen != "0.0.0.0" || nodes[0].Cluster != free[0].HTTP+clusterOffset {
		t.Errorf("%+v, %v", nodes, err)
	}
	for _, addr := range []string{"", "8080", "h:x", "h:0", "h:65000"} {
		if nodes, err := InOrder(1, addr); err == nil {
			t.Errorf("%q was taken as %+v", addr, nodes)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

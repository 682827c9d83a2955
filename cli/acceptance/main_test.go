package acceptance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var (
	folder string // of the whole run
	binary string // stoker, without its debugger's tables as deploy/install.sh installs it
)

// roles are what a process of the test binary does instead of testing, by its first argument.
var roles = map[string]func(args []string) int{"serve": serveRole}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			os.Exit(role(os.Args[1:]))
		}
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "acceptance:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if folder, err = os.MkdirTemp("", "stoker-acceptance-"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	binary = filepath.Join(folder, "stoker")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, "stoker").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w\n%s", err, out)
	}
	code = m.Run()
	if sharedCluster == nil {
		return code, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := sharedCluster.Stop(ctx); err != nil {
		return 1, fmt.Errorf("the shared cluster does not stop when it is told to: %w", err)
	}
	return code, nil
}

var (
	sharedOnce    sync.Once
	sharedCluster *cluster
)

// shared is three nodes of the real binary that nobody may hurt.
func shared(t *testing.T) *cluster {
	t.Helper()
	sharedOnce.Do(func() {
		c, err := found(filepath.Join(folder, "shared"), 3, binary)
		if err == nil {
			err = c.Start(context.Background())
		}
		if err != nil {
			t.Fatal(err)
		}
		sharedCluster = c
	})
	if sharedCluster == nil {
		t.Fatal("the shared cluster did not start; the first test that wanted it says why")
	}
	sharedCluster.explain(t)
	return sharedCluster
}

// together runs do(0) to do(n-1) at the same moment and returns when all have ended.
func together(n int, do func(i int)) {
	gate := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-gate
			do(i)
		})
	}
	close(gate)
	all.Wait()
}

// patience is how long anything may take that must come; far more than it does on an idle machine.
const patience = 45 * time.Second

// eventually looks every 20 ms until holds does.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

package local

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestLaunch_ChildDiesWithItsParent(t *testing.T) {
	c := open(t, 1, nil)
	n := c.Nodes[0]
	parent := exec.Command(os.Args[0], "parent", n.config, filepath.Join(t.TempDir(), "child.log"))
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	listening := func() bool {
		conn, err := net.Dial("tcp", n.HTTP)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	until(t, "the child listens", listening)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	parent.Wait() // killed, as it was meant to be
	until(t, "the child is gone", func() bool { return !listening() })
}

// until polls what another process does.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not in 20 s: %s", what)
		}
	}
}

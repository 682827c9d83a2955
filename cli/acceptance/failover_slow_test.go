//go:build slow && linux

package acceptance

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/cli/local"
)

// TestSlowFailover strikes the leader in every way that `stoker bench failover` knows. What it holds against the cluster (no
// acknowledged write lost or done twice, no stale read, no acknowledgement by a leader that is cut off, no error for clients
// of surviving nodes) is in its exit status; how long the pauses are is for a machine with nothing else to do.
func TestSlowFailover(t *testing.T) {
	out, err := exec.Command(binary, "bench", "failover", "--rounds", "1", "--rate", "50", "--json").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var f struct {
		Faults []struct {
			Fault, Skipped string
			Rounds         int
		}
	}
	if err := json.Unmarshal(out, &f); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(f.Faults) != 5 {
		t.Errorf("%d faults, want 5:\n%s", len(f.Faults), out)
	}
	for _, x := range f.Faults {
		if x.Skipped != "" || x.Rounds != 1 {
			t.Errorf("%s: %s", x.Fault, x.Skipped)
		}
	}
}

// hampered lets each sync of a process take longer, of all files or of one, until the test ends.
func hampered(t *testing.T, p *local.Process, delay time.Duration, files ...string) {
	t.Helper()
	mend, err := p.Inject(fmt.Sprintf("delay_enter=%d", delay.Microseconds()), files...)
	if err != nil {
		t.Fatalf("NOT RUN: %v (on Debian: apt-get install strace)", err)
	}
	t.Cleanup(mend)
}

// TestSlowDisk_SlowIsNotHung: a leader whose disk takes half a second for each write serves, slowly, and lives.
func TestSlowDisk_SlowIsNotHung(t *testing.T) {
	c := newCluster(t, 3, binary)
	c.begin(t)
	u := c.user(t)
	lead := c.leader(t)
	hampered(t, c.Nodes[lead].Process(), 500*time.Millisecond)
	for i := range 8 {
		if got := c.send(t, i%3, request{
			method: "POST", path: "/admin/users/" + u.id + "/credits", token: c.operator.AdminToken,
			body: map[string]any{"amount": 1, "reason": "slowly"},
		}); got.status != 200 {
			t.Errorf("write %d: %d %.300s", i, got.status, got.body)
		}
	}
	u.credits(t, 18)
	if !c.Nodes[lead].Process().Alive() {
		t.Error("the node has ended")
	}
}

// TestSlowDisk_AStateThatHangs: a node whose state cannot be flushed ends, though its log can be written, and says why.
func TestSlowDisk_AStateThatHangs(t *testing.T) {
	t.Parallel() // most of it is a minute's wait
	c := newCluster(t, 1, binary)
	c.begin(t)
	u := c.user(t)
	p := c.Nodes[0].Process()
	hampered(t, p, time.Minute, filepath.Join(c.disk(c.Nodes[0].ID), "state", "state.bolt"))
	if got := c.book(t, 0, u); got.status != 200 {
		t.Fatalf("a write: %d %.300s", got.status, got.body)
	}
	eventually(t, "the node says that its disk hangs", func() bool {
		text, err := os.ReadFile(p.Log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), "the disk hangs: a write of the state")
	})
	p.Kill() // strace keeps the thread that waits, and with it the process
	if err := c.Nodes[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	u.credits(t, 11)
}

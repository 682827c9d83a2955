package bench

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// TestQueueChaos_command: a worker, all workers, the leader, a node and all nodes are killed, and nothing is lost or done twice.
func TestQueueChaos_command(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := QueueChaos{
		For: 15 * time.Second, Workers: 4, Items: 60, Batch: 12, Buyers: 3, Nodes: 3, Every: 700 * time.Millisecond,
		Finish: 3 * time.Minute, Seed: 1, Binary: program, workerBinary: self,
	}
	var out strings.Builder
	if err := c.Run(context.Background(), &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	t.Log(out.String())
	for _, rule := range rules {
		if !strings.Contains(out.String(), rule) {
			t.Errorf("the verdict says nothing of %q", rule)
		}
	}
}

// TestProof_verdict: a rule that is broken is said, and is an error.
func TestProof_verdict(t *testing.T) {
	p := &proof{broken: map[string][]string{}}
	if err := p.verdict(); err != nil {
		t.Error(err)
	}
	p.breaks(fenceOnce, "ls_7 was taken by w1 A and w2 B")
	var out strings.Builder
	p.print(&out)
	if !strings.Contains(out.String(), "NO, 1 time") || !strings.Contains(out.String(), "ls_7") {
		t.Errorf("the table:\n%s", &out)
	}
	if err := p.verdict(); err == nil || !strings.Contains(err.Error(), fenceOnce) {
		t.Errorf("verdict: %v", err)
	}
}

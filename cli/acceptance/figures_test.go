package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"stoker/cli/local"
)

// What a single node may take.
const (
	startLimit  = 300 * time.Millisecond
	memoryLimit = 60 << 20
	binaryLimit = 40 << 20

	starts = 20 // until one is quick enough: this runs beside other tests, and the slow ones tell how busy the machine is
	idling = 3 * time.Second
)

// From an empty folder to the first answer of the API, the memory of a node that has nothing to do, the size of the binary.
func TestFigures_SingleNode(t *testing.T) {
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	var took []time.Duration
	best := time.Hour
	var c *cluster
	var p *local.Process
	for len(took) < starts && best > startLimit {
		if p != nil {
			p.Kill()
		}
		c = newCluster(t, 1, binary)
		began := time.Now()
		p = launch(t, c)
		firstRequest(t, c)
		took = append(took, time.Since(began).Round(time.Millisecond))
		best = min(best, took[len(took)-1])
	}
	resident := memoryAfter(t, p, idling)
	t.Logf("start to first served request %v; resident after %s idle %.1f MiB; binary %.1f MiB",
		took, idling, mib(resident), mib(info.Size()))
	if best > startLimit {
		t.Errorf("%s from start to the first served request, at most %s", best, startLimit)
	}
	if resident > memoryLimit {
		t.Errorf("%.1f MiB resident, at most %.0f", mib(resident), mib(memoryLimit))
	}
	if info.Size() > binaryLimit {
		t.Errorf("the binary has %.1f MiB, at most %.0f", mib(info.Size()), mib(binaryLimit))
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// launch starts a cluster's only node as the cluster would, but keeps its process in view.
func launch(t *testing.T, c *cluster) *local.Process {
	t.Helper()
	p, err := local.Launch(local.Command{
		Name: "node", Path: binary, Args: []string{"serve", "--config", filepath.Join(c.Dir, c.Nodes[0].ID, "stoker.toml")},
		Log: filepath.Join(c.Dir, "log", "node.log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// firstRequest signs a user in as soon as that works: a write, through the log.
func firstRequest(t *testing.T, c *cluster) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := c.try(t.Context(), 0, request{method: "POST", path: "/auth/anon", body: struct{}{}})
		if err == nil && got.status == 200 {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the node never served")
		case <-tick.C:
		}
	}
}

// memoryAfter is what a process holds when it has been left alone so long: looked at all the while, and the last look counts.
func memoryAfter(t *testing.T, p *local.Process, idle time.Duration) (last int64) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < idle; <-tick.C {
		if !p.Alive() {
			t.Fatal(p.Failure())
		}
		var err error
		if last, err = resident(p.Pid()); err != nil {
			t.Fatal(err)
		}
	}
	return last
}

// resident asks Linux, or ps where there is no /proc.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		text, err = exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
		text = append([]byte("VmRSS:"), text...)
	}
	_, after, found := strings.Cut(string(text), "VmRSS:")
	if err != nil || !found {
		return 0, fmt.Errorf("the memory of process %d: %w", pid, err)
	}
	kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	return kib << 10, err
}

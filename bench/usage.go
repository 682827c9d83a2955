package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"stoker/cli/local"
)

// usage is what processes have used up since they began.
type usage struct {
	cpu     time.Duration // of all of them
	written int64         // bytes that went to the disk
	synced  float64       // fsyncs and fdatasyncs; 0 if they do not tell
}

func (u usage) minus(o usage) usage {
	return usage{u.cpu - o.cpu, u.written - o.written, u.synced - o.synced}
}

// ticks is how many of /proc's units of CPU time make a second: USER_HZ, which is 100 on every Linux that Go runs on.
const ticks = 100

// used adds up what the kernel says of processes. Zeros where there is no /proc.
func used(pids []int) (u usage) {
	for _, pid := range pids {
		dir := filepath.Join("/proc", strconv.Itoa(pid))
		if text, err := os.ReadFile(filepath.Join(dir, "stat")); err == nil {
			// the name of the program may hold anything, and ends with the last parenthesis
			if fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])); len(fields) > 12 {
				for _, f := range fields[11:13] { // utime, stime
					n, _ := strconv.ParseInt(f, 10, 64)
					u.cpu += time.Duration(n) * time.Second / ticks
				}
			}
		}
		if text, err := os.ReadFile(filepath.Join(dir, "io")); err == nil {
			for line := range strings.Lines(string(text)) {
				if rest, ok := strings.CutPrefix(line, "write_bytes:"); ok {
					n, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
					u.written += n
				}
			}
		}
	}
	return u
}

// peakOf is the largest resident memory that one of some processes ever had, in MB; 0 where the system does not tell.
func peakOf(pids []int) (mb float64) {
	for _, pid := range pids {
		mb = max(mb, float64(statusBytes(fmt.Sprintf("/proc/%d/status", pid), "VmHWM:"))/(1<<20))
	}
	return mb
}

// syncsEach are the metrics that count a node's writes, and how often each of them syncs: a bbolt file twice, its pages and then its root.
func (t *testbed) syncsEach() map[string]float64 {
	return map[string]float64{"stoker_log_fsync_seconds_count": t.logSyncs, "stoker_state_flushes_total": 2}
}

// syncs asks each node how often it has synced its log and its state.
func (t *testbed) syncs(ctx context.Context) (n float64, err error) {
	for _, node := range t.cluster.Nodes {
		has, err := t.metrics(ctx, node)
		if err != nil {
			return 0, err
		}
		for name, each := range t.syncsEach() {
			n += each * has[name]
		}
	}
	return n, nil
}

// metrics are those of a node's that have no labels.
func (t *testbed) metrics(ctx context.Context, node *local.Node) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+node.HTTP+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+t.where.AdminToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	has := map[string]float64{}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if !ok || strings.HasPrefix(name, "#") || strings.Contains(name, "{") {
			continue
		}
		if has[name], err = strconv.ParseFloat(value, 64); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", node.ID, name, err)
		}
	}
	return has, lines.Err()
}

// machine says on what the figures were measured.
func machine() string {
	return fmt.Sprintf("%d cores, %s/%s, %s, load %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), loadAverage())
}

// loadAverage is the system's, of the last minute: other work changes what is measured.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// pidsOf are the ids of processes that run.
func pidsOf(all ...*local.Process) (pids []int) {
	for _, p := range all {
		if p != nil && p.Alive() {
			pids = append(pids, p.Pid())
		}
	}
	return pids
}

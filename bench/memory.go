package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memory is the resident memory of each node's process in bytes; empty where the system has no /proc.
func (t *testbed) memory() map[string]int64 {
	out := map[string]int64{}
	for _, n := range t.cluster.Nodes {
		if p := n.Process(); p != nil && p.Alive() {
			if rss := statusBytes(fmt.Sprintf("/proc/%d/status", p.Pid()), "VmRSS:"); rss > 0 {
				out[n.ID] = rss
			}
		}
	}
	return out
}

// statusBytes reads a field of a /proc/PID/status that is in kB: VmRSS is what is resident, VmHWM the most that ever was.
// 0 if it is not there.
func statusBytes(path, field string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err == nil {
				return kb << 10
			}
		}
	}
	return 0
}

package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// memory is the resident memory of each node's process in bytes; empty where the system has no /proc. Nodes are found by
// the configuration that they run with.
func (t *testbed) memory() map[string]int64 {
	out := map[string]int64{}
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return out
	}
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(line, []byte(t.dir)) {
			continue // gone, or somebody else's
		}
		for _, n := range t.cluster.Nodes {
			if bytes.Contains(line, []byte(filepath.Join(t.dir, n.ID, "stoker.toml"))) {
				out[n.ID] = statusBytes(filepath.Join(filepath.Dir(path), "status"), "VmRSS:")
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

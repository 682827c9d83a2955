//go:build slow

package powercut

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var (
	requests = flag.Int("powercut.requests", 12, "requests of TestProof_powercut")
	points   = flag.Int("powercut.points", 24, "power cuts of TestProof_powercut")
	logStore = flag.String("powercut.log-store", "boltdb", "where the log is, in TestProof_powercut")
	overlay  = flag.String("powercut.overlay", "", "other sources for the compiler, for TestProof_powercut")
)

// TestProof_powercut is a short run of the command, which needs strace.
func TestProof_powercut(t *testing.T) {
	c := Command{Requests: *requests, Points: *points, Jobs: 4, Seed: 1, Overlay: *overlay, LogStore: *logStore, Out: t.TempDir()}
	if err := c.Run(t.Context(), t.Output()); err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile(filepath.Join(c.Out, "powercut-report.md"))
	if err != nil || !strings.Contains(string(report), "Every node came back") {
		t.Errorf("%v:\n%s", err, report)
	}
	picture, err := os.ReadFile(filepath.Join(c.Out, "powercut.svg"))
	if err != nil || !strings.Contains(string(picture), "moments, 0 of them wrong") {
		t.Errorf("%v:\n%s", err, picture)
	}
}

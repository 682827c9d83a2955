package bench

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// The cluster alone: the other server comes from its own module, which a test does not fetch.
func TestObjects_command(t *testing.T) {
	t.Parallel()
	c := Objects{Against: "none", MB: 1, Connections: 8, Pictures: 16, Rounds: 2, Nodes: 3, Binary: program, JSON: true, Limit: 2 * time.Minute}
	var out strings.Builder
	if err := c.Run(context.Background(), &out); err != nil {
		t.Fatal(err)
	}
	var f ObjectsFigures
	if err := json.Unmarshal([]byte(out.String()), &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Servers) != 1 || f.Pictures != 32 || f.Servers[0].Put.MBs <= 0 || f.Servers[0].Get.P99 <= 0 || f.PutRatio != 0 {
		t.Errorf("figures are missing: %s", &out)
	}
	f.Servers = append(f.Servers, ServerFigure{Name: "other", PeakMB: map[string]float64{"a": 12}})
	f.PutRatio = 0.5
	out.Reset()
	f.print(&out)
	if !strings.Contains(out.String(), "32 pictures of 1 MB over 8 connections") || !strings.Contains(out.String(), "0.50") {
		t.Errorf("the table:\n%s", &out)
	}
}

package bench

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestGrowth_command: a past is brought, read and weighed, and a node comes back with it. A cluster that is kept goes on.
func TestGrowth_command(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "kept")
	c := Growth{
		Jobs: []int{100, 500}, Items: 2, Clients: 4, For: 300 * time.Millisecond, Rounds: 1, Rate: 100, Nodes: 1, Measure: []string{"times", "restart"},
		Data: dir, JSON: true, Limit: time.Minute, Binary: program,
	}
	f := grow(t, c)
	if len(f.Levels) != 2 {
		t.Fatalf("%+v", f)
	}
	for i, l := range f.Levels {
		if l.Jobs != c.Jobs[i] || l.Create.Full[0].Ops == 0 || l.Read.Empty[0].Ops == 0 || l.Read.P99.Median <= 0 || l.PerSecond <= 0 || l.StateMB <= 0 || l.LogMB <= 0 || l.Restarts.Stopped <= 0 || l.Restarts.Killed <= 0 || l.Restarts.Again <= 0 {
			t.Errorf("%+v", l)
		}
	}
	c.Jobs, c.Measure = []int{500, 600}, []string{"nothing"}
	if f = grow(t, c); len(f.Levels) != 2 || f.Levels[0].PerSecond != 0 || f.Levels[1].PerSecond <= 0 || f.Levels[1].Create != nil {
		t.Errorf("gone on: %+v", f)
	}
	if _, err := os.Stat(filepath.Join(dir, "operator.toml")); err != nil {
		t.Errorf("it was to be kept: %v", err)
	}
	for name, bad := range map[string]struct {
		spoil func(*Growth)
		why   string
	}{
		"not in hundreds": {func(c *Growth) { c.Jobs = []int{150} }, "levels of hundreds"},
		"shrinking":       {func(c *Growth) { c.Jobs = []int{700, 600} }, "levels of hundreds"},
		"no picture":      {func(c *Growth) { c.Items = 0 }, "levels of hundreds"},
		"less than is":    {func(c *Growth) { c.Jobs = []int{100} }, "holds 600 finished jobs already"},
		"other pictures":  {func(c *Growth) { c.Items = 3 }, "give --items 2"},
	} {
		spoiled := c
		bad.spoil(&spoiled)
		if err := spoiled.Run(t.Context(), &strings.Builder{}); err == nil || !strings.Contains(err.Error(), bad.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// grow runs it.
func grow(t *testing.T, c Growth) (f GrowthFigures) {
	t.Helper()
	var out strings.Builder
	if err := c.Run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out.String()), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestStretches_meet: what only touches has no moment in common.
func TestStretches_meet(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	some := stretches{{at(10), at(20)}, {at(30), at(40)}}
	for _, c := range []struct {
		from, to int
		want     bool
	}{{0, 10, false}, {0, 11, true}, {12, 13, true}, {19, 31, true}, {20, 30, false}, {39, 50, true}, {40, 50, false}, {0, 50, true}} {
		if got := some.meet(at(c.from), at(c.to)); got != c.want {
			t.Errorf("%d to %d: %v", c.from, c.to, got)
		}
	}
	if some.length() != 20*time.Second {
		t.Errorf("together %s", some.length())
	}
}

package bench

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestGrowth_command: a past is brought, read and weighed, and a node comes back with it.
func TestGrowth_command(t *testing.T) {
	c := Growth{Jobs: []int{100, 500}, Items: 2, Clients: 4, For: 300 * time.Millisecond, Nodes: 1, JSON: true, Limit: time.Minute, Binary: program}
	var out strings.Builder
	if err := c.Run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	var f GrowthFigures
	if err := json.Unmarshal([]byte(out.String()), &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Levels) != 2 {
		t.Fatalf("%s", &out)
	}
	for i, l := range f.Levels {
		if l.Jobs != c.Jobs[i] || l.Create.Ops == 0 || l.Read.Ops == 0 || l.PerSecond <= 0 || l.StateMB <= 0 || l.LogMB <= 0 || l.Restart <= 0 {
			t.Errorf("%+v", l)
		}
	}
	for name, spoil := range map[string]func(*Growth){
		"not in hundreds": func(c *Growth) { c.Jobs = []int{150} },
		"shrinking":       func(c *Growth) { c.Jobs = []int{200, 100} },
		"no picture":      func(c *Growth) { c.Items = 0 },
	} {
		bad := c
		spoil(&bad)
		if err := bad.Run(t.Context(), &out); err == nil || !strings.Contains(err.Error(), "levels of hundreds") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package bench

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestQueue_command(t *testing.T) {
	t.Parallel()
	c := Queue{Waiters: []int{1, 60}, Samples: 5, Idle: 2 * time.Second, Nodes: 3, Binary: program, JSON: true, Limit: 2 * time.Minute}
	var out strings.Builder
	if err := c.Run(context.Background(), &out); err != nil {
		t.Fatal(err)
	}
	var f QueueFigures
	if err := json.Unmarshal([]byte(out.String()), &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Levels) != 2 || f.Levels[1].Items != 5 || f.Levels[1].CallP50 <= 0 || f.Idle.Before == 0 {
		t.Errorf("figures are missing: %s", &out)
	}
	out.Reset()
	f.print(&out)
	if !strings.Contains(out.String(), "÷ COMMIT") || !strings.Contains(out.String(), "60 polls waited for 2 s") {
		t.Errorf("the table:\n%s", &out)
	}
}

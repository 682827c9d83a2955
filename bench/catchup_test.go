package bench

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestCatchUp_command: a follower that was away comes back, catches up, and writes go on all the time.
func TestCatchUp_command(t *testing.T) {
	t.Parallel()
	c := CatchUp{MB: 5, Rate: 50, Clients: 4, For: time.Second, Binary: program, JSON: true, Limit: 2 * time.Minute}
	var out strings.Builder
	if err := c.Run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	var f CatchUpFigures
	if err := json.Unmarshal([]byte(out.String()), &f); err != nil {
		t.Fatal(err)
	}
	if f.BehindMB < 5 || f.Away.Ops < 25 || f.There.Ops < 25 || f.Catching.Ops == 0 || f.Catching.Seconds <= 0 || f.Catching.P99 <= 0 {
		t.Errorf("%+v", f)
	}
}

package bench

import (
	"encoding/json"
	"strings"
	"testing"
)

// A verdict names what must not be, whatever the machine; pauses count only if they are asked for.
func TestFailover_verdict(t *testing.T) {
	good := FaultFigures{Fault: "sigterm", Rounds: 3, Max: 400, Target: 300, Struck: map[string]int{saidRefused: 7}}
	f := FailoverFigures{Rate: 200, Faults: []FaultFigures{good, {Fault: "disk", Skipped: "NOT RUN: no strace"}}}
	if err := f.verdict(false); err != nil {
		t.Error(err)
	}
	if err := f.verdict(true); err == nil || !strings.Contains(err.Error(), "a pause of 400 ms") {
		t.Errorf("strict: %v", err)
	}
	for what, spoil := range map[string]func(*FaultFigures){
		"lost":               func(x *FaultFigures) { x.Lost = 1 },
		"twice":              func(x *FaultFigures) { x.Twice = 1 },
		"stale":              func(x *FaultFigures) { x.Stale = 1 },
		"cut off":            func(x *FaultFigures) { x.CutAcks = 1 },
		"tried again":        func(x *FaultFigures) { x.Retried = map[string]int{saidCut: 1} },
		"surviving nodes":    func(x *FaultFigures) { x.Bare = map[string]int{"UNAVAILABLE": 1} },
		"at the leaving nod": func(x *FaultFigures) { x.Struck = map[string]int{saidCut: 1} },
	} {
		bad := good
		spoil(&bad)
		f := FailoverFigures{Faults: []FaultFigures{bad}}
		if err := f.verdict(false); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: the verdict is %v", what, err)
		}
	}
	var out strings.Builder
	f.print(&out)
	if !strings.Contains(out.String(), "no connection: 7") || !strings.Contains(out.String(), "NO") {
		t.Errorf("the table:\n%s", &out)
	}
	if _, err := json.Marshal(f); err != nil {
		t.Error(err)
	}
}

func TestFailover_KnowsItsFaults(t *testing.T) {
	c := Failover{Faults: []string{"kill", "flood"}}
	if _, err := c.chosen(); err == nil || !strings.Contains(err.Error(), `no fault "flood"; there are sigterm, kill`) {
		t.Errorf("%v", err)
	}
}

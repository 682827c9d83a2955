package fsm

import "testing"

// TestJob_followsTheTraceOfWhoExecutedIt: from level 2 on, and before that of
// who created it; what came in no trace changes nothing.
func TestJob_followsTheTraceOfWhoExecutedIt(t *testing.T) {
	for level := range Level + 1 {
		w := newWorld(t)
		begin := genesis(DefaultSettings())
		begin.Level = level
		must(w, begin)
		must(w, SignIn{NewID: "u1"})
		in := func(trace string, p Proposal) string {
			p.Trace = trace
			if o := w.propose(p)[0]; o.Refusal != nil {
				t.Fatal(o.Refusal)
			}
			v := w.m.View()
			defer v.Close()
			j, _ := v.Job("j1")
			return j.Trace
		}
		if got := in("created", Propose(CreateJob{User: "u1", ID: "j1", Preset: "interior", Items: 1})); got != "created" && level >= 2 || got != "" && level < 2 {
			t.Errorf("level %d: created in trace %q", level, got)
		}
		must(w, PutObject{Object: input("u1", "j1", 0)})
		kept := in("", Propose(ConfirmUpload{User: "u1", Job: "j1"}))
		if kept != "created" && level >= 2 {
			t.Errorf("level %d: a step in no trace leaves %q", level, kept)
		}
		if got := in("executed", Propose(ExecuteJob{User: "u1", Job: "j1", Concepts: walls})); got != "executed" && level >= 2 || got != "" && level < 2 {
			t.Errorf("level %d: executed in trace %q", level, got)
		}
	}
}

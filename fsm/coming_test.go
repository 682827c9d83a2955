package fsm

import (
	"maps"
	"strings"
	"testing"
)

// TestComing: what an entry is about to make ready is told before it is applied, and nothing is told of what it will not.
func TestComing(t *testing.T) {
	w := newWorld(t)
	must(w, genesis(DefaultSettings()))
	for _, user := range []string{"u1", "u2"} {
		must(w, SignIn{NewID: user})
		must(w, SetPlan{User: user, Plan: "pro"})
	}
	must(w, CreateJob{User: "u1", ID: "uploaded", Preset: "interior", Items: 2})
	for i := range 2 {
		must(w, PutObject{Object: input("u1", "uploaded", i)})
	}
	must(w, ConfirmUpload{User: "u1", Job: "uploaded"})
	must(w, CreateJob{User: "u2", ID: "auto", Preset: "interior", Items: 2, AutoConfirm: true, AutoExecute: &Execution{Concepts: walls}})
	must(w, CreateJob{User: "u2", ID: "early", Preset: "interior", Items: 1})
	must(w, PutObject{Object: input("u2", "auto", 1)})
	long := strings.Repeat("j", 10_000)
	execute := func(user, job string) Proposal {
		return Propose(ExecuteJob{User: user, Job: job, Concepts: walls})
	}
	put := func(user, job string, idx int) Proposal {
		return Propose(PutObject{Object: input(user, job, idx)})
	}
	for name, c := range map[string]struct {
		entry []Proposal
		want  int
	}{
		"a job that is executed":                     {[]Proposal{execute("u1", "uploaded")}, 2},
		"the last picture of one that goes on":       {[]Proposal{put("u2", "auto", 0)}, 2},
		"both":                                       {[]Proposal{execute("u1", "uploaded"), Propose(SignIn{NewID: "u3"}), put("u2", "auto", 0)}, 4},
		"the same picture again":                     {[]Proposal{put("u2", "auto", 1)}, 0},
		"a stranger's job":                           {[]Proposal{execute("u2", "uploaded")}, 0},
		"a job that has no pictures":                 {[]Proposal{execute("u2", "early")}, 0},
		"the picture of a job that waits to be told": {[]Proposal{put("u2", "early", 0)}, 0},
		"no such job":                                {[]Proposal{execute("u1", "j9"), put("u1", "j9", 0), execute("u1", long), put("u1", long, 0)}, 0},
		"nothing that can be read":                   {[]Proposal{{Kind: kindOf(ExecuteJob{}), Body: []byte{0xff}}, {Kind: kindOf(PutObject{})}}, 0},
		"nothing":                                    {nil, 0},
	} {
		v := w.m.View()
		got := v.Coming(c.entry)
		v.Close()
		want := map[string]int{"interior": c.want}
		if c.want == 0 {
			want = nil
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	must(w, PauseQueue{Preset: "interior", Paused: true})
	paused := w.m.View()
	if got := paused.Coming([]Proposal{execute("u1", "uploaded")}); got != nil {
		t.Errorf("%v is said to come, though nobody may be granted it", got)
	}
	paused.Close()
	must(w, PauseQueue{Preset: "interior"})
	must(w, ExecuteJob{User: "u1", Job: "uploaded", Concepts: walls})
	must(w, PutObject{Object: input("u2", "auto", 0)})
	v := w.m.View()
	defer v.Close()
	if got := v.Coming([]Proposal{execute("u1", "uploaded"), put("u2", "auto", 0)}); got != nil {
		t.Errorf("%v is said to come a second time", got)
	}
	if ready := v.Waiting()["interior"]; ready != 4 {
		t.Errorf("%d items have become ready, 4 were announced", ready)
	}
}

package member

import (
	"strings"
	"testing"
	"time"

	"stoker/client"
)

func TestTable(t *testing.T) {
	now := time.Date(2025, 1, 2, 3, 0, 0, 0, time.UTC)
	since := now.Add(-50 * time.Hour)
	m := client.Members{
		Leader: "n2",
		Members: []client.Member{
			{ID: "n1", Voter: true, ContactMS: 65000, Role: "leader", Since: &since},
			{ID: "n2", Voter: true, Alive: true, Draining: true},
			{ID: "n3", Voter: true, Alive: true, Lag: 7, Role: "follower"},
			{ID: "n4", Alive: true, ContactMS: -1},
		},
		Autopilot: client.Autopilot{Voters: 3, Alive: 2, Quorum: 2, Failed: []string{"n1"}, Behind: []string{"n3"}, Learners: []string{"n4"}},
	}
	var out strings.Builder
	Table(&out, m, now)
	for _, says := range []string{
		"│ n1   │ follower │ yes     │ down     │   0 │ 65 s ago", "2 d", "│ n2   │ leader   │ yes     │ draining", "│ n4   │ follower │ not yet │ up       │   0 │ never",
		"2 of 3 voters up, a quorum is 2: none may fail", "do not answer: n1", "do not keep up: n3", "caught up: n4",
	} {
		if !strings.Contains(out.String(), says) {
			t.Errorf("the table does not say %q:\n%s", says, out.String())
		}
	}
	out.Reset()
	m.Leader, m.Autopilot.Alive = "", 1
	if Health(&out, m); !strings.Contains(out.String(), "no leader") || !strings.Contains(out.String(), "nothing can be written") {
		t.Errorf("without a quorum: %s", out.String())
	}
}

func TestPlan(t *testing.T) {
	for says, r := range map[string]client.Removal{
		"Without n1: 3 voters, 3 of them up, a quorum is 2: one may fail.\nn1 leads now and hands over first.\n":                         {ID: "n1", Voter: true, Leads: true, Voters: 3, Alive: 3, Quorum: 2},
		"Without n1: 4 voters, 4 of them up, a quorum is 3: one may fail.\nn1 has the only copy of 7 pictures: they are lost with it.\n": {ID: "n1", Voter: true, Voters: 4, Alive: 4, Quorum: 3, Pictures: 7},
		"n4 has no vote: the voters stay as they are, 5 of 5 up, 2 may fail.\n":                                                          {ID: "n4", Voters: 5, Alive: 5, Quorum: 3},
	} {
		var out strings.Builder
		if Plan(&out, r); out.String() != says {
			t.Errorf("%+v: %q, want %q", r, out.String(), says)
		}
	}
}

package bench

import (
	"strings"
	"testing"
	"time"

	"stoker/fsm"
)

// What does not hold under a load is said, and nothing else.
func TestSurge_Under(t *testing.T) {
	good := surge{name: "2 times that", goodput: 800, taken: []time.Duration{time.Second}, refused: []time.Duration{time.Millisecond}, toll: toll{peakMB: 300}}
	for says, bend := range map[string]func(*surge){
		"":                     func(*surge) {},
		"600 are taken":        func(l *surge) { l.goodput = 600 },
		"waits for more than":  func(l *surge) { l.taken = []time.Duration{longestTaken + 1} },
		"learn it after":       func(l *surge) { l.refused = []time.Duration{longestNo + 1} },
		"grown to 400 MB":      func(l *surge) { l.peakMB = 400 },
		"3 times 504: unknown": func(l *surge) { l.odd = map[string]int{"504: unknown": 3} },
	} {
		l := good
		bend(&l)
		wrong := append(l.under(1000, 350), l.oddities()...)
		if said := strings.Join(wrong, "\n"); !strings.Contains(said, says) || len(wrong) != min(len(says), 1) {
			t.Errorf("%q, want %q", said, says)
		}
	}
}

// A benchmark's own users must not run into what a user may have, and a refusal for that is none for too much.
func TestCollapse_UsersHaveRoom(t *testing.T) {
	c := Collapse{For: 10 * time.Minute, Times: []float64{2, 4}}
	if taken := 5000 * 7 * int(c.For.Seconds()); c.users()*mostOpen < taken {
		t.Errorf("%d users may have %d open jobs, and %d may be taken", c.users(), c.users()*mostOpen, taken)
	}
	if tooMuch(string(fsm.ConcurrencyLimit)) || !tooMuch(string(fsm.Unavailable)) {
		t.Error("a user's own limit passes for the cluster's")
	}
}

package bench

import (
	"strings"
	"testing"
	"time"
)

// What does not hold under a load is said, and nothing else.
func TestSurge_Under(t *testing.T) {
	good := surge{name: "2 times that", goodput: 800, taken: []time.Duration{time.Second}, refused: []time.Duration{time.Millisecond}, peakMB: 300}
	for says, bend := range map[string]func(*surge){
		"":                     func(*surge) {},
		"600 are taken":        func(l *surge) { l.goodput = 600 },
		"waits for more than":  func(l *surge) { l.taken = []time.Duration{longestTaken + 1} },
		"learn it after":       func(l *surge) { l.refused = []time.Duration{longestNo + 1} },
		"from 100 to 400 MB":   func(l *surge) { l.peakMB = 400 },
		"3 times 504: unknown": func(l *surge) { l.odd = map[string]int{"504: unknown": 3} },
	} {
		l := good
		bend(&l)
		wrong := append(l.under(1000, 100), l.oddities()...)
		if said := strings.Join(wrong, "\n"); !strings.Contains(said, says) || len(wrong) != min(len(says), 1) {
			t.Errorf("%q, want %q", said, says)
		}
	}
}

package bench

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stoker/fsm"
)

// answers took so long each, and came one after the other, so many a second.
func answers(n int, perSecond float64, took time.Duration) (all []answer) {
	for i := range n {
		all = append(all, answer{time.Duration(float64(i) / perSecond * float64(time.Second)), took})
	}
	return all
}

// What does not hold under a load is said, and nothing else.
func TestLoad_verdicts(t *testing.T) {
	for says, bend := range map[string]func(*Load){
		"":                    func(*Load) {},
		"600 are taken":       func(l *Load) { l.taken = answers(6*600, 600, time.Second) },
		"waits for more than": func(l *Load) { l.taken = answers(6*800, 800, longestTaken+1) },
		"learn it after":      func(l *Load) { l.refused = answers(10, 10, longestNo+1) },
		"grown to 400 MB":     func(l *Load) { l.memory = []float64{300, 400, 300} },
		"3 times HTTP 504":    func(l *Load) { l.odd = map[string]int{"HTTP 504": 3} },
	} {
		l := Load{Name: "2 times that", Span: opening + 4*time.Second, taken: answers(6*800, 800, time.Second), refused: answers(10, 10, time.Millisecond),
			toll: toll{memory: []float64{300}}}
		bend(&l)
		l.sum(l.toll)
		wrong := append(append(l.slow(1000), l.large(350)...), l.oddities()...)
		if said := strings.Join(wrong, "\n"); !strings.Contains(said, says) || len(wrong) != min(len(says), 1) {
			t.Errorf("%q, want %q", said, says)
		}
	}
}

// A light load suffers if any of it is refused, or half of it waits.
func TestLoad_notYetWell(t *testing.T) {
	for want, l := range map[string]Load{
		"":           {taken: answers(10, 10, soonAgain)},
		"1 of":       {taken: answers(10, 10, time.Millisecond), refused: answers(1, 1, time.Millisecond)},
		"takes 1.5s": {taken: answers(10, 10, 1500*time.Millisecond)},
	} {
		if said := strings.Join(l.notYetWell("2 times that"), "\n"); !strings.Contains(said, want) || (said == "") != (want == "") {
			t.Errorf("%q, want %q", said, want)
		}
	}
}

// Each second has what was answered in it; goodput counts what came behind the opening and before the end.
func TestLoad_seconds(t *testing.T) {
	l := Load{Span: opening + 3*time.Second, taken: answers(60, 10, 20*time.Millisecond), refused: answers(5, 10, time.Millisecond)}
	l.sum(toll{memory: []float64{10, 20}})
	if len(l.Seconds) != 6 || l.Goodput < 9.5 || l.Goodput > 10.5 {
		t.Fatalf("%d seconds, %v a second", len(l.Seconds), l.Goodput)
	}
	first, last := l.Seconds[0], l.Seconds[5]
	if first != (LoadSecond{Taken: 10, Refused: 5, P50: 20 * time.Millisecond, P99: 20 * time.Millisecond, MB: 10}) || last.Taken != 10 || last.Refused != 0 || last.MB != 0 {
		t.Errorf("%+v … %+v", first, last)
	}
	if taken, refused, odd := l.Answered(); taken != 60 || refused != 5 || odd != 0 {
		t.Errorf("%d taken, %d refused, %d odd", taken, refused, odd)
	}
	if row := fmt.Sprint(l); !strings.Contains(row, "20ms") || len(l.Figures()) != len(LoadColumns) {
		t.Errorf("%q of %q", row, loadsHead)
	}
}

// What does not hold is said, and nothing is judged on a machine that had no time.
func TestCollapseRecord_Verdict(t *testing.T) {
	for want, r := range map[string]CollapseRecord{
		"":           {Lasted: time.Minute, Lost: time.Second},
		"a 504":      {Lasted: time.Minute, Wrong: []string{"a 504"}, Slow: []string{"slow"}},
		"not judged": {Lasted: time.Minute, Lost: 50 * time.Second, Wrong: []string{"no answer"}, Slow: []string{"slow"}},
		"slow":       {Lasted: time.Minute, Slow: []string{"slow"}},
	} {
		if err := r.Verdict(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
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

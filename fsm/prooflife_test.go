package fsm

import (
	"fmt"
	"testing"
	"time"
)

// life is when a world was played, and what there was in it: a part of the picture of `go run ./proof machine`.
type life struct {
	Seed         uint64
	Player       int           // from 0: they play at the same time, each one world after the other
	Began, Ended time.Duration // since the beginning of the run
	Commands     int           // the refused ones among them
	Refused      int
	Entries      int
	Faults       int
	Checks       int
	Violated     bool
}

// of is l with what there was in its world.
func (l life) of(v verdictOf, s *sightings, checks map[string]int) life {
	l.Seed, l.Commands, l.Entries, l.Violated = v.Seed, v.Commands, v.Entries, len(v.Wrong) > 0
	for _, codes := range s.Answers {
		for code, n := range codes {
			l.Checks += n // each answer is one
			if code != "" {
				l.Refused += n
			}
		}
	}
	for _, n := range s.Faults {
		l.Faults += n
	}
	for _, n := range checks {
		l.Checks += n
	}
	return l
}

// contradictions say where the worlds' lives are not what the totals say, or cannot have been.
func (p *proofOfMachine) contradictions() (out []string) {
	wrongf := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	var sum life
	free := map[int]time.Duration{} // player → since when
	violated := 0
	for _, l := range p.Lives {
		if l.Began < free[l.Player] || l.Ended < l.Began || l.Ended > p.Took {
			wrongf("%+v, where its player was free at %v and the run ended at %v", l, free[l.Player], p.Took)
		}
		if l.Refused > l.Commands || l.Seed < p.Seed || l.Seed >= p.Seed+p.Worlds {
			wrongf("%+v, in the run of %d worlds from seed %d", l, p.Worlds, p.Seed)
		}
		free[l.Player] = l.Ended
		sum.Commands, sum.Entries, sum.Refused = sum.Commands+l.Commands, sum.Entries+l.Entries, sum.Refused+l.Refused
		sum.Faults, sum.Checks = sum.Faults+l.Faults, sum.Checks+l.Checks
		if l.Violated {
			violated++
		}
	}
	total := life{Commands: p.Commands, Entries: p.Entries}
	for _, codes := range p.Answers {
		for code, n := range codes {
			if code != "" {
				total.Refused += n
			}
		}
	}
	for _, n := range p.Faults {
		total.Faults += n
	}
	for _, n := range p.Checks {
		total.Checks += n
	}
	if sum != total || violated != len(p.Violations) || len(p.Lives) != int(p.Worlds) {
		wrongf("%d lives, %d violated, have %+v together, and all %d worlds, %d violated, %+v", len(p.Lives), violated, sum, p.Worlds, len(p.Violations), total)
	}
	return out
}

// TestProof_contradictions: a record that is not as it can have been is noticed.
func TestProof_contradictions(t *testing.T) {
	record := func() *proofOfMachine {
		return &proofOfMachine{Seed: 1, Worlds: 2, Commands: 30, Entries: 9, Took: 4 * time.Second,
			Answers: map[string]map[string]int{"CreateJob": {"": 25, "FORBIDDEN": 5}}, Faults: map[string]int{"a restart": 3}, Checks: map[string]int{heldClock: 9},
			Lives: []life{{Seed: 1, Ended: time.Second, Commands: 10, Refused: 2, Entries: 4, Faults: 3, Checks: 4},
				{Seed: 2, Began: time.Second, Ended: 4 * time.Second, Commands: 20, Refused: 3, Entries: 5, Checks: 5}}}
	}
	if wrong := record().contradictions(); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	for what, spoil := range map[string]func(*proofOfMachine){
		"two worlds of one player at a time": func(p *proofOfMachine) { p.Lives[1].Began = 0 },
		"a world that ended before it began": func(p *proofOfMachine) { p.Lives[1].Ended = 0 },
		"a world that ended after the run":   func(p *proofOfMachine) { p.Took = 3 * time.Second },
		"a world of another run":             func(p *proofOfMachine) { p.Lives[1].Seed = 3 },
		"a world that is not told":           func(p *proofOfMachine) { p.Worlds = 3 },
		"a command too many":                 func(p *proofOfMachine) { p.Commands++ },
		"a refusal too few":                  func(p *proofOfMachine) { p.Lives[0].Refused-- },
		"a fault too many":                   func(p *proofOfMachine) { p.Faults["a restart"]++ },
		"a check too few":                    func(p *proofOfMachine) { p.Lives[1].Checks-- },
		"a violated world that is not told":  func(p *proofOfMachine) { p.Lives[1].Violated = true },
	} {
		p := record()
		if spoil(p); len(p.contradictions()) == 0 {
			t.Errorf("%s is not noticed", what)
		}
	}
}

package fsm

import (
	"fmt"
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

package campaign

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"stoker/proof/judge"
)

// The rules, in the order of the report.
const (
	ruleLinear   = "each user's operations, its jobs' and rules' included, are linearizable"
	ruleSet      = "every acknowledged job is there"
	ruleLedger   = "the ledger adds up to the credits, and a job costs what was done, once"
	ruleOnce     = "one key is one effect, however often and wherever it is sent"
	ruleItems    = "every item and every job is final exactly once"
	ruleFence    = "no fence is given twice"
	ruleSession  = "who waits for a state reads nothing older"
	ruleStale    = "a leader that was paused and deposed reads nothing stale"
	ruleLive     = "after each healing all nodes serve, and then a write on each is acknowledged within 10 s"
	ruleDrain    = "the queue drains when nobody orders"
	ruleReplicas = "all nodes hold the same, by hash, and none reports a difference"
	ruleResults  = "every result is there, and is of its own item"
	ruleCodes    = "no request is answered with an internal error"
	ruleLasting  = "at the end every job and credit that ever was is there, on every node"
	ruleEnds     = "a node ends only when its disk or its memory of itself is damaged"
)

var rules = []string{
	ruleLinear, ruleSet, ruleLedger, ruleOnce, ruleItems, ruleFence, ruleSession, ruleStale, ruleLive, ruleDrain, ruleReplicas, ruleResults, ruleLasting, ruleCodes, ruleEnds,
}

// verdicts is what was looked at and what was found.
type verdicts struct {
	said func(string, ...any)
	fail context.CancelCauseFunc

	mu         sync.Mutex
	counts     map[string]int
	violations []violation
	histories  int
	operations int // in histories that were decided
	undecided  int
	longest    int           // history
	slowest    time.Duration // to be decided
}

type violation struct{ rule, what string }

// passed counts something that was looked at.
func (v *verdicts) passed(rule string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.counts[rule]++
}

// check counts a look, and what was found if it was not as it should be.
func (v *verdicts) check(rule string, holds bool, format string, args ...any) {
	v.passed(rule)
	if !holds {
		v.violate(rule, format, args...)
	}
}

// violate ends the campaign: what comes after a violation says nothing.
func (v *verdicts) violate(rule, format string, args ...any) {
	v.mu.Lock()
	v.violations = append(v.violations, violation{rule, fmt.Sprintf(format, args...)})
	n := len(v.violations)
	v.mu.Unlock()
	if n <= 20 {
		v.said("VIOLATED: %s: %s", rule, fmt.Sprintf(format, args...))
	}
	if v.fail != nil {
		v.fail(errViolated)
	}
}

func (v *verdicts) any() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.violations) > 0
}

// judged counts a history.
func (v *verdicts) judged(of judge.Verdict, ops int, took time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.counts[ruleLinear]++
	v.histories++
	v.operations += ops
	v.longest, v.slowest = max(v.longest, ops), max(v.slowest, took)
	if of == judge.Undecided {
		v.undecided++
	}
}

// broken are the rules that were violated, with the first of what violated each.
func (v *verdicts) broken() (all []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	first := map[string]string{}
	for _, x := range v.violations {
		if first[x.rule] == "" {
			first[x.rule] = x.what
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(first)) {
		all = append(all, rule+": "+first[rule])
	}
	return all
}

// number is how often a rule was violated.
func (v *verdicts) number(rule string) (n int) {
	for _, x := range v.violations {
		if x.rule == rule {
			n++
		}
	}
	return n
}

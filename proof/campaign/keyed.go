package campaign

import (
	"context"
	"fmt"
	"slices"
	"time"

	"stoker/proof/judge"
)

// how a request is sent.
type manner int

const (
	persistently manner = iota // again, at other nodes, until somebody knows or some tries are over
	singly                     // once, and whatever comes of it is all that is known
	doubly                     // to two nodes at the same time, under one key
)

// manner is mostly persistent, as clients are told to be.
func (a *actor) manner() manner {
	switch n := a.dice.IntN(20); {
	case n == 0:
		return singly
	case n < 3:
		return doubly
	}
	return persistently
}

// tries is how often a request is sent until its outcome is left open.
const tries = 5

// keyed sends a request that has an Idempotency-Key, and records what is known of its outcome.
func (a *actor) keyed(o *judge.Op, r request, how manner) answer {
	r.key = fmt.Sprintf("c%d-%d", a.Seed, a.number())
	place := a.anywhere()
	o.Node = a.at(place).node.ID
	switch how {
	case singly:
		return a.once(place, r)
	case doubly:
		return a.twice(place, r)
	}
	return a.until(place, r, tries)
}

// until sends a request again until its outcome is known, at most n times. After an attempt that nobody knows of, an answer
// about the moment says nothing of what that attempt may still do.
func (x *campaign) until(place int, r request, n int) answer {
	doubt := false
	for try := range n {
		got := x.once((place+try)%x.places(), r)
		doubt = doubt || !got.known()
		if got.known() && !got.nothing() {
			if doubt && got.passing() {
				return answer{code: judge.Unknown}
			}
			return got
		}
		if try == n-1 && !doubt {
			return got
		}
		time.Sleep(100 * time.Millisecond)
	}
	return answer{code: judge.Unknown}
}

// twice sends a request to two nodes at the same time, and wants one answer.
func (a *actor) twice(place int, r request) answer {
	other := make(chan answer, 1)
	go func() { other <- a.once((place+1)%a.places(), r) }()
	first := a.once(place, r)
	second := <-other
	a.verdicts.passed(ruleOnce)
	both := []answer{first, second}
	sure := slices.DeleteFunc(slices.Clone(both), func(g answer) bool { return !g.known() || g.passing() })
	if len(sure) == 2 && (sure[0].code != sure[1].code || !same(sure[0], sure[1])) {
		a.verdicts.violate(ruleOnce, "%s %s under key %s: %s %s at one node, %s %s at the other", r.method, r.path, r.key,
			sure[0].code, sure[0].data, sure[1].code, sure[1].data)
	}
	switch {
	case len(sure) > 0:
		return sure[0]
	case first.known() && second.known():
		return first
	}
	return answer{code: judge.Unknown}
}

// same says whether two acknowledgements are of one effect.
func same(a, b answer) bool {
	type named struct {
		JobID   string `json:"job_id"`
		Credits *int64
		Rule    struct{ ID string }
	}
	if a.code != "" {
		return true
	}
	x, _ := decode[named](a.data)
	y, _ := decode[named](b.data)
	return x.JobID == y.JobID && x.Rule.ID == y.Rule.ID && (x.Credits == nil) == (y.Credits == nil) && (x.Credits == nil || *x.Credits == *y.Credits)
}

// settle keeps an operation that makes something whose name only its answer tells: while it is unknown the history cannot be
// judged, so the auditor asks again, under the same key, until it is known.
func (a *actor) settle(u *user, o judge.Op, r request, got answer, done func(judge.Op, answer)) {
	if got.known() {
		done(o, got)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	place := a.client
	u.unknown++
	u.unresolved = append(u.unresolved, func(context.Context) bool {
		got := a.once(place%a.places(), r)
		place++
		if !got.known() || got.passing() { // the first attempt may still come
			return false
		}
		done(o, got)
		return true
	})
}

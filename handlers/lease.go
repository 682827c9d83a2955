package handlers

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"stoker/fsm"
	"stoker/node"
	"stoker/queue"
)

// Bounds of a poll, from the contract.
const (
	maxLeaseItems     = 64
	defaultLeaseItems = 16
	maxWait           = 60 // seconds
	defaultWait       = 30
	maxHeld           = 1024 // leases a worker may name in one request
	maxSlots          = 1024
)

// bareRest is the least that a bare worker is kept waiting when it is to take no
// work: it knows no directive and would ask again at once, for as long as it is
// drained.
const bareRest = time.Second

// The headers of an empty answer, which has no body to say it in.
const (
	headerDirective = "X-Stoker-Directive"
	headerSkipped   = "X-Stoker-Skipped"
)

// directiveRun is what a worker is told unless the operator, or its own faults,
// said otherwise.
const directiveRun = "run"

// saneWorker is what a worker, a boot, a session or a poll may be called.
var saneWorker = saneOf(1, 128, visible)

// poll is a worker that asks for work. One with a session understands more of
// the answer. A session that nobody knows (any more) is not refused: it protects
// nothing, since fences decide who holds what, and a worker whose session a
// restore or a second start has ended would have to stop working to open another.
type poll struct {
	WorkerID  string   `json:"worker_id"`
	SessionID string   `json:"session_id"`
	PollID    string   `json:"poll_id"`
	Presets   []string `json:"presets"`
	Loaded    []string `json:"loaded"`
	Held      []string `json:"held"`
	FreeSlots whole    `json:"free_slots"` // bounds max_items; 0: not said
	MaxItems  *whole   `json:"max_items"`
	WaitS     *whole   `json:"wait_s"`
}

// noWork is the empty answer to a poll with a session.
type noWork struct {
	Directive string         `json:"directive"`
	Lost      []string       `json:"lost"`
	Skipped   map[string]int `json:"skipped"`
}

// lease waits for work and hands it out.
func (s *Server) lease(c *call) (any, error) {
	var in poll
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	a, err := s.park(c, in)
	switch {
	case err != nil:
		return nil, err
	case a.Grant != nil:
		return messageOf(c, a.Grant, in.lost(c.local()))
	case in.SessionID == "":
		return c.nothing(a)
	}
	return noWork{a.Directive, in.lost(c.local()), orEmpty(a.Skipped)}, nil
}

// park waits at the queue for as long as the worker wants. A node that is leaving
// answers that there is nothing, one that is to be left alone refuses the next as
// well: the worker finds another.
func (s *Server) park(c *call, in poll) (queue.Answer, error) {
	began, wait := time.Now(), in.wait()
	if err := s.away(); err != nil {
		return queue.Answer{}, err
	}
	parked, leave := s.guests.enter(node.WithRequest(s.polls.context(), c.id), c.holder)
	defer leave()
	ctx, cancel := context.WithTimeout(parked, wait+s.cfg.Timeout)
	defer cancel()
	revoked := fsm.Refuse(callbackUnauthorized, "the token was revoked while its worker waited")
	if !s.doors.still(c.shown) { // between the look that let it in and the line above
		return queue.Answer{}, revoked
	}
	defer s.count.park(parkedPoll)()
	a, err := s.cfg.Queue.Poll(ctx, in.want(), wait)
	if context.Cause(parked) == errRevoked && a.Grant == nil {
		return a, revoked
	}
	if (s.parked.Err() != nil || context.Cause(parked) == errDraining) && a.Grant == nil {
		return queue.Answer{Directive: directiveRun}, nil
	}
	if err == nil && in.SessionID == "" && a.Directive != directiveRun {
		select {
		case <-time.After(min(bareRest, wait) - time.Since(began)):
		case <-s.parked.Done():
		}
	}
	return a, err
}

func (in poll) check() error {
	most, wait := orElse(in.MaxItems, defaultLeaseItems), orElse(in.WaitS, defaultWait)
	var wrong flaws
	wrong.unless(saneWorker.MatchString(in.WorkerID), "worker_id", "must be 1 to 128 visible ASCII characters")
	wrong.unless(in.SessionID == "" || saneWorker.MatchString(in.SessionID), "session_id", "must be 1 to 128 visible ASCII characters")
	wrong.unless(in.PollID == "" || saneWorker.MatchString(in.PollID), "poll_id", "must be 1 to 128 visible ASCII characters")
	wrong.unless(most >= 1 && most <= maxLeaseItems, "max_items", "must be 1 to %d", maxLeaseItems)
	wrong.unless(wait >= 0 && wait <= maxWait, "wait_s", "must be 0 to %d", maxWait)
	wrong.unless(in.FreeSlots >= 0 && in.FreeSlots <= maxSlots, "free_slots", "must be 0 to %d", maxSlots)
	checkPresets(&wrong, "presets", in.Presets)
	checkPresets(&wrong, "loaded", in.Loaded)
	wrong.unless(len(in.Held) <= maxHeld, "held", "may name %d leases", maxHeld)
	for _, id := range in.Held {
		leaseNamed(&wrong, "held", id)
	}
	return wrong.refusal()
}

func checkPresets(wrong *flaws, field string, presets []string) {
	wrong.unless(len(presets) <= maxConcepts, field, "may name %d presets", maxConcepts)
	for _, preset := range presets {
		wrong.unless(len(preset) >= 1 && len(preset) <= maxName, field, "has a name that is empty or too long")
	}
}

// leaseNamed reads a lease's name in a body.
func leaseNamed(wrong *flaws, field, id string) uint64 {
	fence, ok := fsm.ParseLease(id)
	wrong.unless(ok, field, "%.80q is no lease", id)
	return fence
}

func (in poll) wait() time.Duration {
	return time.Duration(orElse(in.WaitS, defaultWait)) * time.Second
}

func (in poll) want() fsm.Want {
	most := int(orElse(in.MaxItems, defaultLeaseItems))
	if in.FreeSlots > 0 {
		most = min(most, int(in.FreeSlots))
	}
	return fsm.Want{Worker: in.WorkerID, Poll: in.PollID, Presets: in.Presets, Loaded: in.Loaded, Max: most}
}

// lost names those leases that the worker believes it holds and does not.
func (in poll) lost(v *fsm.View) []string {
	lost := []string{}
	for _, id := range in.Held {
		if fence, _ := fsm.ParseLease(id); !v.Holds(in.WorkerID, fence) {
			lost = append(lost, id)
		}
	}
	return lost
}

// nothing answers a bare poll with no body, and in headers says why.
func (c *call) nothing(a queue.Answer) (any, error) {
	h := &c.http.Response.Header
	h.Set(headerDirective, a.Directive)
	var why []string
	for _, reason := range sortedKeys(a.Skipped) {
		why = append(why, fmt.Sprintf("%s=%d", reason, a.Skipped[reason]))
	}
	if why != nil {
		h.Set(headerSkipped, strings.Join(why, ","))
	}
	return noContent{}, nil
}

func orElse(n *whole, otherwise whole) whole {
	if n == nil {
		return otherwise
	}
	return *n
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// orEmpty gives a map that renders as {}.
func orEmpty[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return m
}

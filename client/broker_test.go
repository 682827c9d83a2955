package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// broker is a queue of one job's items that keeps the contract: sessions, fenced leases with deadlines, repeated polls, parked
// controls, items final once.
type broker struct {
	ttl        time.Duration
	old        bool // a server before sessions and control
	load, exec int  // budgets of a lease in seconds

	mu        sync.Mutex
	items     []queued
	leases    map[string]*held
	grants    map[string]*Grant // by poll_id
	changed   chan struct{}
	cancels   []int // told by the next heartbeats and controls
	directive Directive
	boots     []Boot
	polls     []Poll
	releases  []string
	delays    []int
	asked     map[string]int // calls by path
	beats     int            // renewals, by heartbeat or parked control
	refused   int            // calls that a lost lease made
	percents  []Progress
	told      []Told // by the last control
}

type queued struct {
	lease    string // holder, "" when ready
	final    ItemResult
	reports  []ItemResult // counted, in order
	counted  int
	attempts int
}

type held struct {
	id       string
	items    []int
	deadline time.Time
	ended    bool // by its last result; more of those are duplicates
}

func newBroker(items int) *broker {
	return &broker{
		ttl: 30 * time.Second, items: make([]queued, items), leases: map[string]*held{}, grants: map[string]*Grant{},
		changed: make(chan struct{}), directive: DirectiveRun, asked: map[string]int{},
	}
}

func (b *broker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.asked[r.URL.Path]++
	b.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer wrk_1":
		deny(w, http.StatusUnauthorized, "CALLBACK_UNAUTHORIZED", "no")
	case r.URL.Path == "/queue/lease":
		b.park(w, r)
	case b.old && (r.URL.Path == "/queue/session" || r.URL.Path == "/queue/control"):
		deny(w, http.StatusNotFound, "NOT_FOUND", "there is nothing under this path")
	case r.URL.Path == "/queue/session":
		b.session(w, r)
	case r.URL.Path == "/queue/control":
		b.control(w, r)
	default:
		b.lease(w, r)
	}
}

func (b *broker) lease(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	parts := strings.Split(r.URL.Path, "/") // "", queue, leases, id, verb
	l := b.leases[parts[3]]
	if l == nil {
		b.refused++
		deny(w, http.StatusConflict, CodeLeaseLost, "no such lease")
		return
	}
	l.deadline = time.Now().Add(b.ttl)
	var in struct {
		Progress []Progress
		Results  []ItemResult
		Items    []int
		Reason   string
		DelayS   int `json:"delay_s"`
	}
	json.NewDecoder(r.Body).Decode(&in)
	switch parts[4] {
	case "heartbeat":
		b.beats++
		b.percents = append(b.percents, in.Progress...)
		allow(w, http.StatusOK, Heartbeat{ExpiresAt: l.deadline, Cancel: b.cancels})
	case "results":
		allow(w, http.StatusOK, b.results(parts[3], l, in.Results))
	case "release":
		slices.Sort(in.Items)
		b.releases = append(b.releases, fmt.Sprintf("%s %v", in.Reason, in.Items))
		b.delays = append(b.delays, in.DelayS)
		b.giveBack(l, in.Items)
		allow(w, http.StatusOK, map[string]int{"requeued": len(in.Items)})
	}
}

// park holds a poll until there is work, a directive against it, or its wait is over.
func (b *broker) park(w http.ResponseWriter, r *http.Request) {
	var p Poll
	json.NewDecoder(r.Body).Decode(&p)
	b.mu.Lock()
	b.polls = append(b.polls, p)
	b.mu.Unlock()
	over := time.After(time.Duration(p.WaitS) * time.Second)
	for parked := true; ; {
		b.mu.Lock()
		b.expire()
		g := b.grant(p)
		changed, directive := b.changed, b.directive
		lost := slices.DeleteFunc(slices.Clone(p.Held), func(id string) bool { return b.leases[id] != nil })
		b.mu.Unlock()
		switch {
		case g != nil:
			allow(w, http.StatusOK, struct {
				*Grant
				Directive Directive `json:"directive"`
				Lost      []string  `json:"lost"`
			}{g, directive, lost})
			return
		case parked && directive == DirectiveRun:
		case p.SessionID == "":
			w.Header().Set("X-Stoker-Directive", string(directive))
			w.Header().Set("X-Stoker-Skipped", "preset=3,capped=2")
			w.WriteHeader(http.StatusNoContent)
			return
		default:
			allow(w, http.StatusOK, map[string]any{"directive": directive, "lost": lost, "skipped": map[string]int{"capped": 2}})
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Second): // leases may have run out
		case <-r.Context().Done():
			return
		case <-over:
			parked = false
		}
	}
}

func (b *broker) grant(p Poll) *Grant {
	if g := b.grants[p.PollID]; g != nil {
		return g
	}
	if b.directive != DirectiveRun {
		return nil
	}
	id := fmt.Sprintf("l%d", len(b.grants)+1)
	g := &Grant{LeaseID: id, JobID: "j_1", Preset: "interior", TTLS: int(b.ttl / time.Second), Attempt: 1, LoadBudgetS: b.load, ExecBudgetS: b.exec}
	l := &held{id: id, deadline: time.Now().Add(10 * time.Second)} // short until it is confirmed
	for i := range b.items {
		it := &b.items[i]
		if it.lease == "" && it.final.Status == "" && len(g.Items) < p.MaxItems {
			it.lease = id
			it.attempts++
			l.items = append(l.items, i)
			g.Items = append(g.Items, GrantItem{Idx: i, OutputKey: fmt.Sprintf("outputs/u/j_1/%d_result.png", i)})
		}
	}
	if len(g.Items) == 0 {
		return nil
	}
	b.leases[id], b.grants[p.PollID] = l, g
	return g
}

func (b *broker) results(id string, l *held, results []ItemResult) Receipt {
	var receipt Receipt
	for _, r := range results {
		it := &b.items[r.Idx]
		if it.final.Status != "" || it.lease != id {
			receipt.Duplicates++
			continue
		}
		receipt.Processed++
		it.lease = ""
		it.reports = append(it.reports, r)
		if r.Status == Failed && r.Retryable && it.attempts < 3 {
			continue
		}
		it.final = r
		it.counted++
	}
	l.ended = !slices.ContainsFunc(l.items, func(i int) bool { return b.items[i].lease == id })
	b.wake()
	return receipt
}

func (b *broker) expire() {
	for id, l := range b.leases {
		if time.Now().After(l.deadline) {
			delete(b.leases, id)
			b.giveBack(l, l.items)
		}
	}
}

func (b *broker) giveBack(l *held, items []int) {
	for _, i := range items {
		if b.items[i].lease == l.id {
			b.items[i].lease = ""
		}
	}
	b.wake()
}

func (b *broker) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// lose takes every lease away, as if it had run out.
func (b *broker) lose() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.leases)
	for i := range b.items {
		b.items[i].final = ItemResult{Status: Done} // somebody else did it
	}
	b.wake()
}

// cancel is a user's.
func (b *broker) cancel(items ...int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cancels = append(b.cancels, items...)
	for _, i := range items {
		b.items[i].final.Status = Canceled
	}
	b.wake()
}

// order is an operator's.
func (b *broker) order(d Directive) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.directive = d
	b.wake()
}

// calls counts those to a path.
func (b *broker) calls(path string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked[path]
}

// finals counts the final items. The caller holds mu.
func (b *broker) finals() (n int) {
	for _, it := range b.items {
		if it.final.Status != "" {
			n++
		}
	}
	return n
}

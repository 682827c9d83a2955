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

// broker is a queue of one job's items that keeps the contract: fenced leases with deadlines, repeated polls, items final once.
type broker struct {
	ttl time.Duration

	mu       sync.Mutex
	items    []queued
	leases   map[string]*held
	grants   map[string]*Grant // by poll_id
	changed  chan struct{}
	cancels  []int // told by the next heartbeats
	releases []string
	beats    int
	refused  int // calls that a lost lease made
	percents []Progress
}

type queued struct {
	lease    string // holder, "" when ready
	final    ItemResult
	counted  int
	attempts int
}

type held struct {
	items    []int
	deadline time.Time
}

func newBroker(items int) *broker {
	return &broker{ttl: 30 * time.Second, items: make([]queued, items), leases: map[string]*held{}, grants: map[string]*Grant{}, changed: make(chan struct{})}
}

func (b *broker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer wrk_1" {
		deny(w, http.StatusUnauthorized, "CALLBACK_UNAUTHORIZED", "no")
		return
	}
	if r.URL.Path == "/queue/lease" {
		b.park(w, r)
		return
	}
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
		b.giveBack(l, in.Items)
		allow(w, http.StatusOK, map[string]int{"requeued": len(in.Items)})
	}
}

// park holds a poll until there is work or its wait is over.
func (b *broker) park(w http.ResponseWriter, r *http.Request) {
	var p Poll
	json.NewDecoder(r.Body).Decode(&p)
	over := time.After(time.Duration(p.WaitS) * time.Second)
	for {
		b.mu.Lock()
		b.expire()
		g := b.grant(p)
		changed := b.changed
		b.mu.Unlock()
		if g != nil {
			allow(w, http.StatusOK, g)
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Second): // leases may have run out
		case <-r.Context().Done():
			return
		case <-over:
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
}

func (b *broker) grant(p Poll) *Grant {
	if g := b.grants[p.PollID]; g != nil {
		return g
	}
	id := fmt.Sprintf("l%d", len(b.grants)+1)
	g := &Grant{LeaseID: id, JobID: "j_1", TTLS: int(b.ttl / time.Second), Attempt: 1}
	l := &held{deadline: time.Now().Add(10 * time.Second)} // short until it is confirmed
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
		if r.Status == Failed && r.Retryable && it.attempts < 3 {
			continue
		}
		it.final = r
		it.counted++
	}
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
		if slices.Contains(l.items, i) {
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

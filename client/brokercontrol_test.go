package client

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// session gives back what another boot of the worker holds.
func (b *broker) session(w http.ResponseWriter, r *http.Request) {
	var in Boot
	json.NewDecoder(r.Body).Decode(&in)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.boots) == 0 || b.boots[len(b.boots)-1].BootID != in.BootID {
		for id, l := range b.leases {
			delete(b.leases, id)
			b.giveBack(l, l.items)
		}
	}
	b.boots = append(b.boots, in)
	allow(w, http.StatusOK, WorkerSession{SessionID: "s_" + in.BootID, PollWaitS: 30, LeaseTTLS: int(b.ttl / time.Second), HeartbeatS: 10, Directive: b.directive})
}

// control renews on arrival and is parked until there is something to say.
func (b *broker) control(w http.ResponseWriter, r *http.Request) {
	var in Control
	json.NewDecoder(r.Body).Decode(&in)
	over := time.After(time.Duration(in.WaitS) * time.Second)
	b.mu.Lock()
	b.expire()
	for _, beat := range in.Leases {
		if l := b.leases[beat.LeaseID]; l != nil {
			l.deadline = time.Now().Add(b.ttl)
		}
		b.percents = append(b.percents, beat.Progress...)
	}
	if in.WaitS > 0 {
		b.beats++
		b.told = in.Told
	}
	b.mu.Unlock()
	for parked := in.WaitS > 0; ; {
		b.mu.Lock()
		b.expire()
		answer, news := b.answer(in)
		changed := b.changed
		b.mu.Unlock()
		if news || !parked {
			allow(w, http.StatusOK, answer)
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Second):
		case <-r.Context().Done():
			return
		case <-over:
			parked = false
		}
	}
}

func (b *broker) answer(in Control) (answer Controlled, news bool) {
	answer = Controlled{Directive: b.directive, TTLS: int(b.ttl / time.Second)}
	for _, beat := range in.Leases {
		l := b.leases[beat.LeaseID]
		if l == nil || l.ended {
			answer.Lost = append(answer.Lost, beat.LeaseID)
			continue
		}
		state := LeaseState{LeaseID: beat.LeaseID, ExpiresAt: l.deadline}
		for _, idx := range b.cancels {
			if !slices.Contains(l.items, idx) {
				continue
			}
			state.Cancel = append(state.Cancel, idx)
			news = news || !slices.ContainsFunc(in.Told, func(t Told) bool { return t.LeaseID == beat.LeaseID && slices.Contains(t.Idx, idx) })
		}
		answer.Leases = append(answer.Leases, state)
	}
	return answer, news || len(answer.Lost) > 0 || b.directive != DirectiveRun
}

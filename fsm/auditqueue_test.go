package fsm

import (
	"fmt"
	"maps"
	"slices"

	"stoker/store"
)

// queue: every item is in the one place that its row names, and the counts are
// those of the tables.
func (a *auditor) queue() {
	waiting, all := map[string]map[string]int{}, map[string]int{}
	for k := range ready.Scan(a.v, "") {
		preset, rest := k.PopStr()
		user, rest := rest.PopStr()
		_, rest = rest.PopUint()
		job, rest := rest.PopStr()
		idx, _ := rest.PopUint()
		j, ok := jobs.Get(a.v, store.Str(job))
		it, _ := items.Get(a.v, itemKey(job, int(idx)))
		if !ok || j.User != user || j.Preset != preset || it.Place != Ready || readyKey(j, int(idx)) != k {
			a.failf("ready row %q of item %+v", k, it)
		}
		if waiting[user] == nil {
			waiting[user] = map[string]int{}
		}
		waiting[user][preset]++
		all[preset]++
	}
	leased := map[string]int{}
	for _, j := range jobs.Scan(a.v, "") {
		if j.Status != Queued && j.Status != Running {
			continue
		}
		for _, it := range a.v.Items(j.ID) {
			a.place(j, it)
			if it.Place == Leased {
				leased[j.User]++
			}
		}
	}
	if !maps.Equal(all, a.v.meta.Waiting) {
		a.failf("%v items are ready, the machine counts %v", all, a.v.meta.Waiting)
	}
	for user := range users.Scan(a.v, "") {
		id, _ := user.PopStr()
		s, ok := shares.Get(a.v, user)
		if !ok && (leased[id] > 0 || len(waiting[id]) > 0) {
			a.failf("%s has work and no share", id)
		}
		if s.Leased != leased[id] || !maps.Equal(s.Waiting, waiting[id]) {
			a.failf("the share of %s counts %d leased, %v waiting; there are %d, %v", id, s.Leased, s.Waiting, leased[id], waiting[id])
		}
	}
}

// place: the row that holds an item exists, and no other does.
func (a *auditor) place(j Job, it Item) {
	name := fmt.Sprintf("%s/%d", j.ID, it.Idx)
	if isReady := ready.Has(a.v, readyKey(j, it.Idx)); isReady != (it.Place == Ready) {
		a.failf("%s is in place %d; in the ready queue: %v", name, it.Place, isReady)
	}
	l, _ := leases.Get(a.v, store.Uint(it.Fence))
	if held := l.Job == j.ID && slices.Contains(l.Held, it.Idx); held != (it.Place == Leased) {
		a.failf("%s is in place %d under fence %d; held by it: %v", name, it.Place, it.Fence, held)
	}
	if it.Place == Scheduled {
		a.expect(it.ReadyAt, itemReady, itemKey(j.ID, it.Idx))
	} else if it.ReadyAt != 0 {
		a.failf("%s is in place %d and ready at %d", name, it.Place, it.ReadyAt)
	}
}

// leases: fences only grow; what is held is held under this very fence; an ended
// lease holds nothing and is forgotten in time.
func (a *auditor) leases() {
	if a.v.Fence() < a.fence {
		a.failf("the fence fell from %d to %d", a.fence, a.v.Fence())
	}
	a.grants()
	a.fence = a.v.Fence()
	for k, l := range leases.Scan(a.v, "") {
		if k != store.Uint(l.Fence) || l.Fence > a.fence || l.Fence == 0 {
			a.failf("lease %d at key %q, the last fence is %d", l.Fence, k, a.fence)
		}
		if (len(l.Held) == 0) != (l.Ended != "") {
			a.failf("lease %d holds %v, ended %q", l.Fence, l.Held, l.Ended)
		}
		for _, idx := range l.Held {
			it, _ := items.Get(a.v, itemKey(l.Job, idx))
			if it.Place != Leased || it.Fence != l.Fence || !slices.Contains(l.Granted, idx) {
				a.failf("lease %d holds %s/%d, which is in place %d under %d", l.Fence, l.Job, idx, it.Place, it.Fence)
			}
		}
	}
}

// envelope: settings, staged objects and dead letters belong to something.
func (a *auditor) envelope() {
	for _, o := range staged.Scan(a.v, "") {
		kind, job, _, ok := parseKey(o.Key)
		j, found := jobs.Get(a.v, store.Str(job))
		if !ok || kind == "inputs" || !found || j.Status.Ended() || o.Fence == 0 {
			a.failf("%s is staged under %d, its job is %s", o.Key, o.Fence, j.Status)
		}
	}
	for k, d := range dead.Scan(a.v, "") {
		it, _ := items.Get(a.v, k)
		if it.Status != Failed || itemKey(d.Job, d.Idx) != k {
			a.failf("dead letter %s/%d of an item that is %s", d.Job, d.Idx, it.Status)
		}
	}
}

// timers: no row without what it is for, and one for each row that must end.
func (a *auditor) timers() {
	seen := map[timerKind]map[store.Key]int{}
	for k, t := range timers.Scan(a.v, "") {
		ref := store.Key(t.Ref)
		due, _ := k.PopUint()
		if k != timerKey(int64(due), t.Kind, ref) {
			a.failf("timer %+v at key %q", t, k)
		}
		if seen[t.Kind] == nil {
			seen[t.Kind] = map[store.Key]int{}
		}
		seen[t.Kind][ref]++
		if (t.Kind == jobDeadline || t.Kind == itemReady) && !a.due[k] {
			a.failf("timer of kind %d at %d for %q, which waits for none", t.Kind, due, ref)
		}
	}
	one(a, "origin", seen[originSilent], keysOf(a, origins))
	one(a, "idempotency record", seen[idemOld], keysOf(a, idems))
	one(a, "dead letter", seen[deadOld], keysOf(a, dead))
	one(a, "upload in parts", seen[uploadOld], keysOf(a, uploads))
	one(a, "join token", seen[joinTokenOld], keysOf(a, joinTokens))
	var ended []store.Key
	for k, l := range leases.Scan(a.v, "") {
		if l.Ended != "" {
			ended = append(ended, k)
		}
	}
	one(a, "ended lease", seen[leaseOld], ended)
	a.guarded(seen)
	a.fleet(seen)
}

func keysOf[V any](a *auditor, t *store.Table[V]) []store.Key {
	var keys []store.Key
	for k := range t.Scan(a.v, "") {
		keys = append(keys, k)
	}
	return keys
}

// one: each row has one timer, each timer a row.
func one(a *auditor, what string, timers map[store.Key]int, rows []store.Key) {
	for _, k := range rows {
		if timers[k] != 1 {
			a.failf("%s %q has %d timers", what, k, timers[k])
		}
		delete(timers, k)
	}
	if len(timers) > 0 {
		a.failf("timers of no %s: %v", what, timers)
	}
}

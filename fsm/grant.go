package fsm

import (
	"slices"

	"stoker/store"
)

// Lease hands ready work to workers that wait: one command for as many as there
// are. The leader's broker proposes it; the machine decides who gets what.
type Lease struct {
	Wants []Want `cbor:"1,keyasint"`
}

// Want is a worker that waits.
type Want struct {
	Worker  string   `cbor:"1,keyasint"`
	Poll    string   `cbor:"2,keyasint"`           // the same poll gets the same grant
	Presets []string `cbor:"3,keyasint,omitempty"` // none: any
	Max     int      `cbor:"4,keyasint"`           // items
}

// LeasedWork answers Lease: a grant for each want, nil where there was nothing.
type LeasedWork struct {
	Grants []*Grant `cbor:"1,keyasint"`
}

// Grant is what a worker was given; everything its message is made of.
type Grant struct {
	Lease LeaseRow `cbor:"1,keyasint"`
	Job   Job      `cbor:"2,keyasint"`
}

func (c Lease) apply(tx *Tx) (LeasedWork, error) {
	a := LeasedWork{Grants: make([]*Grant, len(c.Wants))}
	for _, w := range c.Wants {
		if w.Worker == "" {
			return LeasedWork{}, invalid("worker_id", "must not be empty")
		}
		if r := tooLong("worker_id", w.Worker, w.Poll); r != nil {
			return LeasedWork{}, r
		}
	}
	for i, w := range c.Wants {
		if g := regrant(tx, w); g != nil {
			a.Grants[i] = g
			continue
		}
		a.Grants[i] = grant(tx, w)
	}
	return a, nil
}

// regrant finds the live lease that this very poll was answered with.
func regrant(r store.Reader, w Want) *Grant {
	if w.Poll == "" {
		return nil
	}
	for _, l := range leasesByPoll.Scan(r, store.Str(w.Worker).Str(w.Poll)) {
		j, _ := jobs.Get(r, store.Str(l.Job))
		return &Grant{Lease: l, Job: j}
	}
	return nil
}

// grant gives the worker the next work in the fair order, or nil.
func grant(tx *Tx, w Want) *Grant {
	s, preset, found := fairest(tx, w.Presets)
	if !found {
		return nil
	}
	j, picked := pick(tx, s, preset, w.Max)
	if len(picked) == 0 {
		return nil
	}
	tx.m.Fence++
	l := LeaseRow{Fence: tx.m.Fence, Worker: w.Worker, Poll: w.Poll, Job: j.ID, User: j.User, At: tx.now(),
		TTL: tx.current().LeaseTTL, First: tx.current().FirstContact}
	for i := range picked {
		it := &picked[i]
		ready.Delete(tx.Tx, readyKey(j, it.Idx))
		l.Granted = append(l.Granted, it.Idx)
		l.Attempt = max(l.Attempt, it.Attempt())
		if it.Status == Pending {
			record(tx, j.ID, &it.Idx, Pending, Running, w.Worker)
			it.Status = Running
		}
		it.Place, it.Fence = Leased, l.Fence
		items.Put(tx.Tx, itemKey(j.ID, it.Idx), *it)
	}
	l.Held = slices.Clone(l.Granted)
	leases.Put(tx.Tx, store.Uint(l.Fence), l)
	workers.Put(tx.Tx, store.Str(w.Worker), workerRow{LastGrant: tx.now()})

	count(tx, &s, preset, -len(picked))
	s.Leased += len(picked)
	tx.m.VTime = max(tx.m.VTime, s.VTime)
	s.VTime += uint64(len(picked)) * uint64(max(j.Price, 1)) * tick / uint64(s.Weight)
	putShare(tx, s)

	startRunning(tx, &j, w.Worker)
	tx.changes.lease(LeaseChange{Fence: l.Fence, TTL: l.TTL, First: l.First})
	return &Grant{Lease: l, Job: j}
}

// fairest finds the user with the least virtual time among those with ready
// work of the presets.
func fairest(tx *Tx, presets []string) (best share, preset string, found bool) {
	if len(presets) == 0 {
		for p := range tx.m.Waiting {
			presets = append(presets, p)
		}
	}
	presets = slices.Sorted(slices.Values(presets)) // equal virtual times: the same choice on every node
	for _, p := range presets {
		for _, s := range fair.Scan(tx, store.Str(p)) {
			if !found || s.VTime < best.VTime {
				best, preset, found = s, p, true
			}
			break
		}
	}
	return best, preset, found
}

// pick takes up to most items of the user's first job, within the user's cap. An
// item that was lost before goes alone.
func pick(tx *Tx, s share, preset string, most int) (Job, []Item) {
	most = min(most, s.Max-s.Leased)
	var j Job
	var picked []Item
	for k, r := range ready.Scan(tx, store.Str(preset).Str(s.User)) {
		if len(picked) >= max(most, 1) {
			break
		}
		_, k = k.PopStr() // preset
		_, k = k.PopStr() // user
		_, k = k.PopUint()
		id, k := k.PopStr()
		idx, _ := k.PopUint()
		switch {
		case len(picked) == 0:
			j, _ = jobs.Get(tx, store.Str(id))
		case j.ID != id:
			return j, picked
		case r.Alone:
			continue
		}
		it, _ := items.Get(tx, itemKey(id, int(idx)))
		picked = append(picked, it)
		if r.Alone {
			break
		}
	}
	return j, picked
}

// startRunning takes a queued job to running, with the first grant or callback.
func startRunning(tx *Tx, j *Job, by string) {
	if j.Status != Queued {
		return
	}
	step(tx, j, Running, j.Budgets.Run, by)
	jobs.Put(tx.Tx, store.Str(j.ID), *j)
}

package fsm

import (
	"slices"

	"stoker/store"
)

// head is the work that comes next: a user's first ready item of a preset, or an
// overdue one that takes the lane.
type head struct {
	share share
	ref   readyRef
	since int64 // machine clock
	lane  bool  // it comes out of turn
}

// head finds what comes next among the presets.
func (r *round) head(presets []string) (head, bool) {
	if r.tx.m.Grants%laneEvery == laneEvery-1 {
		if h, found := oldestOverdue(r.tx, presets); found {
			return h, true
		}
	}
	s, found := fairest(r.tx, presets)
	if !found {
		return head{}, false
	}
	return earliest(r.tx, s, presets)
}

// earliest finds a user's first ready item among the presets: its own work goes
// in order, whatever preset it is of.
func earliest(tx *Tx, s share, presets []string) (first head, found bool) {
	for _, p := range presets {
		for k, item := range ready.Scan(tx, store.Str(p).Str(s.User)) {
			if ref := parseReady(k); !found || ref.turn < first.ref.turn {
				first, found = head{share: s, ref: ref, since: item.Since}, true
			}
			break
		}
	}
	return first, found
}

// oldestOverdue finds the user that has waited for longest beyond its class's
// limit for its next grant, and its first work. It is the user's wait that counts,
// not an item's age: who orders a mountain has old items whatever it is given.
func oldestOverdue(tx *Tx, presets []string) (best head, found bool) {
	var longest int64
	for _, c := range classes.Scan(tx, "") {
		limit := tx.current().Plans[c.Name].MaxWait
		if c.Waiting == 0 || limit <= 0 {
			continue
		}
		for _, p := range presets {
			h, over, any := overdueOf(tx, c.Name, p, limit)
			if any && (!found || over > longest) {
				best, longest, found = h, over, true
			}
		}
	}
	return best, found
}

// overdueOf is the hungriest user of one class and preset, and by how much it is
// overdue.
func overdueOf(tx *Tx, class, preset string, limit int64) (h head, over int64, found bool) {
	for _, s := range hungry.Scan(tx, store.Str(preset).Str(class)) {
		if over = tx.now() - s.Hungry - limit; over < 0 {
			break
		}
		h, found = earliest(tx, s, []string{preset})
		h.lane = true
		return h, over, found
	}
	return head{}, 0, false
}

// grant gives the head, and more of the same job, to a waiting worker.
func (r *round) grant(i int, h head) *Grant {
	tx, w := r.tx, r.wants[i]
	j, picked := r.pick(w, h)
	p := presetOf(tx, j)
	tx.m.Fence++
	l := LeaseRow{
		Fence: tx.m.Fence, Worker: w.Worker, Poll: w.Poll, Job: j.ID, User: j.User, Preset: j.Preset, At: tx.now(),
		TTL: tx.current().LeaseTTL, First: min(tx.current().FirstContact, tx.current().LeaseTTL),
	}
	tx.through = w.Worker
	tx.say(note{Kind: noteGrant, Of: j.ID, Who: w.Worker, Num: l.Fence, Count: len(picked)})
	g := &Grant{Exec: p.Exec}
	if !slices.Contains(w.Loaded, j.Preset) {
		g.Load = p.Load
	}
	l.Load = g.Load
	if p.Exec > 0 {
		l.Budget = g.Load + int64(len(picked))*p.Exec
	}
	for n := range picked {
		it := &picked[n]
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
	r.account(w, h, j, len(picked))
	startRunning(tx, &j, w.Worker)
	tx.changes.lease(LeaseChange{Fence: l.Fence, Granted: &l})
	g.Lease, g.Job = l, j
	return g
}

// account books a grant of n items: the user's and its class's virtual time, the
// counts, the worker's row.
func (r *round) account(w Want, h head, j Job, n int) {
	tx, s := r.tx, h.share
	count(tx, &s, j.Preset, -n)
	s.Leased += n
	charge(tx, &s, n, j.Preset, j.Price, h.lane)
	s.Hungry = tx.now()
	putShare(tx, s)
	tx.m.Grants++
	tx.m.Handed += uint64(n)
	rate(tx)

	known := workerOf(tx, w.Worker)
	known.LastGrant, known.SeenAt, known.GrantedAt = tx.now(), tx.now(), tx.wall()
	known.Loaded = w.Loaded
	if len(w.Loaded) > 0 && !slices.Contains(w.Loaded, j.Preset) {
		known.Loaded = append(slices.Clone(w.Loaded), j.Preset) // it loads what it was granted
	}
	putWorker(tx, known)
	for _, preset := range known.Loaded {
		delete(r.cold, preset)
	}
}

// pick takes the head and more items of the same job in order, as many as the
// worker, the user's cap and the others who wait allow. Work that is to be alone
// goes alone.
func (r *round) pick(w Want, h head) (Job, []Item) {
	tx := r.tx
	most := max(min(w.Max, h.share.Max-h.share.Leased), 1)
	if limit := tx.contestedBatch(); most > limit && r.contested(w, h) {
		most = limit
	}
	j, _ := jobs.Get(tx, store.Str(h.ref.job))
	first, _ := items.Get(tx, itemKey(j.ID, h.ref.idx))
	picked := []Item{first}
	if first.Alone {
		return j, picked
	}
	for k, item := range ready.Scan(tx, store.Str(j.Preset).Str(j.User).Uint(j.Turn).Str(j.ID)) {
		if len(picked) >= most {
			break
		}
		if ref := parseReady(k); ref.idx != h.ref.idx && !item.Alone {
			it, _ := items.Get(tx, itemKey(j.ID, ref.idx))
			picked = append(picked, it)
		}
	}
	return j, picked
}

// presetOf gives the job's preset as it was when the job was created.
func presetOf(tx *Tx, j Job) Preset {
	s, _ := settings.Get(tx, store.Uint(j.Settings))
	return s.Presets[j.Preset]
}

// regrant finds the live lease that this very poll was answered with.
func regrant(r store.Reader, w Want) *Grant {
	if w.Poll == "" {
		return nil
	}
	for _, l := range leasesByPoll.Scan(r, store.Str(w.Worker).Str(w.Poll)) {
		j, _ := jobs.Get(r, store.Str(l.Job))
		s, _ := settings.Get(r, store.Uint(j.Settings))
		return &Grant{Lease: l, Job: j, Load: l.Load, Exec: s.Presets[j.Preset].Exec}
	}
	return nil
}

// startRunning takes a queued job to running, with the first grant or callback.
func startRunning(tx *Tx, j *Job, by string) {
	if j.Status != Queued {
		return
	}
	step(tx, j, Running, j.Budgets.Run, by)
	jobs.Put(tx.Tx, store.Str(j.ID), *j)
}

// rateWindow is how much machine time the grant rate is measured over.
const rateWindow = 60 * second

// rate keeps how many items are handed out in a minute, for estimates.
func rate(tx *Tx) {
	switch passed := tx.now() - tx.m.RateSince; {
	case tx.m.RateSince == 0:
		tx.m.RateSince, tx.m.RateFrom = tx.now(), tx.m.Handed
	case passed >= rateWindow:
		tx.m.Rate = int64(tx.m.Handed-tx.m.RateFrom) * rateWindow / passed
		tx.m.RateSince, tx.m.RateFrom = tx.now(), tx.m.Handed
	}
}

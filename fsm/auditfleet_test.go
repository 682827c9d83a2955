package fsm

import (
	"maps"
	"slices"

	"stoker/store"
)

// classes: a class counts the ready rows of its users, and each ready row says
// the class that its user's share has.
func (a *auditor) classes() {
	waiting := map[string]int{}
	for k, item := range ready.Scan(a.v, "") {
		ref := parseReady(k)
		s, _ := shares.Get(a.v, store.Str(ref.user))
		it, _ := items.Get(a.v, itemKey(ref.job, ref.idx))
		if item.Class != s.Class || item.Alone != it.Alone || item.Since > a.v.Clock() || item.Since == 0 {
			a.failf("ready row %+v of %s/%d, class %s, alone %v", item, ref.job, ref.idx, s.Class, it.Alone)
		}
		waiting[item.Class]++
	}
	for _, c := range classes.Scan(a.v, "") {
		if c.Waiting != waiting[c.Name] {
			a.failf("class %s counts %d ready items, there are %d", c.Name, c.Waiting, waiting[c.Name])
		}
		delete(waiting, c.Name)
	}
	if len(waiting) > 0 {
		a.failf("ready items of no class: %v", waiting)
	}
	for _, s := range shares.Scan(a.v, "") {
		u, _ := a.v.User(s.User)
		if cap := max(a.v.Settings().Plans[u.Plan].MaxLeased, 1); s.Class != u.Plan || s.Max != cap || s.Leased < 0 {
			a.failf("the share %+v of a user on plan %s, cap %d", s, u.Plan, cap)
		}
	}
}

// indexed: the indexes that queues are walked by hold what they should, in order.
func (a *auditor) indexed() {
	rows, seen := ready.Len(a.v, ""), 0
	last := store.Key("")
	since := int64(0)
	for k, item := range aged.Scan(a.v, "") {
		seen++
		ref := parseReady(k)
		if group := store.Str(ref.preset).Str(item.Class); group != last {
			last, since = group, 0
		}
		if item.Since < since {
			a.failf("%s/%d is older than what stands before it", ref.job, ref.idx)
		}
		since = item.Since
	}
	if seen != rows {
		a.failf("%d ready rows, %d by age", rows, seen)
	}
	a.lines("fair", fair, func(s share) uint64 { return s.VTime })
	a.lines("hungry", hungry, func(s share) uint64 { return uint64(s.Hungry) })
	live := map[string][]uint64{}
	for _, l := range leases.Scan(a.v, "") {
		if l.Ended == "" {
			live[l.Worker] = append(live[l.Worker], l.Fence)
		}
	}
	n := 0
	for worker, want := range live {
		var got []uint64
		for _, l := range a.v.WorkerLeases(worker) {
			got = append(got, l.Fence)
			n++
		}
		if !slices.Equal(got, want) {
			a.failf("%s holds the leases %v, its index says %v", worker, want, got)
		}
		if _, ok := a.v.Worker(worker); !ok {
			a.failf("%s holds leases and is not known", worker)
		}
	}
	if all := leasesByWorker.Len(a.v, ""); all != n || leasesLive.Len(a.v, "") != n {
		a.failf("%d leases live, %d by worker, %d in all", n, all, leasesLive.Len(a.v, ""))
	}
}

// lines: in each line of an index of shares, one for each preset and class, stand
// the users below their cap that have ready work of it, in order.
func (a *auditor) lines(name string, index *store.Index[share], at func(share) uint64) {
	want := 0
	groups := map[[2]string]bool{}
	for _, s := range shares.Scan(a.v, "") {
		if s.Hungry > a.v.Clock() || len(s.Waiting) > 0 && s.Hungry == 0 {
			a.failf("%s is hungry since %d", s.User, s.Hungry)
		}
		for preset := range s.Waiting {
			groups[[2]string{preset, s.Class}] = true
			if s.Leased < s.Max {
				want++
			}
		}
	}
	got := 0
	for g := range groups {
		last := uint64(0)
		for _, s := range index.Scan(a.v, store.Str(g[0]).Str(g[1])) {
			got++
			if at(s) < last || s.Class != g[1] || s.Waiting[g[0]] <= 0 || s.Leased >= s.Max {
				a.failf("the %s line of %v has %+v after %d", name, g, s, last)
			}
			last = at(s)
		}
	}
	if all := index.Len(a.v, ""); got != want || all != want {
		a.failf("%d places in the %s lines, %d in all, there should be %d", got, name, all, want)
	}
}

// fleet: every worker is looked after by a timer, every quarantine that ends by
// itself too.
func (a *auditor) fleet(seen map[timerKind]map[store.Key]int) {
	one(a, "worker", seen[workerSilent], keysOf(a, workers))
	var ends []store.Key
	for k, w := range workers.Scan(a.v, "") {
		if w.Until != 0 {
			ends = append(ends, k)
			if !timers.Has(a.v, timerKey(w.Until, quarantineOver, k)) {
				a.failf("no timer ends the quarantine of %s at %d", w.ID, w.Until)
			}
		}
		if (w.State != WorkerQuarantined && w.Until != 0) || k != store.Str(w.ID) || w.Faults < 0 || w.SeenAt > a.v.Clock() {
			a.failf("worker %+v", w)
		}
		if sorted := slices.Sorted(slices.Values(w.Missing)); len(slices.Compact(sorted)) != len(w.Missing) {
			a.failf("%s misses %v", w.ID, w.Missing)
		}
	}
	one(a, "quarantine", seen[quarantineOver], ends)
}

// grants: what was granted in the entry since the last look was not paused, and
// its worker was at liberty to work.
func (a *auditor) grants() {
	for _, l := range leases.Scan(a.v, "") {
		fence := l.Fence
		if fence <= a.fence || a.idle == nil {
			continue
		}
		if slices.Contains(a.paused, l.Preset) || slices.Contains(a.paused, everything) {
			a.failf("lease %d of preset %s, which is paused", fence, l.Preset)
		}
		if a.idle[l.Worker] {
			a.failf("lease %d of %s, which may not work", fence, l.Worker)
		}
		for _, idx := range l.Granted {
			if it, _ := items.Get(a.v, itemKey(l.Job, idx)); it.Fence == fence && it.Alone && len(l.Granted) > 1 {
				a.failf("%s/%d is to be alone and shares lease %d", l.Job, idx, fence)
			}
		}
	}
	a.paused, a.idle = a.v.Paused(), map[string]bool{}
	for _, w := range a.v.Workers() {
		a.idle[w.ID] = w.State != WorkerActive
	}
}

// causes: what an item has gone through, and what came of it.
func (a *auditor) causes(j Job, it Item) {
	for cause, n := range it.Tries {
		p, known := policies[cause]
		switch {
		case !known || n < 1:
			a.failf("%s/%d has tried %q %d times", j.ID, it.Idx, cause, n)
		case p.final && it.Status != Failed:
			a.failf("%s/%d is %s after %s", j.ID, it.Idx, it.Status, cause)
		case p.alone && !it.Alone:
			a.failf("%s/%d is not to be alone after %s", j.ID, it.Idx, cause)
		case !p.free && !p.final && n > len(p.waits) && !(it.Status == Failed):
			a.failf("%s/%d is %s after %s %d times", j.ID, it.Idx, it.Status, cause, n)
		}
	}
	if len(it.LostBy) > it.Tries[Lost] || (len(it.LostBy) == 0) != (it.Tries[Lost] == 0) || len(it.Errors) > 5 {
		a.failf("%s/%d was lost %d times by %v, errors %v", j.ID, it.Idx, it.Tries[Lost], it.LostBy, it.Errors)
	}
}

// copies: an object that shares another one's file has that one's bytes.
func (a *auditor) copies() {
	for _, o := range objects.Scan(a.v, "") {
		if o.File == "" {
			continue
		}
		if o.File == o.Key || o.Fence != 0 {
			a.failf("copy %+v", o)
		}
		if src, ok := a.v.Object(o.Bucket, o.File); ok && src.Upload == o.Upload && (src.File != "" || src.Size != o.Size) {
			a.failf("%s shares the file of %s, which is %+v", o.Key, o.File, src)
		}
	}
	for k, d := range dead.Scan(a.v, "") {
		if !timers.Has(a.v, timerKey(d.Due, deadOld, k)) {
			a.failf("dead letter %s/%d is forgotten at no time", d.Job, d.Idx)
		}
	}
	if got, want := maps.Clone(a.v.Waiting()), a.depths(); !maps.Equal(got, want) {
		a.failf("%v are ready, the lines of the queue say %v", got, want)
	}
}

// depths sums what the operator is shown, by preset.
func (a *auditor) depths() map[string]int {
	out := map[string]int{}
	for _, l := range a.v.QueueLines() {
		if l.Depth <= 0 || l.Oldest < 0 {
			a.failf("the queue has a line %+v", l)
		}
		out[l.Preset] += l.Depth
	}
	return out
}

package fsm

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ready lists the items a worker could be given, of the presets (nil: any).
func (m *model) ready(presets []string) []*modelItem {
	var out []*modelItem
	for _, j := range m.jobs {
		for _, it := range j.items {
			if it.place == Ready && (len(presets) == 0 || slices.Contains(presets, j.preset)) {
				out = append(out, it)
			}
		}
	}
	return out
}

// leased is the number of a user's items in workers' hands.
func (m *model) leased(user string) (n int) {
	for _, j := range m.jobs {
		for _, it := range j.items {
			if j.user == user && it.place == Leased {
				n++
			}
		}
	}
	return n
}

// enqueue makes an item ready. A user who wakes up banks no credit.
func (m *model) enqueue(it *modelItem) {
	awake := slices.ContainsFunc(m.ready(nil), func(r *modelItem) bool { return r.job.user == it.job.user })
	if !awake {
		m.tag[it.job.user] = max(m.tag[it.job.user], m.virtual)
	}
	m.takeOff(it)
	it.place = Ready
}

// takeOff takes an item from wherever it is, and ends a lease that holds nothing more.
func (m *model) takeOff(it *modelItem) {
	fence := it.fence
	it.place, it.fence, it.back = Nowhere, 0, 0
	if l := m.leases[fence]; l != nil && len(m.held(l)) == 0 {
		l.ended, l.forget = "done", m.now+hour
	}
}

func (m *model) held(l *modelLease) (out []*modelItem) {
	for _, idx := range l.granted {
		if it := l.job.items[idx]; it.place == Leased && it.fence == l.fence {
			out = append(out, it)
		}
	}
	return out
}

func (m *model) finish(it *modelItem, to Status) {
	m.takeOff(it)
	it.status = to
}

// adopt takes a want's answer into the model, if the specification allows it.
func (m *model) adopt(w Want, g *Grant) error {
	for _, l := range m.leases {
		if w.Poll != "" && l.ended == "" && l.worker == w.Worker && l.poll == w.Poll {
			if g == nil || g.Lease.Fence != l.fence {
				return fmt.Errorf("poll %s of %s was answered with fence %d and now with %+v", w.Poll, w.Worker, l.fence, g)
			}
			return nil
		}
	}
	var served []*modelItem // ready work of users below their cap
	for _, it := range m.ready(w.Presets) {
		if u := m.users[it.job.user]; m.leased(u.id) < m.plan(u).MaxLeased {
			served = append(served, it)
		}
	}
	if g == nil || len(served) == 0 {
		if g == nil && len(served) == 0 {
			return nil
		}
		return fmt.Errorf("%+v for %+v, with %d items to be had", g, w, len(served))
	}
	l := g.Lease
	j := m.jobs[l.Job]
	u := m.users[l.User]
	if j == nil || u == nil || j.user != u.id || g.Job.ID != j.id || l.Worker != w.Worker || l.Poll != w.Poll || l.Fence != m.fence+1 {
		return fmt.Errorf("grant %+v for %+v after fence %d", l, w, m.fence)
	}
	if n := len(l.Granted); n == 0 || n > max(w.Max, 1) || m.leased(u.id)+n > m.plan(u).MaxLeased {
		return fmt.Errorf("%d items for %+v, %d leased already, cap %d", n, w, m.leased(u.id), m.plan(u).MaxLeased)
	}
	for _, other := range served {
		if m.tag[other.job.user] < m.tag[u.id] {
			return fmt.Errorf("%s at %v is served before %s at %v", u.id, m.tag[u.id], other.job.user, m.tag[other.job.user])
		}
		if other.job.user == u.id && other.job.preset == j.preset && other.job.turn < j.turn {
			return fmt.Errorf("job %s is served before %s of the same user", j.id, other.job.id)
		}
	}
	m.fence++
	row := &modelLease{fence: l.Fence, worker: w.Worker, poll: w.Poll, job: j, granted: l.Granted}
	for _, idx := range l.Granted {
		it := j.items[idx]
		if !slices.Contains(served, it) {
			return fmt.Errorf("item %s/%d was not to be had", j.id, idx)
		}
		if it.lost > 0 && len(l.Granted) > 1 {
			return fmt.Errorf("item %s/%d was lost before and is not alone in %v", j.id, idx, l.Granted)
		}
		it.status, it.place, it.fence = Running, Leased, l.Fence
	}
	m.leases[l.Fence] = row
	m.workers[w.Worker] = m.now
	m.virtual = max(m.virtual, m.tag[u.id])
	m.tag[u.id] += float64(len(l.Granted)) * float64(j.price) / float64(m.plan(u).Weight)
	m.run(j)
	return nil
}

func (m *model) run(j *modelJob) {
	if j.status == Queued {
		j.status, j.deadline = Running, m.now+m.set.Budgets.Run
	}
}

func (m *model) live(fence uint64) (*modelLease, Code) {
	if l := m.leases[fence]; l != nil && l.ended != "lost" && l.ended != "released" {
		return l, ""
	}
	return nil, LeaseLost
}

// foreign: a done may name only keys under the job's own prefixes.
func (j *modelJob) foreign(r ItemResult) bool {
	return r.Output != "" && !strings.HasPrefix(r.Output, "outputs/"+j.user+"/"+j.id+"/") ||
		r.Preview != "" && !strings.HasPrefix(r.Preview, "previews/"+j.user+"/"+j.id+"/")
}

func (m *model) report(c Report) (a Reported, code Code) {
	l, code := m.live(c.Fence)
	if code != "" {
		return a, code
	}
	for _, r := range c.Results {
		if !slices.Contains(l.granted, r.Idx) || l.job.foreign(r) {
			return a, ValidationFailed
		}
	}
	for _, r := range c.Results {
		it := l.job.items[r.Idx]
		if it.fence != c.Fence {
			a.Duplicates++
			continue
		}
		m.conclude(it, r)
		a.Processed++
	}
	m.settle(l.job)
	a.JobStatus = l.job.status
	return a, ""
}

// conclude: the result's entry publishes what was staged under the grant.
func (m *model) conclude(it *modelItem, r ItemResult) {
	switch {
	case r.Done:
		for _, key := range []string{r.Output, r.Preview} {
			if upload, ok := m.staged[key][it.fence]; ok && it.fence != 0 {
				m.objects[key] = upload
				delete(m.staged[key], it.fence)
			}
		}
		m.finish(it, Done)
	case r.Retryable:
		m.again(it, 0)
	default:
		m.finish(it, Failed)
	}
}

// again: retryable failures come back after 2, 8, 30 s, then the item is dead.
func (m *model) again(it *modelItem, delay int64) {
	it.unconfirmed = 0
	if it.retries++; it.retries > 3 {
		m.bury(it)
		return
	}
	m.schedule(it, max(delay, []int64{2, 8, 30}[it.retries-1]*int64(time.Second)))
}

func (m *model) schedule(it *modelItem, wait int64) {
	m.takeOff(it)
	it.place, it.back = Scheduled, m.now+wait
}

func (m *model) bury(it *modelItem) {
	m.dead[fmt.Sprintf("%s/%d", it.job.id, it.idx)] = m.now + 14*day
	m.finish(it, Failed)
}

func (m *model) release(c Release) (a Released, code Code) {
	l, code := m.live(c.Fence)
	if code != "" {
		return a, code
	}
	for _, idx := range c.Items {
		if !slices.Contains(l.granted, idx) {
			return a, ValidationFailed
		}
	}
	back := m.held(l)
	if len(c.Items) > 0 {
		back = slices.DeleteFunc(back, func(it *modelItem) bool { return !slices.Contains(c.Items, it.idx) })
	}
	delay := min(max(c.Delay, 0), hour)
	for _, it := range back {
		a.Requeued++
		switch {
		case c.Reason != "drain":
			m.again(it, delay)
		case delay > 0:
			it.unconfirmed = 0
			m.schedule(it, delay)
		default:
			it.unconfirmed = 0
			m.enqueue(it)
		}
	}
	if l.ended == "done" && a.Requeued > 0 {
		l.ended = "released"
	}
	m.settle(l.job)
	return a, ""
}

// silence: a lost lease costs 1, 20, 40 s; an unconfirmed grant nothing, but the
// third in a row counts as lost.
func (m *model) silence(s Silence) int {
	l := m.leases[s.Fence]
	if l == nil || l.ended != "" {
		return 0
	}
	for _, it := range m.held(l) {
		if it.unconfirmed++; !s.Confirmed && it.unconfirmed < 3 {
			m.enqueue(it)
			continue
		}
		it.unconfirmed = 0
		it.lost++
		it.lostBy[l.worker] = true
		alone := true // the worker is all there is
		for w, at := range m.workers {
			if w != l.worker && m.now-at < int64(10*time.Minute) {
				alone = false
			}
		}
		if it.lost > 3 || it.lost == 3 && (alone || len(it.lostBy) > 1) {
			m.bury(it)
			continue
		}
		m.schedule(it, []int64{1, 20, 40}[it.lost-1]*int64(time.Second))
	}
	l.ended, l.forget = "lost", m.now+hour
	m.settle(l.job)
	return 1
}

// callback: with a lease its fence decides, without one it counts for any item
// of an executed job that is not final.
func (m *model) callback(c Callback) (processed bool, code Code) {
	j := m.jobs[c.Job]
	if j == nil {
		return false, JobNotFound
	}
	if c.Result.Idx < 0 || c.Result.Idx >= len(j.items) {
		return false, ValidationFailed
	}
	it := j.items[c.Result.Idx]
	switch {
	case it.status.Ended():
		return false, ""
	case j.status != Queued && j.status != Running:
		return false, JobInvalidTransition
	case c.Fence != 0 && c.Fence != it.fence:
		return false, LeaseLost
	case j.foreign(c.Result):
		return false, ValidationFailed
	}
	m.run(j)
	it.status = Running
	m.conclude(it, c.Result)
	m.settle(j)
	return true, ""
}

// put: an input while its job is created, an output under its item's own grant.
func (m *model) put(o Object) Code {
	kind, job, idx, ok := parseKey(o.Key)
	j := m.jobs[job]
	switch {
	case o.Size > m.set.MaxUpload, o.Fence != 0 && (!ok || kind == "inputs"):
		return ValidationFailed
	case !ok:
	case j == nil || idx >= len(j.items):
		return Forbidden
	case kind == "inputs":
		if j.status != Created {
			return Forbidden
		}
	case o.Fence == 0 || j.items[idx].fence != o.Fence:
		return LeaseLost
	default:
		if m.staged[o.Key] == nil {
			m.staged[o.Key] = map[uint64]string{}
		}
		m.staged[o.Key][o.Fence] = o.Upload
		return ""
	}
	m.objects[o.Key] = o.Upload
	return ""
}

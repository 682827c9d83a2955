package fsm

import (
	"fmt"
	"slices"
	"strings"
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

// enqueue makes an item ready. Who wakes up banks no credit.
func (m *model) enqueue(it *modelItem) {
	m.takeOff(it)
	m.wake(it.job.user, it.job.preset)
	it.place, it.since = Ready, m.now
}

// takeOff takes an item from wherever it is, and ends a lease that holds nothing more.
func (m *model) takeOff(it *modelItem) {
	if it.place == Leased {
		m.rejoin(it.job.user)
	}
	fence := it.fence
	it.place, it.fence, it.back, it.spread = Nowhere, 0, 0, [2]int64{}
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
	blamed := map[Cause]bool{}
	for _, r := range c.Results {
		it := l.job.items[r.Idx]
		if it.fence != c.Fence {
			a.Duplicates++
			continue
		}
		if cause := m.conclude(it, l.worker, r); !blamed[cause] {
			blamed[cause] = true
			m.fault(l.worker, cause, l.job.preset)
		}
		a.Processed++
	}
	m.settle(l.job)
	a.JobStatus = l.job.status
	return a, ""
}

// conclude: the result's entry publishes what was staged under the grant. It
// names the cause of a failure that may be mended.
func (m *model) conclude(it *modelItem, worker string, r ItemResult) Cause {
	if r.Done {
		contract := Job{ID: it.job.id, User: it.job.user}
		for named, usual := range map[string]string{"o" + r.Output: contract.OutputKey(it.idx), "p" + r.Preview: contract.PreviewKey(it.idx)} {
			key := named[1:]
			if key == "" {
				key = usual
			}
			if upload, ok := m.staged[key][it.fence]; ok && it.fence != 0 {
				m.objects[key] = upload
				delete(m.files, key)
				delete(m.staged[key], it.fence)
			}
		}
		if it.fence != 0 {
			m.correct(it.job, r.GPUMillis)
		}
		m.finish(it, Done)
		if w := m.workers[worker]; w != nil {
			w.done++
			w.faults = 0
		}
		return ""
	}
	if w := m.workers[worker]; w != nil && r.Cause != Drain && r.Cause != Preempted {
		w.failed++
	}
	if r.Cause == "" && !r.Retryable || r.Cause == BadInput {
		m.finish(it, Failed)
		return ""
	}
	m.again(it, word(r.Cause), worker, 0)
	return word(r.Cause)
}

// word is the cause that a worker's word stands for.
func word(c Cause) Cause {
	switch c {
	case Drain, Preempted, OutOfMemory, BadInput, Timeout, ModelMissing:
		return c
	}
	return Transient
}

// waits are the back-offs of the causes, in seconds: one try more and the item is dead.
var waits = map[Cause][]int64{
	Lost: {1, 20, 40}, Transient: {2, 8, 30}, OutOfMemory: {5, 30}, Timeout: {5, 60},
	ModelMissing: {1, 5, 5, 30, 30, 60, 60, 60},
}

// again: a failed attempt comes back after its cause's back-off, or is dead.
func (m *model) again(it *modelItem, c Cause, worker string, delay int64) {
	it.unconfirmed = 0
	it.tries[c]++
	n := it.tries[c]
	switch c {
	case Drain, Preempted:
		m.schedule(it, delay, 0)
		return
	case BadInput:
		m.finish(it, Failed)
		return
	case Lost:
		it.alone = true
		it.lostBy[worker] = true
		if n > 3 || n == 3 && (len(it.lostBy) > 1 || !m.company(worker)) {
			m.bury(it)
			return
		}
	case OutOfMemory, Timeout:
		it.alone = true
		fallthrough
	default:
		if n > len(waits[c]) {
			m.bury(it)
			return
		}
	}
	m.schedule(it, delay, waits[c][min(n, len(waits[c]))-1]*second)
}

// schedule: chance spreads a back-off by a tenth, but not what a worker asks for.
func (m *model) schedule(it *modelItem, asked, wait int64) {
	m.takeOff(it)
	if max(asked, wait) <= 0 {
		m.enqueue(it)
		return
	}
	it.place, it.back = Scheduled, m.now+max(asked, wait)
	if m.seeded {
		it.spread = [2]int64{m.now + max(asked, wait-wait/10), m.now + max(asked, wait+wait/10)}
	}
}

func (m *model) bury(it *modelItem) {
	m.dead[fmt.Sprintf("%s/%d", it.job.id, it.idx)] = &modelDead{it, m.now + 14*day}
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
	cause := word(Cause(c.Reason))
	for _, it := range back {
		a.Requeued++
		m.again(it, cause, l.worker, min(max(c.Delay, 0), hour))
	}
	if a.Requeued > 0 {
		m.fault(l.worker, cause, l.job.preset)
		if l.ended == "done" {
			l.ended = "released"
		}
	}
	m.settle(l.job)
	return a, ""
}

// silence: a lost lease costs 1, 20, 40 s; one that used its budget up is a
// timeout; an unconfirmed grant costs nothing, but the third in a row is lost.
func (m *model) silence(s Silence) int {
	l := m.leases[s.Fence]
	if l == nil || l.ended != "" {
		return 0
	}
	cause := Lost
	if s.Overran {
		cause = Timeout
	}
	m.lose(l, cause, s.Confirmed || s.Overran)
	return 1
}

func (m *model) lose(l *modelLease, cause Cause, heard bool) {
	lost := heard
	for _, it := range m.held(l) {
		if it.unconfirmed++; !heard && it.unconfirmed < 3 {
			m.enqueue(it)
			continue
		}
		lost = true
		m.again(it, cause, l.worker, 0)
	}
	l.ended, l.forget = "lost", m.now+hour
	m.settle(l.job)
	if lost {
		m.workers[l.worker].lost++
		m.fault(l.worker, cause, l.job.preset)
	}
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
	worker := "by whom"
	if l := m.leases[it.fence]; l != nil {
		worker = l.worker
	}
	m.fault(worker, m.conclude(it, worker, c.Result), j.preset)
	m.settle(j)
	return true, ""
}

// put: an input while its job is created, an output under its item's own grant.
func (m *model) put(o Object, demand string) Code {
	if code := m.mayPut(o); code != "" {
		return code
	}
	if demand != "" && o.Fence != 0 {
		return ValidationFailed
	}
	if code := m.meets(o.Key, demand); code != "" {
		return code
	}
	if o.Fence != 0 {
		if m.staged[o.Key] == nil {
			m.staged[o.Key] = map[uint64]string{}
		}
		m.staged[o.Key][o.Fence] = o.Upload
		return ""
	}
	m.objects[o.Key] = o.Upload
	delete(m.files, o.Key)
	m.looks(o.Key, o.Kind, o.Flaw)
	m.arrivedAt(o.Key)
	return ""
}

// looks notes what a picture was found to be.
func (m *model) looks(key, kind, flaw string) {
	delete(m.useless, key)
	if kind == "text/html" || flaw != "" {
		m.useless[key] = true
	}
}

// mayPut: pictures have a limit, everything else has 5 GiB.
func (m *model) mayPut(o Object) Code {
	kind, job, idx, ok := parseKey(o.Key)
	j := m.jobs[job]
	most := m.set.MaxUpload
	if j != nil {
		most = j.set.MaxUpload
	}
	switch {
	case ok && o.Size > most, o.Size > 5<<30, o.Fence != 0 && (!ok || kind == "inputs"):
		return ValidationFailed
	case !ok:
	case j != nil && j.imported && o.Fence == 0 && strings.HasPrefix(o.Key, kind+"/"+j.user+"/"):
		// it comes behind its job
	case j == nil || idx >= len(j.items) || !strings.HasPrefix(o.Key, kind+"/"+j.user+"/"):
		return Forbidden
	case kind == "inputs":
		if j.status != Created {
			return Forbidden
		}
	case o.Fence == 0 || j.items[idx].fence != o.Fence:
		return LeaseLost
	}
	return ""
}

package fsm

import (
	"cmp"
	"fmt"
	"slices"
)

// modelWorker is what is known of a worker.
type modelWorker struct {
	id, boot, session  string
	state              WorkerState
	until              int64 // of a quarantine that ends by itself
	faults             int   // in a row
	missing            map[string]bool
	loaded             []string
	granted, seen      int64
	look               int64 // when it is looked at whether it is still there
	done, failed, lost int64
}

// knows gives the worker, a new one if nobody has heard of it.
func (m *model) knows(id string) *modelWorker {
	if m.workers[id] == nil {
		m.workers[id] = &modelWorker{id: id, look: m.now + day, missing: map[string]bool{}}
	}
	return m.workers[id]
}

func (m *model) holds(worker string) bool {
	for _, l := range m.leases {
		if l.worker == worker && l.ended == "" {
			return true
		}
	}
	return false
}

// lookAt: a worker that was silent for a day is forgotten, unless it holds
// something or an operator's word is on it.
func (m *model) lookAt(w *modelWorker) {
	switch {
	case w.seen+day > m.now:
		w.look = w.seen + day
	case m.holds(w.id) || w.state == WorkerDraining || w.state == WorkerQuarantined:
		w.look = m.now + day
	default:
		delete(m.workers, w.id)
	}
}

// fleet are the workers that were given something lately or are at work.
func (m *model) fleet() (out []*modelWorker) {
	for _, w := range m.workers {
		if w.granted != 0 && m.now-w.granted < 10*60*second || m.holds(w.id) {
			out = append(out, w)
		}
	}
	return out
}

// company says whether the fleet has another worker.
func (m *model) company(than string) bool {
	return slices.ContainsFunc(m.fleet(), func(w *modelWorker) bool { return w.id != than })
}

func (m *model) state(w *modelWorker, s WorkerState, until int64) {
	w.state, w.until = s, until
	if s == WorkerActive {
		w.faults = 0
	}
}

// fault: three in a row put a worker into quarantine for ten minutes, unless more
// than half of the fleet trips.
func (m *model) fault(worker string, c Cause, preset string) {
	w := m.workers[worker]
	if w == nil {
		return
	}
	switch c {
	case ModelMissing:
		w.missing[preset] = true
	case Lost, Transient, OutOfMemory, Timeout:
		w.faults++
		fleet, tripped := 1, 1
		for _, o := range m.fleet() {
			if o != w {
				fleet++
				if o.faults >= 3 || o.state == WorkerQuarantined {
					tripped++
				}
			}
		}
		if w.state == WorkerActive && w.faults >= 3 && 2*tripped <= fleet {
			m.state(w, WorkerQuarantined, m.now+10*60*second)
		}
	}
}

// session: a new boot gives its old leases back as if nobody had been heard of.
func (m *model) openSession(c OpenSession) (gave int, code Code) {
	if c.Worker.ID == "" || c.Worker.Boot == "" {
		return 0, ValidationFailed
	}
	w := m.knows(c.Worker.ID)
	if w.boot != c.Worker.Boot {
		w.boot = c.Worker.Boot
		for _, fence := range m.fences() {
			if l := m.leases[fence]; l.worker == w.id && l.ended == "" {
				gave += len(m.held(l))
				m.lose(l, Lost, false)
			}
		}
		clear(w.missing)
		if w.state == WorkerExiting {
			w.state = WorkerActive // it did as it was told
		}
	}
	w.session, w.seen = c.Session, m.now
	return gave, ""
}

// rebirth: all that was handed out is back, nobody is to blame, and nobody has
// said who he is.
func (m *model) rebirth() {
	m.fence += fenceJump
	for _, fence := range m.fences() {
		l := m.leases[fence]
		if l.ended != "" {
			continue
		}
		for _, it := range m.held(l) {
			m.again(it, Drain, l.worker, 0)
		}
		l.ended, l.forget = "lost", m.now+hour
	}
	for _, w := range m.workers {
		w.boot, w.session, w.loaded = "", "", nil
	}
}

func (m *model) fences() (out []uint64) {
	for f := range m.leases {
		out = append(out, f)
	}
	slices.Sort(out)
	return out
}

func (m *model) setWorker(c SetWorker) Code {
	w := m.workers[c.Worker]
	switch {
	case w == nil:
		return NotFound
	case c.State != WorkerActive && c.State != WorkerDraining && c.State != WorkerExiting && c.State != WorkerQuarantined:
		return ValidationFailed
	}
	m.state(w, c.State, 0)
	return ""
}

func (m *model) pause(c PauseQueue) Code {
	preset := c.Preset
	if preset == "" {
		preset = "*"
	} else if _, ok := m.set.Presets[preset]; !ok && !m.paused[preset] && len(m.readyOf(preset)) == 0 {
		return InvalidPreset
	}
	if !c.Paused && m.paused[preset] && preset != "*" {
		m.resumed(preset)
	}
	delete(m.paused, preset)
	if c.Paused {
		m.paused[preset] = true
	}
	return ""
}

// purge cancels jobs with ready work, in the order of preset, user and turn.
func (m *model) purge(c PurgeQueue) Purged {
	var list []*modelJob
	for _, it := range m.ready(nil) {
		if (c.Preset == "" || c.Preset == it.job.preset) && (c.User == "" || c.User == it.job.user) && !slices.Contains(list, it.job) {
			list = append(list, it.job)
		}
	}
	slices.SortFunc(list, func(a, b *modelJob) int {
		return cmp.Or(cmp.Compare(a.preset, b.preset), cmp.Compare(a.user, b.user), cmp.Compare(a.turn, b.turn), cmp.Compare(a.id, b.id))
	})
	more := len(list) > c.Limit
	list = list[:min(len(list), c.Limit)]
	for _, j := range list {
		m.end(j, Canceled, Canceled)
	}
	return Purged{Jobs: len(list), More: more}
}

// kick opens a new job of dead items, which checks and debits like any other.
func (m *model) kick(c KickDead) Code {
	old := m.jobs[c.Job]
	if old == nil {
		return JobNotFound
	}
	var list []*modelItem
	for _, it := range old.items {
		if m.dead[fmt.Sprintf("%s/%d", old.id, it.idx)] != nil && (c.Idx < 0 || c.Idx == it.idx) {
			list = append(list, it)
		}
	}
	key := func(job string, idx int) string { return Job{ID: job, User: old.user}.InputKey(idx) }
	switch {
	case len(list) == 0:
		return NotFound
	case !old.status.Ended():
		return JobInvalidTransition
	case len(m.ready(nil))+len(list) > m.set.QueueDepth:
		return QueueFull
	}
	for _, it := range list {
		if m.objects[key(old.id, it.idx)] == "" {
			return NotFound
		}
	}
	if code := m.createJob(old.user, c.NewJob, old.preset, int64(len(list))); code != "" {
		return code
	}
	for i, it := range list {
		from, to := key(old.id, it.idx), key(c.NewJob, i)
		m.objects[to], m.files[to] = m.objects[from], from
		if m.files[from] != "" {
			m.files[to] = m.files[from]
		}
		delete(m.dead, fmt.Sprintf("%s/%d", old.id, it.idx))
	}
	m.jobs[c.NewJob].retryOf = old.id
	m.queue(m.jobs[c.NewJob])
	return ""
}

// settleBacks takes over where chance has put the ends of back-offs, within bounds.
func (m *model) settleBacks(v *View) error {
	for _, j := range m.jobs {
		for _, it := range j.items {
			if it.spread == [2]int64{} {
				continue
			}
			got, _ := items.Get(v, itemKey(j.id, it.idx))
			if got.ReadyAt < it.spread[0] || got.ReadyAt > it.spread[1] {
				return fmt.Errorf("%s/%d is back at %d, not between %d and %d", j.id, it.idx, got.ReadyAt, it.spread[0], it.spread[1])
			}
			it.back, it.spread = got.ReadyAt, [2]int64{}
		}
	}
	return nil
}

func (m *model) compareWorkers(v *View) error {
	n := 0
	for _, got := range v.Workers() {
		n++
		w := m.workers[got.ID]
		if w == nil {
			return fmt.Errorf("the model has no worker %+v", got)
		}
		slices.Sort(got.Missing)
		if got.Boot != w.boot || got.Session != w.session || got.State != w.state || got.Until != w.until || got.Faults != w.faults ||
			!slices.Equal(got.Missing, sortedKeys(w.missing)) || !slices.Equal(got.Loaded, w.loaded) || got.LastGrant != w.granted ||
			got.SeenAt != w.seen || got.Done != w.done || got.Failed != w.failed || got.Lost != w.lost {
			return fmt.Errorf("worker %+v, the model has %+v", got, *w)
		}
	}
	if n != len(m.workers) {
		return fmt.Errorf("%d workers, the model has %d", n, len(m.workers))
	}
	if got := v.Paused(); !slices.Equal(got, sortedKeys(m.paused)) {
		return fmt.Errorf("%v are paused, the model says %v", got, m.paused)
	}
	return nil
}

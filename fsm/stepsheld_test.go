package fsm

import (
	"fmt"
	"maps"
	"slices"

	"stoker/store"
)

// held checks what the last entry has touched.
func (s *steps) held(v *View, refused bool) {
	s.checks[heldClock]++
	if v.Clock() < s.clock {
		s.failf("the clock ran back from %d to %d", s.clock, v.Clock())
	}
	s.clock = v.Clock()
	if refused {
		s.checks[heldRefusal]++
		if s.wrote != "" {
			s.failf("all was refused, yet table %s has changed", s.wrote)
		}
	}
	known := map[string]Job{} // decoded once
	job := func(id string) Job {
		j, ok := known[id]
		if !ok {
			j, _ = v.Job(id)
			known[id] = j
		}
		return j
	}
	s.heldMoney(v, job)
	for id := range s.left {
		s.failf("job %s is gone, and into no segment", id)
	}
	for id, f := range s.folding {
		s.failf("%d bookings of %s are gone, and nothing brings them forward", f.Rows, id)
	}
	for id := range s.jobs {
		s.heldJob(v, id, job(id))
	}
	for k := range s.items {
		id, _ := k.PopStr()
		s.heldItem(v, k, job(id))
	}
	for fence := range s.leases {
		s.heldLease(v, fence)
	}
	s.heldTimers(v)
	s.settle()
}

// settle forgets what the entry has touched, but for the comparison with the model.
func (s *steps) settle() {
	maps.Copy(s.uncompared.users, s.users)
	maps.Copy(s.uncompared.jobs, s.jobs)
	maps.Copy(s.uncompared.leases, s.leases)
	clear(s.users)
	clear(s.jobs)
	clear(s.items)
	clear(s.leases)
	clear(s.refs)
	s.wrote = ""
}

func (s *steps) heldMoney(v *View, job func(string) Job) {
	for id, amount := range s.grants {
		if job(id).Imported != 0 {
			s.granted += amount // another stack's job: what it held was never in a ledger here
		}
	}
	clear(s.grants)
	s.checks[heldMoney]++
	if s.granted != s.outlay+s.balances {
		s.failf("granted are %d; spent and held %d, balances %d", s.granted, s.outlay, s.balances)
	}
	for id := range s.users {
		u, ok := v.User(id)
		s.checks[heldLedger]++
		s.checks[heldOpen]++
		if !ok || u.Credits != s.sum[id] || u.Credits < 0 {
			s.failf("%s has %d credits, its ledger says %d", id, u.Credits, s.sum[id])
		}
		if u.ActiveJobs != s.open[id] {
			s.failf("%s counts %d open jobs, there are %d", id, u.ActiveJobs, s.open[id])
		}
	}
}

func (s *steps) heldJob(v *View, id string, j Job) {
	s.checks[heldTimer]++
	key := timed{jobDeadline, store.Str(id)}
	switch {
	case j.Status.Ended() && (j.Deadline != 0 || s.timers[key] != 0):
		s.failf("job %s is %s, its deadline %d, timers %d", id, j.Status, j.Deadline, s.timers[key])
	case !j.Status.Ended() && (s.timers[key] != 1 || !timers.Has(v, timerKey(j.Deadline, jobDeadline, key.ref))):
		s.failf("job %s is %s, its deadline %d, timers %d", id, j.Status, j.Deadline, s.timers[key])
	}
	n := s.status[id]
	final := n[Done] + n[Failed] + n[Canceled]
	if j.Done != n[Done] || j.Failed != n[Failed] || j.Final != final || (final == j.Total) != j.Status.Ended() {
		s.failf("job %s is %s and counts %d done, %d failed, %d final of %d; its items: %v", id, j.Status, j.Done, j.Failed, j.Final, j.Total, n)
	}
}

func (s *steps) heldItem(v *View, k store.Key, j Job) {
	it, ok := items.Get(v, k)
	if !ok {
		s.failf("item %q of job %s is not there", k, j.ID)
		return
	}
	s.checks[heldPlace]++
	l, _ := leases.Get(v, store.Uint(it.Fence))
	key := timed{itemReady, k}
	places := map[Place]bool{
		Ready:     ready.Has(v, readyKey(j, it.Idx)),
		Leased:    it.Fence != 0 && l.Job == j.ID && slices.Contains(l.Held, it.Idx),
		Scheduled: s.timers[key] == 1 && timers.Has(v, timerKey(it.ReadyAt, itemReady, k)),
	}
	n := 0
	for _, is := range places {
		if is {
			n++
		}
	}
	want := 0
	if (j.Status == Queued || j.Status == Running) && !it.final() {
		want = 1
	}
	if n != want || s.timers[key] > 1 || (it.Place == Nowhere) != (want == 0) || want == 1 && !places[it.Place] {
		s.failf("%s/%d of a %s job is %s, says place %d; ready, leased, scheduled: %v", j.ID, it.Idx, j.Status, it.Status, it.Place, places)
	}
}

func (s *steps) heldLease(v *View, fence uint64) {
	l, ok := leases.Get(v, store.Uint(fence))
	old := s.timers[timed{leaseOld, store.Uint(fence)}]
	s.checks[heldTimer]++
	switch {
	case fence > v.Fence():
		s.failf("lease %d, the last fence is %d", fence, v.Fence())
	case !ok && old != 0, ok && (l.Ended != "") != (old == 1), ok && (l.Ended != "") != (len(l.Held) == 0):
		s.failf("lease %d (there: %v) ended %q, holds %v and has %d timers", fence, ok, l.Ended, l.Held, old)
	}
}

// heldTimers: each row that must end by itself has one timer, and each such timer a row.
func (s *steps) heldTimers(v *View) {
	has := map[timerKind]func(store.Reader, store.Key) bool{
		originSilent: origins.Has, idemOld: idems.Has, deadOld: dead.Has, uploadOld: uploads.Has, workerSilent: workers.Has, joinTokenOld: joinTokens.Has,
	}
	for t := range s.refs {
		s.checks[heldTimer]++
		if there := has[t.kind](v, t.ref); there && s.timers[t] != 1 || !there && s.timers[t] != 0 {
			s.failf("%q has %d timers of kind %d; its row is there: %v", t.ref, s.timers[t], t.kind, there)
		}
	}
}

// compare holds what was touched since the last comparison against the model, and how many there are of everything.
func (s *steps) compare(v *View, m *model) error {
	for id := range s.uncompared.users {
		if err := m.compareUser(v, id); err != nil {
			return err
		}
	}
	for id := range s.uncompared.jobs {
		got, ok := v.Job(id)
		if m.gone[id].user != "" && !ok {
			continue
		}
		if m.jobs[id] == nil {
			return fmt.Errorf("the model has no job %+v", got)
		}
		if err := m.jobs[id].compare(got, v.Items(id)); err != nil {
			return err
		}
	}
	for fence := range s.uncompared.leases {
		if got, ok := v.Lease(fence); ok {
			if err := m.compareLease(got); err != nil {
				return err
			}
		}
	}
	s.checks[heldModel] += len(s.uncompared.users) + len(s.uncompared.jobs) + len(s.uncompared.leases)
	clear(s.uncompared.users)
	clear(s.uncompared.jobs)
	clear(s.uncompared.leases)
	for table, n := range map[string]int{
		"users": len(m.users), "jobs": len(m.jobs), "leases": len(m.leases), "dead": len(m.dead), "objects": len(m.objects) + len(m.segments), "archived": len(m.gone), "brought_forward": m.stretches,
		"uploads": len(m.uploads), "workers": len(m.workers), "settings": len(m.versions), "pauses": len(m.paused),
	} {
		if s.rows[table] != n {
			return fmt.Errorf("%d rows in %s, the model has %d", s.rows[table], table, n)
		}
	}
	if v.Fence() != m.fence {
		return fmt.Errorf("fence %d, the model has %d", v.Fence(), m.fence)
	}
	return nil
}

package fsm

import (
	"fmt"
	"slices"
	"testing"

	"stoker/store"
)

// auditor checks the invariants of doc.go on the real tables, after every step
// if it is asked to. It remembers what may never change back.
type auditor struct {
	t       testing.TB
	v       *View
	context string // what was just done

	fence uint64
	clock int64
	final map[string]Status // items, once final
	clean map[string]bool   // ended jobs that were found in order
	due   map[store.Key]bool

	paused []string        // when it last looked
	idle   map[string]bool // workers that were not to work then
}

func newAuditor(t testing.TB) *auditor {
	return &auditor{t: t, final: map[string]Status{}, clean: map[string]bool{}}
}

// audit checks everything; of jobs that ended long ago only when full.
func (a *auditor) audit(m *Machine, context string, full bool) {
	a.t.Helper()
	a.v, a.context = m.View(), context
	defer a.v.Close()
	if full {
		clear(a.clean)
		if !metas.Untouched() || !settings.Untouched() || !secrets.Untouched() {
			a.failf("a row that is remembered was changed by who read it")
		}
	}
	if a.v.Clock() < a.clock {
		a.failf("the clock ran back from %d to %d", a.clock, a.v.Clock())
	}
	a.clock = a.v.Clock()
	a.due = map[store.Key]bool{}
	a.users()
	a.jobs()
	a.queue()
	a.classes()
	a.indexed()
	a.leases()
	a.copies()
	a.envelope()
	a.timers()
	a.checked()
}

// checked: the check that ships finds nothing either.
func (a *auditor) checked() {
	if a.v.Epoch() == 0 {
		return
	}
	c, err := a.v.Check()
	if err != nil || len(c.Wrong) > 0 {
		a.failf("the check says %q, %v", c.Wrong, err)
	}
}

func (a *auditor) failf(format string, args ...any) {
	a.t.Helper()
	a.t.Errorf("after %s: %s", a.context, fmt.Sprintf(format, args...))
}

// expect notes that a timer must exist.
func (a *auditor) expect(due int64, kind timerKind, ref store.Key) {
	k := timerKey(due, kind, ref)
	if !timers.Has(a.v, k) {
		a.failf("no timer of kind %d at %d for %q", kind, due, ref)
	}
	a.due[k] = true
}

// users: the ledger adds up to the credits, counters are what they count.
func (a *auditor) users() {
	open, slots := map[string]int{}, map[string]int{}
	for _, j := range jobs.Scan(a.v, "") {
		if !j.Status.Ended() {
			open[j.User]++
		}
	}
	for _, r := range rules.Scan(a.v, "") {
		slots[r.User]++
	}
	sum, forward := map[string]int64{}, map[string]store.Key{}
	for k, f := range broughtForward.Scan(a.v, "") {
		if f.Rows < 1 || k != store.Str(f.User).Uint(f.Index).Uint(uint64(f.Ordinal)) || ledger.Has(a.v, k) {
			a.failf("%q brings forward %+v", k, f)
		}
		sum[f.User], forward[f.User] = f.Balance, k
	}
	for k, e := range ledger.Scan(a.v, "") {
		if k < forward[e.User] {
			a.failf("a booking of %s at %d/%d was left behind", e.User, e.Index, e.Ordinal)
		}
		if sum[e.User] += e.Amount; e.Balance != sum[e.User] {
			a.failf("ledger of %s at %d/%d says %d, the sum is %d", e.User, e.Index, e.Ordinal, e.Balance, sum[e.User])
		}
		if e.Balance < 0 {
			a.failf("%s owed %d at %d/%d", e.User, -e.Balance, e.Index, e.Ordinal)
		}
	}
	for _, u := range users.Scan(a.v, "") {
		if u.Credits != sum[u.ID] || u.Credits < 0 {
			a.failf("%s has %d credits, its ledger says %d", u.ID, u.Credits, sum[u.ID])
		}
		if u.ActiveJobs != open[u.ID] {
			a.failf("%s counts %d open jobs, there are %d", u.ID, u.ActiveJobs, open[u.ID])
		}
		if u.RuleSlots != slots[u.ID] {
			a.failf("%s counts %d rules, there are %d", u.ID, u.RuleSlots, slots[u.ID])
		}
		if u.DeviceHash != "" {
			if id, _ := devices.Get(a.v, store.Str(u.DeviceHash)); id != u.ID {
				a.failf("device %s is of %q, not of %s", u.DeviceHash, id, u.ID)
			}
		}
		delete(sum, u.ID)
	}
	if len(sum) > 0 {
		a.failf("ledgers of nobody: %v", sum)
	}
}

// jobs: counters, deadlines, history, and items that are final once.
func (a *auditor) jobs() {
	for _, j := range jobs.Scan(a.v, "") {
		if a.clean[j.ID] {
			continue
		}
		if !j.Status.Ended() {
			if j.Deadline == 0 {
				a.failf("job %s is %s without a deadline", j.ID, j.Status)
			}
			a.expect(j.Deadline, jobDeadline, store.Str(j.ID))
		} else if j.Deadline != 0 {
			a.failf("job %s is %s and has a deadline", j.ID, j.Status)
		}
		a.items(j)
		a.history(j)
		if j.Status.Ended() {
			a.clean[j.ID] = true
		}
	}
}

func (a *auditor) items(j Job) {
	n := map[Status]int{}
	list := a.v.Items(j.ID)
	for i, it := range list {
		n[it.Status]++
		name := fmt.Sprintf("%s/%d", j.ID, it.Idx)
		if it.Idx != i {
			a.failf("%s stands at %d", name, i)
		}
		if was, ok := a.final[name]; ok && was != it.Status {
			a.failf("%s was %s and is %s", name, was, it.Status)
		}
		a.causes(j, it)
		switch executed := j.Status == Queued || j.Status == Running; {
		case it.final():
			a.final[name] = it.Status
			fallthrough
		case !executed:
			if it.Place != Nowhere || it.Fence != 0 || it.ReadyAt != 0 {
				a.failf("%s is %s of a %s job, yet in place %d, fence %d", name, it.Status, j.Status, it.Place, it.Fence)
			}
		case it.Place == Nowhere:
			a.failf("%s is %s and nowhere", name, it.Status)
		}
	}
	final := n[Done] + n[Failed] + n[Canceled]
	if len(list) != j.Total || j.Done != n[Done] || j.Failed != n[Failed] || j.Final != final {
		a.failf("job %s counts %d done, %d failed, %d final of %d; its items: %v", j.ID, j.Done, j.Failed, j.Final, j.Total, n)
	}
	if (final == j.Total) != j.Status.Ended() {
		a.failf("job %s is %s with %d of %d items final", j.ID, j.Status, final, j.Total)
	}
	if j.Imported != 0 && j.Total == 0 {
		return // the other stack's list was not kept
	}
	if j.Status == Done && n[Done] == 0 || j.Status == Failed && n[Done] > 0 {
		a.failf("job %s is %s with %d items done", j.ID, j.Status, n[Done])
	}
}

// history: each chain of transitions is unbroken, legal, and ends where the row is.
func (a *auditor) history(j Job) {
	at, items := Status(""), map[int]Status{}
	for e := range a.v.History(j.ID, Mark{}) {
		if e.Item == nil {
			if e.From != at || at != "" && !e.Imported && !slices.Contains(next[at], e.To) {
				a.failf("job %s went from %s to %s, it was %s", j.ID, e.From, e.To, at)
			}
			at = e.To
			continue
		}
		was, ok := items[*e.Item]
		if !ok {
			was = Pending
		}
		if e.From != was || was.Ended() {
			a.failf("item %s/%d went from %s to %s, it was %s", j.ID, *e.Item, e.From, e.To, was)
		}
		items[*e.Item] = e.To
	}
	if at != j.Status {
		a.failf("job %s is %s, its history ends %s", j.ID, j.Status, at)
	}
	if j.Imported != 0 {
		return // of its items nobody knows more than what became of them
	}
	for _, it := range a.v.Items(j.ID) {
		if was, ok := items[it.Idx]; ok && was != it.Status || !ok && it.Status != Pending {
			a.failf("item %s/%d is %s, its history ends %s", j.ID, it.Idx, it.Status, was)
		}
	}
}

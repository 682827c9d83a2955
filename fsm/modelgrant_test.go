package fsm

import (
	"cmp"
	"fmt"
	"slices"
)

// fits says whether a worker that waits may be given work of a preset.
func (m *model) fits(w Want, preset string) bool {
	known := m.workers[w.Worker]
	if known != nil && (known.state != WorkerActive || known.missing[preset]) {
		return false
	}
	return !m.paused[preset] && !m.paused["*"] && (len(w.Presets) == 0 || slices.Contains(w.Presets, preset))
}

// round checks the grants of one Lease step by step: is each what comes next?
type modelRound struct {
	*model
	wants  []Want
	answer LeasedWork
	open   []int // wants not served yet
	held   map[string]bool
	retry  int64
}

// adopt takes the answer of a Lease into the model, if the specification allows it.
func (m *model) adopt(wants []Want, a LeasedWork) error {
	if len(a.Grants) != len(wants) {
		return fmt.Errorf("%d grants for %d wants", len(a.Grants), len(wants))
	}
	r := &modelRound{model: m, wants: wants, answer: a, held: map[string]bool{}}
	var fresh []int // by fence, which is the order they were made in
	for i, w := range wants {
		g := a.Grants[i]
		if l := m.answered(w); l != nil {
			if g == nil || g.Lease.Fence != l.fence || g.Load != l.load {
				return fmt.Errorf("poll %s of %s was answered with fence %d, load %d and now with %+v", w.Poll, w.Worker, l.fence, l.load, g)
			}
			continue
		}
		if known := m.workers[w.Worker]; known == nil || known.state == WorkerActive {
			r.open = append(r.open, i)
		}
		if g != nil && !slices.ContainsFunc(fresh, func(k int) bool { return twins(wants[k], w) }) {
			fresh = append(fresh, i)
		}
	}
	slices.SortFunc(fresh, func(x, y int) int { return int(a.Grants[x].Lease.Fence) - int(a.Grants[y].Lease.Fence) })
	for _, i := range fresh {
		if err := r.take(i, a.Grants[i]); err != nil {
			return err
		}
	}
	if s := r.next(); s != nil { // what is left must be held up for a warm worker
		return fmt.Errorf("%+v are left with nothing, yet %s/%d is to be had", r.wants, s.item.job.id, s.item.idx)
	}
	if a.RetryAt != r.retry {
		return fmt.Errorf("ask again at %d, the model says %d", a.RetryAt, r.retry)
	}
	return nil
}

func (m *model) answered(w Want) *modelLease {
	for _, l := range m.leases {
		if w.Poll != "" && l.ended == "" && l.worker == w.Worker && l.poll == w.Poll {
			return l
		}
	}
	return nil
}

// takers are the wants that may be given work of a preset.
func (r *modelRound) takers(preset string) []int {
	if r.held[preset] {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.open), func(i int) bool { return !r.fits(r.wants[i], preset) })
}

// presets are those that somebody who waits may be given.
func (r *modelRound) presets() []string {
	return slices.DeleteFunc(slices.Clone(modelPresets), func(p string) bool { return len(r.takers(p)) == 0 })
}

// head is the item that comes next. late: it goes by the lane of the overdue, to
// the user that has waited for its next grant beyond its plan's limit for longest.
func (r *modelRound) head() (it *modelItem, late bool) {
	presets := r.presets()
	if len(presets) == 0 {
		return nil, false
	}
	if r.fence%fenceJump%10 == 9 { // a new epoch adds so many to the fence, and no grant
		over := func(t modelTurn) int64 { return r.now - r.hungry[t.user.id] - r.plan(t.user).MaxWait }
		lane := slices.DeleteFunc(r.turns(presets), func(t modelTurn) bool { return over(t) < 0 })
		if len(lane) > 0 {
			t := slices.MinFunc(lane, func(a, b modelTurn) int {
				return cmp.Or(cmp.Compare(over(b), over(a)), cmp.Compare(a.user.plan, b.user.plan))
			})
			return r.first(t.user.id, []string{t.preset}), true
		}
	}
	if u := r.turnOfAll(presets); u != nil {
		return r.first(u.id, presets), false
	}
	return nil, false
}

// modelStep is what is to be granted next, and to which want.
type modelStep struct {
	want int
	item *modelItem
	late bool
}

// next says what is granted next. What waits for a warm worker is set aside.
func (r *modelRound) next() *modelStep {
	for {
		it, late := r.head()
		if it == nil {
			return nil
		}
		if to, warm := r.warmer(it); warm != nil && !late {
			r.shown["warmer"] = true
			return &modelStep{to, warm, false}
		}
		if to, ok := r.worker(it); ok {
			r.shown["late"] = r.shown["late"] || late
			return &modelStep{to, it, late}
		}
		r.held[it.job.preset] = true
		if until := it.since + 2*second; r.retry == 0 || until < r.retry {
			r.retry = until
		}
	}
}

// warmer: if nobody who waits has the head's preset warm, the first who takes it
// gets instead what is fairest of the presets it has warm; but neither the head's
// plan nor the user whose turn it is stays more than 4 credits behind for it.
func (r *modelRound) warmer(head *modelItem) (int, *modelItem) {
	takers := r.takers(head.job.preset)
	for _, i := range takers {
		if slices.Contains(r.wants[i].Loaded, head.job.preset) {
			return 0, nil
		}
	}
	all, w := r.presets(), r.wants[takers[0]]
	warm := slices.DeleteFunc(slices.Clone(all), func(p string) bool { return !r.fits(w, p) || !slices.Contains(w.Loaded, p) })
	u := r.turnOfAll(warm)
	if u == nil {
		return 0, nil
	}
	plan := r.users[head.job.user].plan
	if r.class(u.plan).time-r.class(plan).time > 4*ticks/r.weight(plan) || r.tag[u.id]-r.tag[r.turnOf(u.plan, all).id] > 4*ticks {
		return 0, nil
	}
	return takers[0], r.first(u.id, warm)
}

// worker is who gets an item: one that has its preset warm, else the first. None
// while a warm one is at work and the item came less than two seconds ago.
func (r *modelRound) worker(it *modelItem) (int, bool) {
	takers := r.takers(it.job.preset)
	for _, i := range takers {
		if slices.Contains(r.wants[i].Loaded, it.job.preset) {
			return i, true
		}
	}
	for _, w := range r.workers {
		if it.since+2*second > r.now && w.state == WorkerActive && slices.Contains(w.loaded, it.job.preset) && r.holds(w.id) {
			return 0, false
		}
	}
	return takers[0], true
}

// take checks one grant and makes it.
func (r *modelRound) take(i int, g *Grant) error {
	l, s := g.Lease, r.next()
	if s == nil {
		return fmt.Errorf("%s/%v goes to %+v; nothing is to be had", l.Job, l.Granted, r.wants[i])
	}
	if s.item.job.id != l.Job || !slices.Contains(l.Granted, s.item.idx) || s.want != i && !twins(r.wants[s.want], r.wants[i]) {
		return fmt.Errorf("%s/%v goes to %+v; next is %s for %+v, late %v",
			l.Job, l.Granted, r.wants[i], names([]*modelItem{s.item}), r.wants[s.want], s.late)
	}
	return r.grant(s, g)
}

// twins: two wants of one poll are one poll.
func twins(a, b Want) bool { return a.Poll != "" && a.Poll == b.Poll && a.Worker == b.Worker }

func names(list []*modelItem) (out []string) {
	for _, it := range list {
		out = append(out, fmt.Sprintf("%s/%d", it.job.id, it.idx))
	}
	return out
}

// batch: more of the same job in order, as the worker, the cap and the others allow.
func (r *modelRound) batch(w Want, head *modelItem) []*modelItem {
	j := head.job
	most := max(min(w.Max, r.plan(r.users[j.user]).MaxLeased-r.leased(j.user)), 1)
	for _, it := range r.ready(nil) {
		if o := r.users[it.job.user]; r.fits(w, it.job.preset) && o.id != j.user && r.leased(o.id) < r.plan(o).MaxLeased {
			most = min(most, 6)
		}
	}
	list := []*modelItem{head}
	for _, it := range j.items {
		if it.place == Ready && it != head && !it.alone && !head.alone && len(list) < most {
			list = append(list, it)
		}
	}
	return list
}

func (r *modelRound) grant(s *modelStep, g *Grant) error {
	l, w, j := g.Lease, r.wants[s.want], s.item.job
	u := r.users[j.user]
	list := r.batch(w, s.item)
	if l.Fence != r.fence+1 || l.Worker != w.Worker || l.Poll != w.Poll || l.User != u.id || g.Job.ID != j.id ||
		fmt.Sprint(names(list)) != fmt.Sprint(names(pick(j, l.Granted))) {
		return fmt.Errorf("grant %+v for %+v after fence %d; the model gives %v", l, w, r.fence, names(list))
	}
	p := j.set.Presets[j.preset]
	row := &modelLease{fence: l.Fence, worker: w.Worker, poll: w.Poll, job: j, granted: l.Granted}
	if !slices.Contains(w.Loaded, j.preset) {
		row.load = p.Load
	}
	budget := row.load + int64(len(list))*p.Exec
	if p.Exec == 0 { // nobody knows how long an item takes
		budget = 0
	}
	if g.Load != row.load || g.Exec != p.Exec || l.Budget != budget {
		return fmt.Errorf("lease %d may take %d, load %d, exec %d; the model says %d, %d, %d", l.Fence, l.Budget, g.Load, g.Exec, budget, row.load, p.Exec)
	}
	r.charge(j, len(list), s.late)
	r.fence++
	for _, it := range list {
		it.status, it.place, it.fence = Running, Leased, l.Fence
	}
	r.leases[l.Fence] = row
	known := r.knows(w.Worker)
	known.granted, known.seen, known.loaded = r.now, r.now, slices.Clone(w.Loaded)
	if len(w.Loaded) > 0 && !slices.Contains(w.Loaded, j.preset) {
		known.loaded = append(known.loaded, j.preset) // it is loading it
	}
	r.run(j)
	var twice error
	r.open = slices.DeleteFunc(r.open, func(k int) bool {
		same := k == s.want || twins(r.wants[k], w)
		if other := r.answer.Grants[k]; same && other != nil && other.Lease.Fence != l.Fence {
			twice = fmt.Errorf("poll %s of %s is answered twice", w.Poll, w.Worker)
		}
		return same
	})
	return twice
}

func pick(j *modelJob, idx []int) (out []*modelItem) {
	for _, i := range idx {
		out = append(out, j.items[i])
	}
	return out
}

func (m *model) run(j *modelJob) {
	if j.status == Queued {
		j.status, j.deadline = Running, m.now+j.set.Budgets.Run
	}
}

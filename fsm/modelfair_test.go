package fsm

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// modelClass is a plan's place in the fair order.
type modelClass struct {
	time  float64 // virtual time received, by weight
	users float64 // virtual time of its user that was served last
}

func (m *model) class(plan string) *modelClass {
	if m.classes[plan] == nil {
		m.classes[plan] = &modelClass{}
	}
	return m.classes[plan]
}

func (m *model) classOf(user string) *modelClass { return m.class(m.users[user].plan) }

// hasReady says whether a user, or anybody on a plan, has ready work.
func (m *model) hasReady(user, plan string) bool {
	return slices.ContainsFunc(m.ready(nil), func(it *modelItem) bool {
		return it.job.user == user || m.users[it.job.user].plan == plan
	})
}

// wake: who has had nothing ready starts at the time of whoever was served last.
func (m *model) wake(user string) {
	u := m.users[user]
	c := m.class(u.plan)
	if !m.hasReady(user, "") {
		m.tag[user] = max(m.tag[user], c.users)
	}
	if !m.hasReady("", u.plan) {
		c.time = max(c.time, m.virtual)
	}
}

// replan: on another plan a user begins like one who wakes up there.
func (m *model) replan(u *modelUser, plan string) {
	if u.plan == plan {
		return
	}
	if m.hasReady(u.id, "") && !m.hasReady("", plan) {
		m.class(plan).time = max(m.class(plan).time, m.virtual)
	}
	u.plan = plan
	m.tag[u.id] = m.class(plan).users
}

// correct: what was charged is brought in line with the GPU time it took.
func (m *model) correct(j *modelJob, ms int64) {
	if ms <= 0 {
		return
	}
	usual, known := m.pace[j.preset]
	if !known {
		usual = ms
	}
	off := min(max(float64(ms-usual)/float64(usual), -1), 7) * float64(max(j.price, 1))
	m.pace[j.preset] = max(usual+(ms-usual)/16, 1)
	c := m.classOf(j.user)
	m.tag[j.user] = max(m.tag[j.user]+off, 0)
	c.time = max(c.time+off/m.weight(j.user), 0)
}

func (m *model) weight(user string) float64 { return float64(m.plan(m.users[user]).Weight) }

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
	draw   bool // more than one user might have come next
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
	for r.hold(nil) { // what is left must be held up for a warm worker
	}
	if heads, _ := r.heads(); len(heads) > 0 {
		return fmt.Errorf("%+v are left with nothing, yet %s/%d is to be had", r.wants, heads[0].job.id, heads[0].idx)
	}
	if (a.RetryAt == 0) != (r.retry == 0) && !r.draw || a.RetryAt > m.now+2*second {
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

// heads are the items of which one must come next; more than one where it is a
// draw. late: they go by the lane of the overdue.
func (r *modelRound) heads() (heads []*modelItem, late bool) {
	var all []*modelItem
	for _, it := range r.ready(nil) {
		u := r.users[it.job.user]
		if r.leased(u.id) < r.plan(u).MaxLeased && len(r.takers(it.job.preset)) > 0 {
			all = append(all, it)
		}
	}
	// least keeps those for which of is least, give or take what rounding does.
	least := func(list []*modelItem, of func(*modelItem) float64) (out []*modelItem) {
		lowest := math.Inf(1)
		for _, it := range list {
			lowest = min(lowest, of(it))
		}
		for _, it := range list {
			if of(it) < lowest+0.01 {
				out = append(out, it)
			}
		}
		return out
	}
	if r.fence%10 == 9 {
		over := func(it *modelItem) float64 {
			return float64(it.since + r.plan(r.users[it.job.user]).MaxWait - r.now)
		}
		lane := slices.DeleteFunc(slices.Clone(all), func(it *modelItem) bool { return over(it) > 0 })
		if len(lane) > 0 {
			lane = least(lane, over)
			r.draw = r.draw || len(lane) > 1
			return lane, true
		}
	}
	all = least(all, func(it *modelItem) float64 { return r.classOf(it.job.user).time })
	byClass := map[string][]*modelItem{}
	for _, it := range all {
		plan := r.users[it.job.user].plan
		byClass[plan] = append(byClass[plan], it)
	}
	all = nil
	for _, list := range byClass {
		all = append(all, least(list, func(it *modelItem) float64 { return r.tag[it.job.user] })...)
	}
	for _, it := range all {
		first := func(o *modelItem) bool {
			return o.job.user == it.job.user && (o.job.turn < it.job.turn || o.job == it.job && o.idx < it.idx)
		}
		if !slices.ContainsFunc(all, first) {
			heads = append(heads, it)
		}
	}
	r.draw = r.draw || len(heads) > 1
	return heads, false
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

// hold sets a preset aside whose head waits for a warm worker, but not of what
// is granted.
func (r *modelRound) hold(granted *Grant) bool {
	heads, _ := r.heads()
	for _, it := range heads {
		if granted != nil && granted.Lease.Job == it.job.id && slices.Contains(granted.Lease.Granted, it.idx) {
			continue
		}
		if _, ok := r.worker(it); !ok {
			r.held[it.job.preset] = true
			if until := it.since + 2*second; r.retry == 0 || until < r.retry {
				r.retry = until
			}
			return true
		}
	}
	return false
}

// take checks one grant and makes it.
func (r *modelRound) take(i int, g *Grant) error {
	l, w := g.Lease, r.wants[i]
	for {
		heads, late := r.heads()
		at := slices.IndexFunc(heads, func(it *modelItem) bool { return it.job.id == l.Job && slices.Contains(l.Granted, it.idx) })
		if at >= 0 {
			it := heads[at]
			if to, ok := r.worker(it); ok && (to == i || twins(r.wants[to], w)) {
				return r.grant(to, g, it)
			}
		}
		if !r.hold(g) {
			return fmt.Errorf("%s/%v goes to %+v; next are %v, late %v", l.Job, l.Granted, w, names(heads), late)
		}
	}
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
	for _, it := range r.ready([]string{j.preset}) {
		if o := r.users[it.job.user]; o.id != j.user && r.leased(o.id) < r.plan(o).MaxLeased {
			most = min(most, 8)
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

func (r *modelRound) grant(i int, g *Grant, head *modelItem) error {
	l, w, j := g.Lease, r.wants[i], head.job
	u := r.users[j.user]
	list := r.batch(w, head)
	if l.Fence != r.fence+1 || l.Worker != w.Worker || l.Poll != w.Poll || l.User != u.id || g.Job.ID != j.id ||
		fmt.Sprint(names(list)) != fmt.Sprint(names(pick(j, l.Granted))) {
		return fmt.Errorf("grant %+v for %+v after fence %d; the model gives %v", l, w, r.fence, names(list))
	}
	p := r.set.Presets[j.preset]
	row := &modelLease{fence: l.Fence, worker: w.Worker, poll: w.Poll, job: j, granted: l.Granted}
	if !slices.Contains(w.Loaded, j.preset) {
		row.load = p.Load
	}
	if budget := row.load + int64(len(list))*p.Exec; g.Load != row.load || g.Exec != p.Exec || l.Budget != budget {
		return fmt.Errorf("lease %d may take %d, load %d, exec %d; the model says %d, %d, %d", l.Fence, l.Budget, g.Load, g.Exec, budget, row.load, p.Exec)
	}
	c := r.class(u.plan)
	r.virtual = max(r.virtual, c.time)
	c.users = max(c.users, r.tag[u.id])
	cost := float64(len(list)) * float64(max(j.price, 1))
	r.tag[u.id] += cost
	c.time += cost / r.weight(u.id)
	r.fence++
	for _, it := range list {
		it.status, it.place, it.fence = Running, Leased, l.Fence
	}
	r.leases[l.Fence] = row
	known := r.knows(w.Worker)
	known.granted, known.seen, known.loaded = r.now, r.now, slices.Clone(w.Loaded)
	r.run(j)
	var twice error
	r.open = slices.DeleteFunc(r.open, func(k int) bool {
		same := k == i || twins(r.wants[k], w)
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
		j.status, j.deadline = Running, m.now+m.set.Budgets.Run
	}
}

func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

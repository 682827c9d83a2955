package fsm

import (
	"maps"
	"slices"
)

// offered are the presets of ready work that are not paused.
func (m *model) offered() (out []string) {
	for _, it := range m.ready(nil) {
		if p := it.job.preset; !m.paused[p] && !m.paused["*"] && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// firstUp is whose turn it is on a plan of those that could be served; nil: the plan is asleep.
func (m *model) firstUp(plan string) *modelUser {
	if len(m.offered()) == 0 {
		return nil
	}
	return m.turnOf(plan, m.offered())
}

// wake: who has had nothing ready starts where the preset's last one was served,
// and not further behind than whom it meets.
func (m *model) wake(user, preset string) {
	u := m.users[user]
	if !m.hasReady(user, "") {
		m.tag[user] = max(m.tag[user], m.class(u.plan).users[preset])
		m.meet(user, u.plan, []string{preset})
		m.hungry[user] = m.now
	}
	if m.firstUp(u.plan) == nil {
		m.rouse(u.plan, preset)
	}
}

// rejoin: who comes down from its cap was not passed over while it was there.
func (m *model) rejoin(user string) {
	u := m.users[user]
	if m.leased(user) != m.plan(u).MaxLeased || !m.hasReady(user, "") {
		return
	}
	if m.firstUp(u.plan) == nil {
		m.rouse(u.plan, "")
	}
	var presets []string
	for _, it := range m.ready(nil) {
		if it.job.user == user {
			presets = append(presets, it.job.preset)
		}
	}
	m.meet(user, u.plan, presets)
}

// meet: the first of those who wait already, for these presets, or if none does
// for any; else where anything was served last.
func (m *model) meet(user, plan string, presets []string) {
	first := m.turnOf(plan, presets)
	if first == nil {
		first = m.firstUp(plan)
	}
	if first != nil {
		m.tag[user] = max(m.tag[user], m.tag[first.id]-1)
		return
	}
	m.tag[user] = slices.Max(append(slices.Collect(maps.Values(m.class(plan).users)), m.tag[user]))
}

// rouse: so does a plan.
func (m *model) rouse(plan, preset string) {
	c := m.class(plan)
	c.time = max(c.time, m.virtual[preset])
	if at, found := m.firstPlan(plan); found {
		c.time = max(c.time, at)
		return
	}
	c.time = slices.Max(append(slices.Collect(maps.Values(m.virtual)), c.time))
}

// firstPlan is the time of the first of the other plans that are awake.
func (m *model) firstPlan(but string) (int64, bool) {
	var others []int64
	for name, c := range m.classes {
		if name != but && m.firstUp(name) != nil {
			others = append(others, max(c.time-1, 0))
		}
	}
	if len(others) == 0 {
		return 0, false
	}
	return slices.Min(others), true
}

// resumed: who waits for a preset that was paused has no more of a claim than the others.
func (m *model) resumed(preset string) {
	if at, found := m.firstPlan(""); found && at > m.virtual[preset] {
		m.virtual[preset] = at
	}
	for name, c := range m.classes {
		if u := m.firstUp(name); u != nil && m.tag[u.id]-1 > c.users[preset] {
			c.users[preset] = m.tag[u.id] - 1
		}
	}
}

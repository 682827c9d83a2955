package fsm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"stoker/store"
)

// modelClass is a plan's place in the fair order. All times are in ticks.
type modelClass struct {
	time  int64            // virtual time received, by weight
	users map[string]int64 // by preset: virtual time of its user that was served last in turn
}

func (m *model) class(plan string) *modelClass {
	if m.classes[plan] == nil {
		m.classes[plan] = &modelClass{users: map[string]int64{}}
	}
	return m.classes[plan]
}

// hasReady says whether a user, or anybody on a plan, has ready work.
func (m *model) hasReady(user, plan string) bool {
	return slices.ContainsFunc(m.ready(nil), func(it *modelItem) bool {
		return it.job.user == user || m.users[it.job.user].plan == plan
	})
}

// modelTurn is a user that may be served from its work of a preset.
type modelTurn struct {
	user   *modelUser
	preset string
}

// turns are the users below their cap with ready work of the presets (nil: any),
// by preset and name: that is the order where it is a draw.
func (m *model) turns(presets []string) (out []modelTurn) {
	for _, it := range m.ready(presets) {
		t := modelTurn{m.users[it.job.user], it.job.preset}
		if m.leased(t.user.id) < m.plan(t.user).MaxLeased && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b modelTurn) int {
		return cmp.Or(cmp.Compare(a.preset, b.preset), cmp.Compare(a.user.id, b.user.id))
	})
	return out
}

// turnOf is whose turn it is on a plan.
func (m *model) turnOf(plan string, presets []string) *modelUser {
	list := slices.DeleteFunc(m.turns(presets), func(t modelTurn) bool { return t.user.plan != plan })
	if len(list) == 0 {
		return nil
	}
	return slices.MinFunc(list, func(a, b modelTurn) int { return cmp.Compare(m.tag[a.user.id], m.tag[b.user.id]) }).user
}

// turnOfAll is whose turn it is of all: of the plan that has received least.
func (m *model) turnOfAll(presets []string) *modelUser {
	plans := slices.DeleteFunc(sortedKeys(m.classes), func(plan string) bool { return m.turnOf(plan, presets) == nil })
	if len(plans) == 0 || len(presets) == 0 {
		return nil
	}
	return m.turnOf(slices.MinFunc(plans, func(a, b string) int { return cmp.Compare(m.class(a).time, m.class(b).time) }), presets)
}

// first is what a user is given of the presets: its own work in order.
func (m *model) first(user string, presets []string) *modelItem {
	list := slices.DeleteFunc(m.ready(presets), func(it *modelItem) bool { return it.job.user != user })
	return slices.MinFunc(list, func(a, b *modelItem) int {
		return cmp.Or(cmp.Compare(a.job.turn, b.job.turn), cmp.Compare(a.job.preset, b.job.preset),
			cmp.Compare(a.job.id, b.job.id), cmp.Compare(a.idx, b.idx))
	})
}

// replan: on another plan a user begins like one who wakes up there.
func (m *model) replan(u *modelUser, plan string) {
	if u.plan == plan {
		return
	}
	u.plan = "neither" // it keeps nobody awake meanwhile
	asleep, tag := m.firstUp(plan) == nil, int64(0)
	var presets []string
	for _, it := range m.ready(nil) {
		if it.job.user == u.id {
			if asleep {
				m.rouse(plan, it.job.preset)
			}
			presets = append(presets, it.job.preset)
			tag = max(tag, m.class(plan).users[it.job.preset])
		}
	}
	if m.tag[u.id] = tag; len(presets) > 0 {
		m.meet(u.id, plan, presets)
	}
	u.plan = plan
}

// ticks is the virtual time of one credit at weight 1.
const ticks = 65536

// correct: what was charged is brought in line with the GPU time it took.
func (m *model) correct(j *modelJob, ms int64) {
	if ms <= 0 {
		return
	}
	usual, known := m.pace[j.preset]
	if !known {
		usual = ms
	}
	off := min(max((ms-usual)*ticks/usual, -ticks), 7*ticks) * max(j.price, 1)
	m.pace[j.preset] = max(usual+(ms-usual)/16, 1)
	c := m.class(m.users[j.user].plan)
	m.tag[j.user] = max(m.tag[j.user]+off, 0)
	c.time = max(c.time+off/m.weight(m.users[j.user].plan), 0)
}

// charge: who could not be served for a while has no more than 6 items and 4
// credits in hand; what goes by the lane of the overdue moves nobody else's time.
func (m *model) charge(j *modelJob, n int, late bool) {
	plan := m.users[j.user].plan
	c, w := m.class(plan), m.weight(plan)
	bank := (6*max(j.price, 1) + 4) * ticks
	c.time = max(c.time, m.virtual[j.preset]-bank/w)
	m.tag[j.user] = max(m.tag[j.user], c.users[j.preset]-bank)
	beyond := int64(max(n-6, 0)) * max(j.price, 1) * ticks // who wakes up has not been passed over by that
	if at := c.time + beyond/w; !late && at > m.virtual[j.preset] {
		m.virtual[j.preset] = at
	}
	if at := m.tag[j.user] + beyond; !late && at > c.users[j.preset] {
		c.users[j.preset] = at
	}
	cost := int64(n) * max(j.price, 1) * ticks
	m.tag[j.user] += cost
	c.time += cost / w
	m.hungry[j.user] = m.now
}

func (m *model) weight(plan string) int64 { return int64(m.set.Plans[plan].Weight) }

func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

// compareShares: everybody has received what the model says, and waits since then.
func (m *model) compareShares(v *View) error {
	virtual := func(got map[string]uint64, want map[string]int64) bool {
		return maps.EqualFunc(got, want, func(a uint64, b int64) bool { return a == uint64(b) })
	}
	if !virtual(v.meta.VTimes, m.virtual) {
		return fmt.Errorf("the queue's times are %v, the model has %v", v.meta.VTimes, m.virtual)
	}
	for _, c := range classes.Scan(v, "") {
		if want := m.class(c.Name); c.VTime != uint64(want.time) || !virtual(c.Users, want.users) {
			return fmt.Errorf("class %+v, the model has %+v", c, *want)
		}
	}
	for id := range m.users {
		s, _ := shares.Get(v, store.Str(id))
		if s.VTime != uint64(m.tag[id]) || len(s.Waiting) > 0 && s.Hungry != m.hungry[id] {
			return fmt.Errorf("share %+v, the model has received %d, hungry since %d", s, m.tag[id], m.hungry[id])
		}
	}
	return nil
}

package fsm

import (
	"fmt"
	"maps"
	"slices"
)

// modelPresets are all that there ever are in a game.
var modelPresets = []string{"interior", "seller"}

func (m *model) readyOf(preset string) []*modelItem {
	return slices.DeleteFunc(m.ready(nil), func(it *modelItem) bool { return it.job.preset != preset })
}

// deploy puts other settings into force for what comes from now on.
func (m *model) deploy(s Settings, base uint64) Code {
	if base != 0 && base != m.version() {
		return SettingsMoved
	}
	for plan := range m.set.Plans {
		_, stays := s.Plans[plan]
		for _, u := range m.users {
			if !stays && u.plan == plan {
				m.shown["plan in use"] = true
				return PlanInUse
			}
		}
	}
	if fmt.Sprint(s) == fmt.Sprint(m.set) {
		return ""
	}
	m.shown["deployed"] = true
	m.set = s
	m.versions = append(m.versions, s)
	return ""
}

func (m *model) rollback(to, base uint64) Code {
	if to == 0 || to > m.version() {
		return NotFound
	}
	code := m.deploy(m.versions[to-1], base)
	if code == "" {
		m.shown["rolled back"] = true
	}
	return code
}

func (m *model) version() uint64 { return uint64(len(m.versions)) }

// deploy changes prices, limits, budgets and presets while jobs run, or goes back
// to what was.
func (d *driver) deploy() {
	d.flush() // the version in force must be known
	d.seen.fault("settings deployed or rolled back under open jobs")
	base := oneOf(d.dice, 0, d.model.version(), d.model.version(), d.model.version()+1)
	answered := func(a Deployed) error {
		if a.Version != d.model.version() {
			return fmt.Errorf("version %d is in force, the model says %d", a.Version, d.model.version())
		}
		return nil
	}
	if d.dice.one(3) {
		to := uint64(d.dice.of(int(min(d.model.version(), 200)) + 1))
		do(d, Rollback{To: to, Base: base}, func() Code { return d.model.rollback(to, base) }, answered)
		return
	}
	s := d.model.set
	s.Plans, s.Presets = maps.Clone(s.Plans), maps.Clone(s.Presets)
	switch d.dice.of(7) {
	case 0, 1:
		id := oneOf(d.dice, modelPresets...)
		p := small().Presets[id]
		p.Price, p.Exec, p.Queue = int64(d.dice.of(5)), int64(d.dice.of(3))*30*second, int64(d.dice.of(2))*hour
		s.Presets[id] = p
	case 2:
		p := s.Plans["free"]
		p.MaxLeased, p.MaxItems, p.MaxConcurrency, p.Weight = 1+d.dice.of(5), 1+d.dice.of(6), 1+d.dice.of(3), int64(1+d.dice.of(3))
		s.Plans["free"] = p
	case 3:
		s.Budgets.Run, s.QueueDepth, s.MaxUpload = int64(1+d.dice.of(4))*hour, 10+d.dice.of(40), int64(1024+d.dice.of(8))
	case 4:
		delete(s.Plans, "pro")
	case 5:
		s.Webhooks = gameHooks(d.dice)
	default:
		delete(s.Presets, oneOf(d.dice, modelPresets...))
		if len(s.Presets) == 0 {
			s.Presets = small().Presets
		}
	}
	do(d, Deploy{Settings: s, Base: base, Message: "m"}, func() Code { return d.model.deploy(s, base) }, answered)
}

package bench

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"stoker/fsm"
)

// tenant is a user who orders.
type tenant struct {
	flow
	id              string
	waiting, leased int
	most            int // leased at once
	orders          int
	whale           bool
}

// errand is a job of a tenant.
type errand struct {
	tenant *tenant
	preset string
	at     int64 // ns, virtual: when it was queued
}

// presets of the simulation: popularity in percent.
var simPresets = []struct {
	id      string
	percent int
	price   int64
}{{"interior", 50, 1}, {"seller", 25, 1}, {"portrait", 15, 1}, {"upscale", 10, 1}}

const concept = "Wall"

// populate signs everybody in and puts the first orders and GPUs on the agenda.
func (s *simulation) populate() error {
	classes := map[string]*flows{}
	for _, name := range []string{"free", "pro"} {
		classes[name] = s.fair.class(name, s.settings.Plans[name].Weight)
	}
	var ps []fsm.Proposal
	for i := range s.users {
		plan := "free"
		if i < s.pros {
			plan = "pro"
		}
		t := &tenant{id: "u_" + strconv.Itoa(i), whale: i == 0 && s.whale > 0, most: s.settings.Plans[plan].MaxLeased}
		t.class = classes[plan]
		s.tenants, s.byUser[t.id] = append(s.tenants, t), t
		ps = append(ps, signIn(t.id, plan)...)
	}
	for i := range s.shape.gpus {
		s.gpus = append(s.gpus, &gpu{id: "g" + strconv.Itoa(i)})
	}
	s.idle = slices.Clone(s.gpus)
	if err := s.world.applyMany(ps); err != nil {
		return err
	}
	for _, t := range s.tenants {
		s.arrive(t)
	}
	return nil
}

// arrive puts a tenant's first order on the agenda.
func (s *simulation) arrive(t *tenant) {
	switch {
	case t.whale:
		s.at(0, func() error {
			const most = 500
			for left := s.whale; left > 0; left -= most {
				if err := s.order(t, min(left, most)); err != nil {
					return err
				}
			}
			return nil
		})
	case s.demand > 0:
		s.at(s.thinking(), func() error { return s.orderAgain(t) })
	default:
		s.at(s.exponential(time.Minute), func() error { return s.order(t, s.size()) })
	}
}

// orderAgain is an order at random, and the next one.
func (s *simulation) orderAgain(t *tenant) error {
	s.at(s.thinking(), func() error { return s.orderAgain(t) })
	return s.order(t, s.size())
}

// meanSize is the mean number of items of an order.
const meanSize = 12

func (s *simulation) size() int { return 1 + int(s.rand.ExpFloat64()*(meanSize-1)) }

// thinking is the time between two orders of a tenant that makes the demand.
func (s *simulation) thinking() int64 {
	each := s.service.Seconds() * meanSize * float64(s.users) / (float64(s.shape.gpus) * s.demand)
	return s.exponential(time.Duration(each * 1e9))
}

func (s *simulation) exponential(mean time.Duration) int64 {
	return int64(s.rand.ExpFloat64() * float64(mean))
}

// order queues a job of a tenant.
func (s *simulation) order(t *tenant, items int) error {
	n, at := s.rand.IntN(100), 0
	for n >= simPresets[at].percent {
		n -= simPresets[at].percent
		at++
	}
	t.orders++
	id := fmt.Sprintf("j%d.%d", t.orders, len(s.jobs))
	s.jobs[id] = &errand{tenant: t, preset: simPresets[at].id, at: s.world.now}
	if err := s.world.applyMany(order(t.id, id, simPresets[at].id, concept, items)); err != nil {
		return err
	}
	t.waiting += items
	s.standing(t)
	return nil
}

// standing tells the watch whether a tenant is to be served now.
func (s *simulation) standing(t *tenant) {
	s.fair.wait(&t.flow, s.world.now, t.waiting > 0 && t.leased < t.most)
}

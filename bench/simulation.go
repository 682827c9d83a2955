package bench

import (
	"container/heap"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"time"

	"stoker/fsm"
)

// simulation is one run: tenants who order, GPUs that work, and the machine between them.
type simulation struct {
	shape
	world    *world
	rand     *rand.Rand
	settings fsm.Settings
	tenants  []*tenant
	byUser   map[string]*tenant
	jobs     map[string]*errand
	gpus     []*gpu
	idle     []*gpu // in the order they came
	agenda   agenda
	seq      int   // of events
	retry    int64 // virtual time at which work that waits for a warm GPU goes to any; 0: none
	pending  []fsm.Proposal

	fair     *fairness
	handouts []handout
	items    int   // handed out
	done     int   // items
	busy     int64 // ns of GPU time spent on items
	loading  int64 // ns spent on loading models
	loads    int
	warm     int   // grants that found their model loaded
	waited   int64 // ns the longest item waited, the whale's left out
}

// shape is what a simulation looks like.
type shape struct {
	users, pros int // pros of users are in class pro, the others in class free
	whale       int // items that user 0, a pro, orders at the beginning; 0: no whale
	gpus        int
	models      int           // that fit one GPU's memory
	batch       int           // most items a GPU takes at once
	load        time.Duration // to load a model
	service     time.Duration // mean of an item
	span        time.Duration // virtual time
	demand      float64       // 0: who is no whale orders again at once; else the share of the GPUs' time that is ordered
	affinity    bool          // GPUs tell what they have loaded
	lane        bool          // overdue work has its lane
	seed        uint64
}

// gpu is a worker.
type gpu struct {
	id    string
	polls int
	warm  []string // models in memory, the latest used last
}

// handout is one grant, as the plot needs it.
type handout struct {
	at     int64
	tenant *tenant
	cost   float64
	lane   bool
	due    []float64 // by class, so far
}

// simulate runs a shape in a folder of its own and removes it.
func simulate(sh shape) (_ *simulation, err error) {
	dir, err := os.MkdirTemp("", "stoker-sim-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s := &simulation{
		shape: sh, rand: rand.New(rand.NewPCG(sh.seed, 1)), settings: sh.settings(),
		byUser: map[string]*tenant{}, jobs: map[string]*errand{}, fair: &fairness{},
	}
	if s.world, err = openWorld(dir, s.settings); err != nil {
		return nil, err
	}
	defer s.world.close()
	if err := s.populate(); err != nil {
		return nil, err
	}
	if err := s.run(); err != nil {
		return nil, err
	}
	flows := make([]*flow, len(s.tenants))
	for i, t := range s.tenants {
		flows[i] = &t.flow
	}
	s.fair.close(flows, s.world.now)
	return s, nil
}

// settings are the defaults, with plans wide enough for the orders of the simulation.
func (sh shape) settings() fsm.Settings {
	s := fsm.DefaultSettings()
	for name, p := range s.Plans {
		p.MaxConcurrency, p.MaxItems, p.StartCredits = 1<<20, 1<<20, 1<<40
		if !sh.lane {
			p.MaxWait = 0
		}
		s.Plans[name] = p
	}
	long := int64(1000 * time.Hour)
	s.Budgets = fsm.Budgets{Upload: long, Execute: long, Queue: long, Run: long}
	for _, p := range simPresets {
		preset := s.Presets["interior"]
		preset.ID, preset.Price = p.id, p.price
		s.Presets[p.id] = preset
	}
	return s
}

// run goes from event to event until the span is over.
func (s *simulation) run() error {
	for s.agenda.Len() > 0 {
		next := s.agenda[0].at
		if next > int64(s.span) {
			break
		}
		s.world.now = next
		for s.agenda.Len() > 0 && s.agenda[0].at == next {
			if err := heap.Pop(&s.agenda).(event).do(); err != nil {
				return err
			}
		}
		if err := s.world.expire(); err != nil {
			return err
		}
		if err := s.lease(); err != nil {
			return err
		}
	}
	s.world.now = int64(s.span)
	return nil
}

// maxWants is how many waiting GPUs one Lease serves, as in the broker.
const maxWants = 256

// lease lets the machine match work and idle GPUs, and begins what it grants.
func (s *simulation) lease() error {
	asked := s.idle[:min(len(s.idle), maxWants)]
	ps := s.pending
	s.pending = nil
	var c fsm.Lease
	for _, g := range asked {
		w := fsm.Want{Worker: g.id, Poll: strconv.Itoa(g.polls), Max: s.batch}
		if s.affinity {
			w.Loaded = g.warm
		}
		c.Wants = append(c.Wants, w)
	}
	if len(c.Wants) > 0 {
		ps = append(ps, fsm.Propose(c))
	}
	if len(ps) == 0 {
		return nil
	}
	outcomes, err := s.world.apply(ps...)
	if err != nil || len(c.Wants) == 0 {
		return err
	}
	a, err := fsm.Answer(c, outcomes[len(outcomes)-1])
	if err != nil {
		return err
	}
	if at := a.RetryAt - dawn; a.RetryAt != 0 && at != s.retry {
		s.retry = at
		s.at(max(at-s.world.now, 1), func() error { return nil })
	}
	return s.begin(slices.Clone(asked), a.Grants)
}

// begin starts the GPUs that were granted something, in the order of the grants.
func (s *simulation) begin(asked []*gpu, grants []*fsm.Grant) error {
	var order []int
	for i, g := range grants {
		if g != nil {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return int(grants[a].Lease.Fence) - int(grants[b].Lease.Fence) })
	for _, i := range order {
		g := asked[i]
		s.idle = slices.DeleteFunc(s.idle, func(o *gpu) bool { return o == g })
		g.polls++
		s.work(g, grants[i])
	}
	// Steady tenants order again before their last item is gone.
	for _, i := range order {
		if t := s.byUser[grants[i].Job.User]; s.demand == 0 && !t.whale && t.waiting <= s.batch {
			if err := s.order(t, s.size()); err != nil {
				return err
			}
		}
	}
	return nil
}

// laneEvery is the rule under test: one grant of so many goes to overdue work, if there is any.
const laneEvery = 10

// work books a grant and puts its end on the agenda.
func (s *simulation) work(g *gpu, grant *fsm.Grant) {
	l := grant.Lease
	job := s.jobs[l.Job]
	t, n, now := job.tenant, len(l.Granted), s.world.now
	overdue := s.settings.Plans[t.class.name].MaxWait
	lane := overdue > 0 && l.Fence%laneEvery == 0 && now-job.at >= overdue
	cost := float64(n) * float64(grant.Job.Price)

	s.fair.grant(&t.flow, now, cost, lane)
	due := make([]float64, len(s.fair.classes))
	for i, c := range s.fair.classes {
		due[i] = c.ever
	}
	s.handouts = append(s.handouts, handout{now, t, cost, lane, due})
	t.waiting -= n
	t.leased += n
	s.items += n
	s.standing(t)
	if !t.whale {
		s.waited = max(s.waited, now-job.at)
	}

	var took int64
	if at := slices.Index(g.warm, l.Preset); at >= 0 {
		g.warm = append(slices.Delete(slices.Clone(g.warm), at, at+1), l.Preset)
		s.warm++
	} else {
		took += int64(s.shape.load)
		s.loads++
		g.warm = append(slices.Clone(g.warm), l.Preset)
		g.warm = g.warm[max(0, len(g.warm)-s.models):]
	}
	s.loading += took
	c := fsm.Report{Fence: l.Fence}
	for _, idx := range l.Granted {
		spent := s.exponential(s.service)
		took += spent
		s.busy += spent
		c.Results = append(c.Results, fsm.ItemResult{Idx: idx, Done: true})
	}
	s.at(took, func() error {
		s.pending = append(s.pending, fsm.Propose(c))
		t.leased -= n
		s.done += n
		s.standing(t)
		s.idle = append(s.idle, g)
		return nil
	})
}

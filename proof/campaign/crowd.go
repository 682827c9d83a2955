package campaign

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"stoker/client"
	"stoker/proof/judge"
)

// user is somebody whose operations are recorded from the first to the last.
type user struct {
	id, token string

	mu         sync.Mutex
	history    judge.History
	jobs       []*job
	rules      []string
	busy       int  // clients and workers that are at it
	leaving    bool // no client begins anything new
	sealed     bool // nothing is recorded any more
	unresolved []func(context.Context) bool
	unknown    int               // operations that are left open
	refs       map[string]string // of grants: what their clients know, by the reason in the ledger
	mark       mark
	results    []result // that were counted, with their pictures
}

// job is what its user knows of it.
type job struct {
	id     string
	items  int
	urls   []presigned
	stage  int // 0 created, 1 uploaded, 2 executed, 3 canceled; as far as somebody was told
	inputs int
}

type presigned struct {
	Idx int    `json:"idx"`
	URL string `json:"url"`
}

// mark is a state that somebody was shown, by its token.
type mark struct {
	token string
	rank  map[string]int // of jobs, that no later state may be below
}

// enter says whether a client may begin something; every true is followed by exit.
func (u *user) enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.leaving || u.busy >= atOnce || u.unknown >= openEnds {
		return false
	}
	u.busy++
	return true
}

// join is enter for workers, who have work from a user until its history is sealed.
func (u *user) join() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sealed {
		return false
	}
	u.busy++
	return true
}

func (u *user) exit() {
	u.mu.Lock()
	u.busy--
	u.mu.Unlock()
}

func (u *user) record(ops ...judge.Op) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, o := range ops {
		if o.Code == judge.Unknown && !o.Reads() {
			u.unknown++
		}
	}
	u.history.Ops = append(u.history.Ops, ops...)
}

// old says whether the user has done enough. Many open ends make a history hard to decide.
func (u *user) old() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.history.Ops) >= lifetime || u.unknown >= openEnds
}

// crowd is all users: those that are popular, in order, and what is left of those that were retired.
type crowd struct {
	fresh   chan *user // made and not yet seen by anybody
	aging   chan *user // to be retired
	popular [population]atomic.Pointer[user]
	people  atomic.Int64

	mu      sync.Mutex
	byID    map[string]*user
	retired map[string]remains
}

// remains is what a retired user had, which must never change again.
type remains struct {
	credits int64
	jobs    map[string]string // status by id
}

// begin has users made and retired as others wear them out.
func (c *crowd) begin(x *campaign, load *sync.WaitGroup) {
	c.fresh, c.aging = make(chan *user, population/2), make(chan *user, 1000)
	for range makers {
		load.Go(func() { c.make(x) })
	}
	for range auditors {
		load.Go(func() { c.retire(x) })
	}
}

// make makes users until the load ends.
func (c *crowd) make(x *campaign) {
	for !x.over() {
		if !x.calm.enter() {
			x.rest(50 * time.Millisecond)
			continue
		}
		u, err := x.newUser()
		x.calm.leave()
		if err != nil {
			x.fail(fmt.Errorf("a new user: %w", err))
			return
		}
		select {
		case c.fresh <- u:
		case <-x.leave: // nobody has seen it
		}
	}
}

// rest are the users that nobody has audited when the load is over.
func (c *crowd) rest() (all []*user) {
	for len(c.aging) > 0 {
		all = append(all, <-c.aging)
	}
	for i := range c.popular {
		if u := c.popular[i].Load(); u != nil {
			all = append(all, u)
		}
	}
	return all
}

// retire audits users that have done enough.
func (c *crowd) retire(x *campaign) {
	for {
		select {
		case u := <-c.aging:
			for !x.calm.enter() {
				x.rest(50 * time.Millisecond)
			}
			x.audit(u)
			x.calm.leave()
		case <-x.leave:
			return
		}
	}
}

// newUser signs somebody in, with or without a plan, with some credits.
func (x *campaign) newUser() (*user, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	api, err := x.patient()
	if err != nil {
		return nil, err
	}
	defer api.Close()
	n := x.crowd.people.Add(1)
	dice := rand.New(rand.NewPCG(x.Seed, uint64(n)+1_000_000))
	app := api.App("")
	in, err := app.SignIn(ctx, fmt.Sprintf("campaign-%d-%d", x.Seed, n))
	if err != nil {
		return nil, err
	}
	if dice.IntN(3) > 0 {
		if err := api.Operator().SetPlan(ctx, in.UserID, "pro"); err != nil {
			return nil, err
		}
	}
	if err := api.Operator().GrantCredits(ctx, in.UserID, int64(1+dice.IntN(30)), "welcome"); err != nil {
		return nil, err
	}
	var me client.Me
	if me, err = app.Me(ctx); err != nil {
		return nil, err
	}
	u := &user{id: in.UserID, token: in.Token, refs: map[string]string{}, mark: mark{rank: map[string]int{}}}
	u.history.Account = judge.Account{
		User: u.id, Credits: me.Credits, MaxJobs: me.Limits.MaxConcurrency, MaxRules: me.Limits.MaxRuleSlots, MaxItems: int64(me.Limits.MaxItems),
	}
	x.crowd.mu.Lock()
	x.crowd.byID[u.id] = u
	x.crowd.mu.Unlock()
	return u, nil
}

// pick gives the user at a place of the list; whoever has become old there is replaced.
func (c *crowd) pick(x *campaign, place int) *user {
	u := c.popular[place].Load()
	if u != nil && !u.old() {
		return u
	}
	select {
	case next := <-c.fresh:
		if !c.popular[place].CompareAndSwap(u, next) {
			c.fresh <- next
			return nil
		}
		if u != nil {
			c.aging <- u
		}
		return next
	default:
		return u // old, and nobody is there to take its place
	}
}

// find gives a user that is not retired.
func (c *crowd) find(id string) *user {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byID[id]
}

func (c *crowd) bury(u *user, left remains) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byID, u.id)
	c.retired[u.id] = left
}

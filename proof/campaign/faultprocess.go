package campaign

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"stoker/cli/local"
	"stoker/client"
	"stoker/proof/judge"
)

func canSuspend(*campaign) string { return local.CannotSuspend() }

var processFaults = []fault{
	{"kill-leader", ofProcess, "kill -9 of the node that leads", always, func(ctx context.Context, b *blow) error {
		lead, err := b.leader(ctx)
		if err != nil {
			return err
		}
		return b.kill(ctx, lead)
	}},
	{"kill-follower", ofProcess, "kill -9 of another node", always, func(ctx context.Context, b *blow) error {
		place, err := b.follower(ctx)
		if err != nil {
			return err
		}
		return b.kill(ctx, place)
	}},
	{"kill-all", ofProcess, "kill -9 of all nodes at once", always, func(ctx context.Context, b *blow) error {
		all := make([]int, b.places())
		for place := range all {
			all[place] = place
		}
		return b.kill(ctx, all...)
	}},
	{"pause-leader", ofProcess, "SIGSTOP of the leader; reads are queued at it when another leads, and then SIGCONT", canSuspend, pausedLeader},
	{"pause-follower", ofProcess, "SIGSTOP of another node, and SIGCONT", canSuspend, func(ctx context.Context, b *blow) error {
		place, err := b.follower(ctx)
		if err != nil {
			return err
		}
		b.hits(place)
		p := b.at(place).node.Process()
		if err := p.Suspend(); err != nil {
			return err
		}
		return errors.Join(b.hold(ctx, 500*time.Millisecond, 6*time.Second), p.Resume())
	}},
	{"rolling-restart", ofProcess, "SIGTERM of each node in turn, and its start", always, func(ctx context.Context, b *blow) error {
		b.hits(all(b.campaign)...)
		for place := range b.places() {
			n := b.at(place).node
			leaving, cancel := context.WithTimeoutCause(ctx, 15*time.Second, errors.New("it took too long"))
			err := n.Process().Stop(leaving)
			cancel()
			if err != nil {
				return err
			}
			if err := b.start(ctx, n); err != nil {
				return err
			}
		}
		return nil
	}},
	{"transfer", ofMembers, "the leadership is handed to another node, three times", always, func(ctx context.Context, b *blow) error {
		for range 3 {
			place, err := b.follower(ctx)
			if err != nil {
				return err
			}
			b.hits(place)
			_, err = b.at(place).api.Operator().TransferLeadership(ctx, b.at(place).node.ID)
			if refused := (*client.Error)(nil); err != nil && !errors.As(err, &refused) {
				return err
			}
			if err := pause(ctx, 300*time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	}},
	{"pollers", ofLoad, "5,000 workers poll at the same time", always, pollers},
}

func all(x *campaign) (places []int) {
	for place := range x.places() {
		places = append(places, place)
	}
	return places
}

// kill kills nodes at once, and leaves them dead for a while.
func (b *blow) kill(ctx context.Context, places ...int) error {
	b.hits(places...)
	var dead sync.WaitGroup
	for _, place := range places {
		dead.Go(b.at(place).node.Kill)
	}
	dead.Wait()
	return b.hold(ctx, 0, 4*time.Second)
}

// queued is how many reads wait at a leader that is paused.
const queued = 10

// pausedLeader stops the leader, has another one elected and write, queues reads at the one that sleeps, and wakes it: it believes
// to lead, and must not answer from what it has.
func pausedLeader(ctx context.Context, b *blow) error {
	lead, err := b.leader(ctx)
	if err != nil {
		return err
	}
	u := b.anybody()
	if u == nil {
		return errUnfit
	}
	defer u.exit()
	b.hits(lead)
	p := b.at(lead).node.Process()
	if err := p.Suspend(); err != nil {
		return err
	}
	defer p.Resume()
	next, err := b.leader(ctx, lead)
	if err != nil {
		return err
	}
	a := &actor{campaign: b.campaign, client: clients + hands + 100, dice: b.dice}
	acked, floor := 0, int64(0)
	for range 3 {
		got, ok := a.write(u, next)
		if ok {
			acked, floor = acked+1, got
		}
	}
	if acked == 0 {
		return fmt.Errorf("%w: the new leader acknowledged nothing", errUnfit)
	}
	var waiting sync.WaitGroup
	for i := range queued {
		asker := &actor{campaign: b.campaign, client: clients + hands + 101 + i, dice: rand.New(rand.NewPCG(1, uint64(i)))}
		waiting.Go(func() { asker.readAt(u, lead) })
	}
	err = b.hold(ctx, 100*time.Millisecond, 2*time.Second)
	if e := p.Resume(); e != nil {
		return e
	}
	waiting.Wait()
	b.event.Note = fmt.Sprintf("%d reads were queued behind %d writes, the last of which left %d credits", queued, acked, floor)
	return err
}

// anybody is a user who is in the middle of everything; exit follows.
func (x *campaign) anybody() *user {
	for i := range x.crowd.popular {
		if u := x.crowd.popular[i].Load(); u != nil && u.enter() {
			return u
		}
	}
	return nil
}

// write books a credit at a node; the operation is recorded as any other.
func (a *actor) write(u *user, place int) (credits int64, ok bool) {
	o := a.begin(judge.Grant)
	o.Amount, o.Node = 1, a.at(place).node.ID
	ref := fmt.Sprintf("g-%d", a.number())
	got := a.once(place, request{
		method: "POST", path: "/admin/users/" + u.id + "/credits", token: a.where.AdminToken, key: ref, body: map[string]any{"amount": 1, "reason": ref},
	})
	var me struct{ Credits int64 }
	got.into(&me)
	o.Credits = me.Credits
	a.finish(&o, got)
	u.mu.Lock()
	u.refs[ref] = got.code
	u.mu.Unlock()
	u.record(o)
	return me.Credits, got.code == ""
}

// readAt reads at one node. That it is not stale is for the judge of the user's history to say: others write meanwhile.
func (a *actor) readAt(u *user, place int) {
	o := a.begin(judge.ReadMe)
	o.Node = a.at(place).node.ID
	got := a.once(place, request{method: "GET", path: "/me", token: u.token})
	show(&o, &got)
	a.finish(&o, got)
	u.record(o)
	if got.code == "" {
		a.verdicts.passed(ruleStale)
	}
}

// crowdOf is how many workers poll at once.
const crowdOf = 5000

// pollers park thousands of polls for a preset of which there is no work, besides all that goes on.
func pollers(ctx context.Context, b *blow) error {
	b.hits(all(b.campaign)...)
	var polls sync.WaitGroup
	var mu sync.Mutex
	said := map[int]int{}
	for i := range crowdOf {
		polls.Go(func() {
			got := b.park(i)
			mu.Lock()
			said[got.status]++
			mu.Unlock()
		})
		if i%50 == 0 {
			if err := pause(ctx, 50*time.Millisecond); err != nil {
				break
			}
		}
	}
	polls.Wait()
	b.event.Note = fmt.Sprintf("%d of %d were answered that there is no work", said[204], crowdOf)
	return nil
}

// park polls at a node's own port: there are not descriptors enough for a crowd behind a switchboard.
func (b *blow) park(i int) answer {
	place := i % b.places()
	return b.send("http://"+b.at(place).direct, place, request{
		method: "POST", path: "/queue/lease", token: b.where.WorkerToken, limit: 40 * time.Second,
		body: map[string]any{"worker_id": fmt.Sprintf("crowd-%d", i), "max_items": 1, "wait_s": 6, "presets": []string{"seller"}},
	})
}

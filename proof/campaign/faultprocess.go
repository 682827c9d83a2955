package campaign

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"stoker/cli/local"
	"stoker/client"
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
	u, ok := b.lone(lead)
	if !ok {
		return fmt.Errorf("%w: nobody could sign in", errUnfit)
	}
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
	floor := u.credits
	for range 3 {
		if credits, ok := b.grantTo(u, next); ok {
			floor = credits
		}
	}
	if floor == u.credits {
		return fmt.Errorf("%w: the new leader acknowledged nothing", errUnfit)
	}
	var waiting sync.WaitGroup
	for range queued {
		waiting.Go(func() { b.notBelow(u, lead, floor) })
	}
	err = b.hold(ctx, 100*time.Millisecond, 2*time.Second)
	if e := p.Resume(); e != nil {
		return e
	}
	waiting.Wait()
	b.event.Note = fmt.Sprintf("%d reads were queued behind writes, the last of which left %d credits", queued, floor)
	return err
}

// loner is a user whom only one fault knows: nobody spends its credits, which can only grow.
type loner struct {
	id, token string
	credits   int64
}

func (b *blow) lone(place int) (u loner, ok bool) {
	var in struct {
		UserID string `json:"user_id"`
		Token  string
	}
	got := b.once(place, request{method: "POST", path: "/auth/anon", body: map[string]any{"device_hash": fmt.Sprintf("lone-%d-%d", b.Seed, b.number())}})
	got.into(&in)
	u = loner{id: in.UserID, token: in.Token}
	if got.code != "" {
		return u, false
	}
	u.credits, ok = b.creditsOf(u, place)
	return u, ok
}

// creditsOf reads at one node.
func (b *blow) creditsOf(u loner, place int) (credits int64, ok bool) {
	var me struct{ Credits int64 }
	got := b.once(place, request{method: "GET", path: "/me", token: u.token})
	got.into(&me)
	return me.Credits, got.code == ""
}

// grantTo books a credit at a node and gives what there is then.
func (b *blow) grantTo(u loner, place int) (credits int64, ok bool) {
	var me struct{ Credits int64 }
	ref := fmt.Sprintf("lone-%d", b.number())
	got := b.once(place, request{
		method: "POST", path: "/admin/users/" + u.id + "/credits", token: b.where.AdminToken, key: ref, body: map[string]any{"amount": 1, "reason": ref},
	})
	got.into(&me)
	return me.Credits, got.code == ""
}

// notBelow reads at one node: it may have no answer, but none that is older than what was acknowledged before.
func (b *blow) notBelow(u loner, place int, floor int64) {
	if credits, ok := b.creditsOf(u, place); ok {
		b.verdicts.check(ruleStale, credits >= floor, "%s showed %d credits of user %s when %d had been acknowledged before it was asked", b.event.Node, credits, u.id, floor)
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

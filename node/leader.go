package node

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// leaderWatch is whom this node takes for the leader, and the news of a change.
// It is a hint where to ask: who is asked and does not lead says so.
type leaderWatch struct {
	mu      sync.Mutex
	id      string // "" when unknown
	changed bell
}

func (l *leaderWatch) set(id string) (was string) {
	l.mu.Lock()
	was, l.id = l.id, id
	l.mu.Unlock()
	if was != id {
		l.changed.ring()
	}
	return was
}

// get gives the leader and a channel that is closed when it changes.
func (l *leaderWatch) get() (id string, changed <-chan struct{}) {
	changed = l.changed.listen()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id, changed
}

// retryEvery is how soon an attempt that failed is made again at the same leader.
const retryEvery = 50 * time.Millisecond

// pause waits a little after an attempt at leader failed, less if there is a new one.
func (l *leaderWatch) pause(ctx context.Context, leader string) {
	t := time.NewTimer(retryEvery)
	defer t.Stop()
	for {
		now, changed := l.get()
		if now != "" && now != leader {
			return
		}
		select {
		case <-changed:
		case <-t.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// await gives the leader once there is one.
func (l *leaderWatch) await(ctx context.Context) (string, error) {
	for {
		id, changed := l.get()
		if id != "" {
			return id, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// during gives a context that ends when another node leads: what waits for an
// answer of a leader that was lost without a word should ask the new one.
func (l *leaderWatch) during(ctx context.Context, leader string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for {
			now, changed := l.get()
			if now != "" && now != leader {
				cancel()
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, cancel
}

// watchLeader follows whom Raft takes for the leader.
func (n *Node) watchLeader() {
	news := make(chan raft.Observation, 1) // one that waits is enough: what is true now is read below
	o := raft.NewObserver(news, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	})
	n.raft.RegisterObserver(o)
	update := func() {
		_, id := n.raft.LeaderWithID()
		if was := n.leader.set(string(id)); was != string(id) {
			if id != "" {
				n.metrics.leaders.Inc()
			}
			n.log.Info("leader", "leader", id, "was", was, "term", n.raft.CurrentTerm())
		}
	}
	update()
	n.wg.Go(func() {
		defer n.raft.DeregisterObserver(o)
		for {
			select {
			case <-news:
				update()
			case <-n.ctx.Done():
				return
			}
		}
	})
}

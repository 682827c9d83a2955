package client

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// longestEar is the longest that a control is parked. A lease's life may shorten it.
	longestEar = 20 * time.Second
	// pause follows a control that was answered early with nothing new, and spaces what is told of progress.
	pause = 500 * time.Millisecond
	// gather is how long a parked control waits for more grants before it is asked anew for all.
	gather = 50 * time.Millisecond
	// oldServer is how long a cluster that knows no control is not asked for one again: it may be in the middle of an upgrade.
	oldServer = 5 * time.Minute
)

// keeper holds the leases of a worker: it renews them, tells progress, and hears of cancels and losses.
//
// It is one parked control that names them all. A new lease cuts it and is in the next: it is only held once its worker was heard
// of, and its cancels shall come at once too. Progress does not cut it but goes beside it. A cluster that has no control gets a
// heartbeat for each lease, and tells cancels with those.
//
// If the cluster cannot be reached the work goes on: a new leader grants every lease a full TTL, and the fence refuses what came
// too late.
type keeper struct {
	queue   *Queue
	log     *slog.Logger
	worker  string
	session func() string
	obey    func(Directive) bool
	wake    chan struct{} // a lease was added
	moved   chan struct{} // an item progressed

	mu     sync.Mutex
	leases map[string]*lease
	ttl    time.Duration // as the cluster last said; zero: not yet
	old    time.Time     // until then it is taken for one that has no control
}

func newKeeper(q *Queue, worker string, log *slog.Logger) *keeper {
	return &keeper{
		queue: q, log: log, worker: worker, leases: map[string]*lease{},
		wake: make(chan struct{}, 1), moved: make(chan struct{}, 1),
	}
}

func (k *keeper) add(l *lease) {
	k.mu.Lock()
	k.leases[l.grant.LeaseID] = l
	k.mu.Unlock()
	ring(k.wake)
}

func (k *keeper) remove(l *lease) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.leases, l.grant.LeaseID)
}

// lease is nil if it is not held.
func (k *keeper) lease(id string) *lease {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.leases[id]
}

// held lists what must be renewed, in a fixed order.
func (k *keeper) held() (open []*lease) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(k.leases)) {
		if l := k.leases[id]; l.open() {
			open = append(open, l)
		}
	}
	return open
}

func (k *keeper) ids() (ids []string) {
	for _, l := range k.held() {
		ids = append(ids, l.grant.LeaseID)
	}
	return ids
}

// keep runs until ctx ends.
func (k *keeper) keep(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { k.listen(ctx) })
	both.Go(func() { k.tell(ctx) })
	both.Wait()
}

// listen renews and hears.
func (k *keeper) listen(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-k.wake: // what was added is in held
		default:
		}
		leases := k.held()
		switch {
		case len(leases) == 0:
			select {
			case <-k.wake:
			case <-ctx.Done():
			}
		case k.isOld():
			k.beat(ctx, leases)
		default:
			k.park(ctx, leases)
		}
	}
}

// park is one control for leases, from its arrival to its answer or a new lease.
func (k *keeper) park(ctx context.Context, leases []*lease) {
	wait := k.wait(leases)
	ask := k.ask(leases)
	ask.WaitS = int(wait / time.Second)
	began := time.Now()
	asking, cut := context.WithCancel(ctx)
	defer cut()
	var answer Controlled
	var err error
	answered := make(chan struct{})
	go func() {
		answer, err = k.queue.Control(asking, ask)
		close(answered)
	}()
	grown := false
	select {
	case <-answered:
	case <-k.wake:
		grown = true
		select {
		case <-time.After(gather):
		case <-answered:
		}
		cut()
		<-answered
	}
	switch {
	case err == nil:
		ended := slices.ContainsFunc(leases, func(l *lease) bool { return !l.open() }) // may be all that there was to say
		if !k.heed(answer) && !grown && !ended && time.Since(began) < wait {
			k.rest(ctx, pause)
		}
	case grown || ctx.Err() != nil:
	case lacks(err):
		k.takeForOld()
	default:
		k.log.Warn("control failed", "err", err)
		k.rest(ctx, pause)
	}
}

// ask names leases and what is known of them.
func (k *keeper) ask(leases []*lease) Control {
	ask := Control{WorkerID: k.worker, SessionID: k.session()}
	for _, l := range leases {
		ask.Leases = append(ask.Leases, LeaseBeat{LeaseID: l.grant.LeaseID})
		if idx := l.cancels(); len(idx) > 0 {
			ask.Told = append(ask.Told, Told{LeaseID: l.grant.LeaseID, Idx: idx})
		}
	}
	return ask
}

// heed does what an answer says and reports whether any of it was news.
func (k *keeper) heed(answer Controlled) (news bool) {
	if answer.TTLS > 0 {
		k.setTTL(time.Duration(answer.TTLS) * time.Second)
	}
	for _, state := range answer.Leases {
		if l := k.lease(state.LeaseID); l != nil && l.drop(state.Cancel) {
			news = true
		}
	}
	lost := k.lose(answer.Lost)
	return k.obey(answer.Directive) || lost || news
}

// lose drops the leases that are no longer ours; what is over has no need to be lost.
func (k *keeper) lose(ids []string) (news bool) {
	for _, id := range ids {
		if l := k.lease(id); l != nil && l.open() {
			l.lose()
			news = true
		}
	}
	return news
}

// tell sends progress on, beside the parked control and never more than twice a second.
func (k *keeper) tell(ctx context.Context) {
	for {
		select {
		case <-k.moved:
		case <-ctx.Done():
			return
		}
		if k.isOld() {
			continue // it goes with the heartbeats
		}
		var leases []*lease
		var beats []LeaseBeat
		for _, l := range k.held() {
			if p := l.progress(); len(p) > 0 {
				leases, beats = append(leases, l), append(beats, LeaseBeat{LeaseID: l.grant.LeaseID, Progress: p})
			}
		}
		if len(leases) == 0 {
			continue
		}
		ask := k.ask(leases)
		ask.Leases = beats
		answer, err := k.queue.Control(ctx, ask)
		switch {
		case err == nil:
			for i, l := range leases {
				l.tell(beats[i].Progress)
			}
			k.heed(answer)
		case lacks(err):
			k.takeForOld()
		case ctx.Err() == nil:
			k.log.Warn("progress not told", "err", err)
			ring(k.moved)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// wait is how long a control for leases may be parked: a third of their life, so that a node which hangs costs none.
func (k *keeper) wait(leases []*lease) time.Duration {
	k.mu.Lock()
	ttl := k.ttl
	k.mu.Unlock()
	if ttl == 0 {
		ttl = leases[0].ttl()
		for _, l := range leases {
			ttl = min(ttl, l.ttl())
		}
	}
	return max(min(ttl/3, longestEar).Truncate(time.Second), time.Second)
}

func (k *keeper) setTTL(ttl time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ttl = ttl
}

func (k *keeper) isOld() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Now().Before(k.old)
}

func (k *keeper) takeForOld() {
	k.log.Info("the cluster has no control; heartbeats instead")
	k.mu.Lock()
	k.old = time.Now().Add(oldServer)
	k.mu.Unlock()
	ring(k.wake)
}

// rest waits for d or a new lease.
func (k *keeper) rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-k.wake:
	case <-ctx.Done():
	}
}

// ring wakes the one who waits for the bell, now or when it next looks.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

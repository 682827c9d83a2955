package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// lease is one grant being worked on. Its items are open until the cluster knows their end or they are no longer ours.
//
// Each item leaves `working` exactly once, by whoever takes it out: its handler's end, a cancel, the drain, or the lease's loss.
// Only the one who took it may speak for it, so an item is never both reported and given back.
type lease struct {
	queue *Queue
	grant *Grant
	log   *slog.Logger

	mu      sync.Mutex
	working map[int]*Item
	unsent  int           // results on their way
	told    map[int]int64 // the progress that the cluster knows
	over    chan struct{} // closed when nothing is open any more
}

func newLease(q *Queue, g *Grant, log *slog.Logger) *lease {
	return &lease{
		queue: q, grant: g,
		log:     log.With("job", g.JobID, "lease", g.LeaseID),
		working: map[int]*Item{},
		told:    map[int]int64{},
		over:    make(chan struct{}),
	}
}

// ttl is how long the cluster waits for a sign of life.
func (l *lease) ttl() time.Duration { return time.Duration(max(l.grant.TTLS, 3)) * time.Second }

// begin opens every item before any starts, so that the lease cannot seem over while it begins.
func (l *lease) begin(ctx context.Context) (items []*Item, contexts []context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, granted := range l.grant.Items {
		itemCtx, cancel := context.WithCancelCause(ctx)
		item := &Item{
			GrantItem: granted, JobID: l.grant.JobID, UserID: l.grant.UserID, Preset: l.grant.Preset,
			Concepts: l.grant.Concepts, Protect: l.grant.Protect, Attempt: l.grant.Attempt,
			client: l.queue.client, cancel: cancel,
		}
		l.working[granted.Idx] = item
		items = append(items, item)
		contexts = append(contexts, itemCtx)
	}
	return items, contexts
}

// keep holds the lease until it is over. When draining is closed it gives back what is still being worked on, and stays for the
// results that are on their way.
func (l *lease) keep(ctx context.Context, draining <-chan struct{}) {
	renewing, stop := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() { l.renew(renewing); close(stopped) }()
	select {
	case <-draining: // at once, whatever a heartbeat is waiting for
		l.giveBack(ctx)
	case <-l.over:
	case <-ctx.Done():
	}
	select {
	case <-l.over:
	case <-ctx.Done():
	}
	stop()
	<-stopped
}

// renew sends heartbeats, the first at once: a fresh grant is short until its worker shows that it lives.
func (l *lease) renew(ctx context.Context) {
	every := l.ttl() / 3
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		l.beat(ctx, every)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// beat is one heartbeat. If the cluster cannot be reached the work goes on: a new leader grants every lease a full TTL, and the
// fence refuses what came too late.
func (l *lease) beat(ctx context.Context, patience time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	progress := l.progress()
	answer, err := l.queue.Heartbeat(ctx, l.grant.LeaseID, progress)
	switch {
	case l.ended(): // meanwhile; what the cluster says of it does not matter
	case Is(err, CodeLeaseLost):
		l.lose()
	case err != nil:
		l.log.Warn("heartbeat failed", "err", err)
	default:
		l.tell(progress)
		for _, idx := range answer.Cancel {
			if item := l.take(idx); item != nil {
				l.log.Info("item canceled", "idx", idx)
				item.cancel(ErrCanceled)
				l.settle()
			}
		}
	}
}

// finish reports a handler's end, unless the item is no longer ours to speak of.
func (l *lease) finish(ctx context.Context, item *Item, result ItemResult) {
	if !l.report(item.Idx) {
		return
	}
	defer l.reported()
	_, err := l.queue.Results(ctx, l.grant.LeaseID, result)
	var refused *Error
	switch {
	case err == nil:
		l.log.Info("item reported", "idx", item.Idx, "status", result.Status, "error", result.Error)
	case Is(err, CodeLeaseLost):
		l.lose()
	case errors.As(err, &refused) && ctx.Err() == nil:
		// The cluster will never take this result. Give the item back instead of letting it wait for the lease to run out.
		l.log.Error("result refused", "idx", item.Idx, "err", err)
		l.release(ctx, "result refused: "+refused.Code, item.Idx)
	default:
		l.log.Error("result not delivered", "idx", item.Idx, "err", err)
	}
}

// giveBack releases what is still being worked on and stops it. The release comes first: a handler that does not heed its context
// must not delay it.
func (l *lease) giveBack(ctx context.Context) {
	l.mu.Lock()
	items := l.takeAll()
	l.mu.Unlock()
	if len(items) > 0 {
		var idx []int
		for _, item := range items {
			idx = append(idx, item.Idx)
		}
		slices.Sort(idx)
		l.release(ctx, "drain", idx...)
	}
	for _, item := range items {
		item.cancel(ErrDraining)
	}
	l.settle()
}

func (l *lease) release(ctx context.Context, reason string, idx ...int) {
	n, err := l.queue.Release(ctx, l.grant.LeaseID, reason, idx...)
	if err != nil && !Is(err, CodeLeaseLost) {
		l.log.Error("release failed", "idx", idx, "err", err)
		return
	}
	l.log.Info("items released", "idx", idx, "requeued", n, "reason", reason)
}

// lose drops everything: from now on nothing may be said under this lease.
func (l *lease) lose() {
	l.mu.Lock()
	items := l.takeAll()
	l.mu.Unlock()
	l.log.Warn("lease lost", "items", len(items))
	for _, item := range items {
		item.cancel(ErrLeaseLost)
	}
	l.settle()
}

// take removes an item from working and so makes the caller the one who speaks for it; nil if somebody else did.
func (l *lease) take(idx int) *Item {
	l.mu.Lock()
	defer l.mu.Unlock()
	item := l.working[idx]
	delete(l.working, idx)
	return item
}

// report is take for a result: the item stays open until reported.
func (l *lease) report(idx int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.working[idx] == nil {
		return false
	}
	delete(l.working, idx)
	l.unsent++
	return true
}

func (l *lease) reported() {
	l.mu.Lock()
	l.unsent--
	l.mu.Unlock()
	l.settle()
}

// takeAll is take of everything. The caller holds mu.
func (l *lease) takeAll() (items []*Item) {
	for _, item := range l.working {
		items = append(items, item)
	}
	clear(l.working)
	return items
}

// settle closes over when the last item is settled.
func (l *lease) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.working) == 0 && l.unsent == 0 && !l.ended() {
		close(l.over)
	}
}

func (l *lease) ended() bool {
	select {
	case <-l.over:
		return true
	default:
		return false
	}
}

// progress lists what changed since the cluster was last told.
func (l *lease) progress() (changed []Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for idx, item := range l.working {
		if now := item.percent.Load(); now != l.told[idx] {
			changed = append(changed, Progress{Idx: idx, Percent: int(now)})
		}
	}
	slices.SortFunc(changed, func(a, b Progress) int { return a.Idx - b.Idx })
	return changed
}

func (l *lease) tell(progress []Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range progress {
		l.told[p.Idx] = int64(p.Percent)
	}
}

// handle runs the worker's handler and turns a panic into an attempt that failed: it burns one attempt of one picture, not the
// process with all that it holds.
func handle(ctx context.Context, h func(context.Context, *Item) (Result, error), item *Item) (made Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Retryable(fmt.Errorf("the handler panicked: %v", p))
		}
	}()
	return h(ctx, item)
}

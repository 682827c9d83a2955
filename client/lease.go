package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// lease is one grant being worked on. Its items are open until the cluster knows their end or they are no longer ours.
//
// Each item leaves `working` exactly once, by whoever takes it out: its handler's end, a cancel, the drain, the end of its budget,
// or the lease's loss. Only the one who took it may speak for it, so an item is never both reported and given back.
type lease struct {
	queue *Queue
	grant *Grant
	spool *spool
	log   *slog.Logger

	mu      sync.Mutex
	working map[int]*Item
	sending int                // words on their way
	unsent  map[int]ItemResult // results that were neither acknowledged nor refused
	told    map[int]int64      // the progress that the cluster knows
	dropped map[int]bool       // the cancels that we know
	lost    bool
	over    chan struct{} // closed when nothing is open any more
	budget  budget

	spooling sync.Mutex // held while the spool's file is brought up to date; before mu
}

func newLease(q *Queue, g *Grant, spool *spool, log *slog.Logger) *lease {
	return &lease{
		queue: q, grant: g, spool: spool,
		log:     log.With("job", g.JobID, "lease", g.LeaseID),
		working: map[int]*Item{},
		unsent:  map[int]ItemResult{},
		told:    map[int]int64{},
		dropped: map[int]bool{},
		over:    make(chan struct{}),
	}
}

// ttl is how long the cluster waits for the first sign of life.
func (l *lease) ttl() time.Duration { return time.Duration(max(l.grant.TTLS, 3)) * time.Second }

// begin opens every item before any starts, so that the lease cannot seem over while it begins. A warm worker has the model in
// memory. moved is called when an item has progressed.
func (l *lease) begin(ctx context.Context, warm bool, moved func()) (items []*Item, contexts []context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, granted := range l.grant.Items {
		itemCtx, cancel := context.WithCancelCause(WithTraceparent(ctx, l.grant.Traceparent))
		item := &Item{
			GrantItem: granted, JobID: l.grant.JobID, UserID: l.grant.UserID, Preset: l.grant.Preset,
			Concepts: l.grant.Concepts, Protect: l.grant.Protect, Attempt: l.grant.Attempt,
			client: l.queue.client, cancel: cancel, moved: moved,
		}
		l.working[granted.Idx] = item
		items = append(items, item)
		contexts = append(contexts, itemCtx)
	}
	l.budget.begin(l.grant, warm, func() { l.outOfTime(ctx) })
	return items, contexts
}

// conclude speaks for an item whose handler has ended after took, unless it is no longer ours to speak of. The item's own context
// is handling, ctx the lease's.
func (l *lease) conclude(ctx, handling context.Context, item *Item, made Result, err error, took time.Duration) {
	if _, after := causeOf(err); after > 0 {
		l.putOff(ctx, item, after, err)
		return
	}
	l.report(ctx, item, item.outcome(made, err, took, errors.Is(context.Cause(handling), ErrOverBudget)))
}

// report tells the cluster an item's end.
func (l *lease) report(ctx context.Context, item *Item, result ItemResult) {
	if !l.take(item.Idx, &result) {
		return
	}
	defer l.said()
	l.jot(true)
	_, err := l.queue.Results(WithTraceparent(ctx, l.grant.Traceparent), l.grant.LeaseID, result)
	var refused *Error
	switch {
	case err == nil:
		l.log.Info("item reported", "idx", item.Idx, "status", result.Status, "cause", result.Cause, "error", result.Error)
	case Is(err, CodeLeaseLost):
		l.lose()
	case errors.As(err, &refused) && ctx.Err() == nil:
		// The cluster will never take this result. Give the item back instead of letting it wait for the lease to run out.
		l.log.Error("result refused", "idx", item.Idx, "err", err)
		l.release(ctx, Release{Reason: "result refused: " + refused.Code, Items: []int{item.Idx}})
	default: // what is in the spool is sent by the next life
		l.log.Error("result not delivered", "idx", item.Idx, "spooled", l.spool != nil, "err", err)
		return
	}
	l.mu.Lock()
	delete(l.unsent, item.Idx)
	l.mu.Unlock()
	l.jot(false)
}

// putOff gives an item back with a delay, as its handler asked. It is as dear as a result: if it got lost, the item would be held
// for as long as its neighbours are.
func (l *lease) putOff(ctx context.Context, item *Item, after time.Duration, why error) {
	if !l.take(item.Idx, nil) {
		return
	}
	defer l.said()
	l.release(ctx, Release{Items: []int{item.Idx}, DelayS: seconds(after), Reason: clip("retry: " + why.Error())})
}

// giveBack releases what is still being worked on and stops it. The release comes first: a handler that does not heed its context
// must not delay it.
func (l *lease) giveBack(ctx context.Context) {
	l.mu.Lock()
	items := l.takeAll()
	l.sending++
	l.mu.Unlock()
	defer l.said()
	if len(items) > 0 {
		l.release(ctx, Release{Reason: "drain", Items: slices.Sorted(maps.Keys(items))})
	}
	for _, item := range items {
		item.cancel(ErrDraining)
	}
}

func (l *lease) release(ctx context.Context, what Release) {
	n, err := l.queue.release(WithTraceparent(ctx, l.grant.Traceparent), l.grant.LeaseID, what, forever)
	if err != nil && !Is(err, CodeLeaseLost) {
		l.log.Error("release failed", "idx", what.Items, "err", err)
		return
	}
	l.log.Info("items released", "idx", what.Items, "requeued", n, "reason", what.Reason)
}

// lose drops everything: from now on nothing may be said under this lease.
func (l *lease) lose() {
	l.mu.Lock()
	items, known := l.takeAll(), l.lost
	l.lost = true
	l.mu.Unlock()
	if !known { // also when the last item had ended, and it is its result that was refused
		l.log.Warn("lease lost", "items", len(items))
	}
	for _, item := range items {
		item.cancel(ErrLeaseLost)
	}
	l.settle()
}

// drop stops canceled items; news tells whether one of them was not known to be.
func (l *lease) drop(canceled []int) (news bool) {
	for _, idx := range canceled {
		l.mu.Lock()
		item, known := l.working[idx], l.dropped[idx]
		delete(l.working, idx)
		l.dropped[idx] = true
		l.budget.moved(len(l.working))
		l.mu.Unlock()
		news = news || !known
		if item != nil {
			l.log.Info("item canceled", "idx", idx)
			item.cancel(ErrCanceled)
		}
	}
	l.settle()
	return news
}

// take removes an item from working and so makes the caller the one who speaks for it, until said; false if somebody else did.
// The result, if that is what will be said, is unsent from now on.
func (l *lease) take(idx int, result *ItemResult) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.working[idx] == nil {
		return false
	}
	delete(l.working, idx)
	l.sending++
	if result != nil {
		l.unsent[idx] = *result
	}
	l.budget.moved(len(l.working))
	return true
}

func (l *lease) said() {
	l.mu.Lock()
	l.sending--
	l.mu.Unlock()
	l.settle()
}

// takeAll is take of everything. The caller holds mu.
func (l *lease) takeAll() map[int]*Item {
	items := l.working
	l.working = map[int]*Item{}
	l.budget.moved(0)
	return items
}

// settle closes over when the last item is settled.
func (l *lease) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.working) == 0 && l.sending == 0 && !l.ended() {
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

// open reports whether the lease must be renewed.
func (l *lease) open() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.lost && !l.ended()
}

// jot brings the spool's file up to date. After an acknowledgement it may stay behind, but must go with the last result.
func (l *lease) jot(added bool) {
	l.spooling.Lock()
	defer l.spooling.Unlock()
	l.mu.Lock()
	unsent := slices.SortedFunc(maps.Values(l.unsent), func(a, b ItemResult) int { return a.Idx - b.Idx })
	l.mu.Unlock()
	var err error
	switch {
	case len(unsent) == 0:
		err = l.spool.drop(l.grant.LeaseID)
	case added:
		err = l.spool.keep(owed{Lease: l.grant.LeaseID, Results: unsent})
	}
	if err != nil { // a crash would cost these results; not sending them would cost them for certain
		l.log.Error("the spool does not work", "err", err)
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

// cancels are those that we know.
func (l *lease) cancels() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.dropped))
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

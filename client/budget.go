package client

import (
	"context"
	"errors"
	"time"
)

// stuckAfter is how long a handler may take to return after its budget ran out, before the item is reported without it.
const stuckAfter = 5 * time.Second

// budget bounds the time that a lease's items take, by the cluster's own reckoning: so much for loading the model, and for each
// item its share of the lease's execution budget.
//
// The items of a lease are in work together and may have to wait for each other at the GPU, so no item's share begins with its
// handler. It begins whenever one of them has ended: within a share another one must, or all that are left are out of time.
// Together they never take longer than the cluster grants, and one that hangs is found after one share. The lease's mu guards it.
type budget struct {
	share time.Duration
	clock *time.Timer // nil: no bound, or it has run out
}

// begin starts the clock. A warm worker needs no time to load.
func (b *budget) begin(g *Grant, warm bool, out func()) {
	if g.ExecBudgetS <= 0 || len(g.Items) == 0 {
		return
	}
	b.share = time.Duration(g.ExecBudgetS) * time.Second / time.Duration(len(g.Items))
	load := time.Duration(g.LoadBudgetS) * time.Second
	if warm {
		load = 0
	}
	b.clock = time.AfterFunc(load+b.share, out)
}

// moved begins the next share, or stops the clock when nothing is left in work.
func (b *budget) moved(left int) {
	switch {
	case b.clock == nil:
	case left == 0:
		b.clock.Stop()
		b.clock = nil
	default:
		b.clock.Reset(b.share)
	}
}

// outOfTime ends the contexts of all that is in work. A handler that does not heed that is spoken for, so that the cluster can go
// on with its item; its slot stays taken for as long as it runs.
func (l *lease) outOfTime(ctx context.Context) {
	l.mu.Lock()
	l.budget.clock = nil
	var late []*Item
	for _, item := range l.working {
		late = append(late, item)
	}
	l.mu.Unlock()
	if len(late) == 0 {
		return
	}
	l.log.Warn("out of time", "items", len(late), "share", l.budget.share)
	for _, item := range late {
		item.cancel(ErrOverBudget)
	}
	time.AfterFunc(stuckAfter, func() {
		stuck := Timeout(errors.New("the handler is stuck: it did not return when its time was over"))
		for _, item := range late {
			go l.report(ctx, item, item.outcome(Result{}, stuck, l.budget.share, true))
		}
	})
}

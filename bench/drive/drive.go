package drive

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Do is one operation of one client.
type Do func(ctx context.Context, client int) error

// Span is how long to drive: Warm unmeasured, then For. If Ops is not 0 the run also ends after so many operations, the
// unmeasured ones included, of which there is a quarter at most: a fast system would otherwise be through before it is measured.
// It ends in any case when Enough is closed.
type Span struct {
	Warm, For time.Duration
	Ops       int
	Enough    <-chan struct{} // nil: it never is
}

// Run is what was measured.
type Run struct {
	Began, Ended time.Time // of the measured part
	ops          []op      // by what they took
	warm         int
}

// op is one operation: when it began, or was due, and what it took.
type op struct {
	began time.Time
	took  time.Duration
}

// Closed has n clients do one operation after another.
func Closed(ctx context.Context, n int, span Span, do Do) (*Run, error) {
	return run(ctx, n, span, func(ctx context.Context, client int, d *driver) error {
		for d.goesOn(ctx) {
			start := time.Now()
			if i := d.next(); !d.counts(i, start) {
				return nil
			}
			if err := do(ctx, client); err != nil {
				return err
			}
			d.note(client, start)
		}
		return nil
	})
}

// Open begins so many operations a second, evenly, with up to n of them under way. What is due while all clients are busy
// waits, and its waiting counts.
func Open(ctx context.Context, n int, perSecond float64, span Span, do Do) (*Run, error) {
	return run(ctx, n, span, func(ctx context.Context, client int, d *driver) error {
		for d.goesOn(ctx) {
			i := d.next()
			due := d.began.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
			if !d.counts(i, due) {
				return nil
			}
			if !d.until(ctx, due) {
				return nil
			}
			if err := do(ctx, client); err != nil {
				return err
			}
			d.note(client, due)
		}
		return nil
	})
}

// driver is a run that goes on.
type driver struct {
	Span
	began time.Time
	warm  atomic.Int64 // what is unmeasured, a time.Duration
	begun atomic.Int64 // operations
	ops   [][]op       // by client
	early []int        // of them, unmeasured
	last  []time.Time
}

func run(ctx context.Context, n int, span Span, each func(context.Context, int, *driver) error) (*Run, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d := &driver{Span: span, began: time.Now(), ops: make([][]op, n), early: make([]int, n), last: make([]time.Time, n)}
	d.warm.Store(int64(span.Warm))
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := each(ctx, i, d); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	r := &Run{Began: d.from(), Ended: slices.MaxFunc(d.last, time.Time.Compare)}
	for i, ops := range d.ops {
		r.ops = append(r.ops, ops...)
		r.warm += d.early[i]
	}
	slices.SortFunc(r.ops, func(a, b op) int { return cmp.Compare(a.took, b.took) })
	return r, nil
}

// from and to are the measured time.
func (d *driver) from() time.Time { return d.began.Add(time.Duration(d.warm.Load())) }
func (d *driver) to() time.Time   { return d.from().Add(d.For) }

func (d *driver) goesOn(ctx context.Context) bool {
	select {
	case <-d.Enough:
		return false
	default:
		return ctx.Err() == nil && time.Now().Before(d.to())
	}
}

// next gives an operation its number.
func (d *driver) next() int64 { return d.begun.Add(1) - 1 }

// counts says whether there is work for an operation of a number, which begins or is due then. The first one beyond a quarter of the work
// ends the unmeasured part.
func (d *driver) counts(i int64, begins time.Time) bool {
	if d.Ops == 0 {
		return true
	}
	if warm := begins.Sub(d.began); i == int64(d.Ops/4) && warm < d.Warm {
		d.warm.Store(int64(warm))
	}
	return i < int64(d.Ops)
}

// until waits for an operation that is due, unless that is after the end.
func (d *driver) until(ctx context.Context, due time.Time) bool {
	if !due.Before(d.to()) {
		return false
	}
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-d.Enough:
		return false
	case <-ctx.Done():
		return false
	}
}

// note books an operation that began, or was due, at a time.
func (d *driver) note(client int, start time.Time) {
	if start.Before(d.from()) {
		d.early[client]++
		return
	}
	now := time.Now()
	d.ops[client] = append(d.ops[client], op{start, now.Sub(start)})
	d.last[client] = now
}

// Ops is how many operations were measured.
func (r *Run) Ops() int { return len(r.ops) }

// All is how many there were with those before the measured time: what the whole run has cost is divided by them.
func (r *Run) All() int { return len(r.ops) + r.warm }

// PerSecond is the throughput.
func (r *Run) PerSecond() float64 {
	if len(r.ops) == 0 {
		return 0
	}
	return float64(len(r.ops)) / r.Ended.Sub(r.Began).Seconds()
}

// Percentile is the time that so many percent of the operations took at most: 50 is the median, 100 the longest. 0 without
// any.
func (r *Run) Percentile(p float64) time.Duration {
	if len(r.ops) == 0 {
		return 0
	}
	return r.ops[min(int(float64(len(r.ops))*p/100), len(r.ops)-1)].took
}

// Only is the run with some of its operations: those that keep names by when they began, or were due, and when they ended.
func (r *Run) Only(keep func(began, ended time.Time) bool) *Run {
	some := &Run{Began: r.Began, Ended: r.Ended}
	for _, o := range r.ops {
		if keep(o.began, o.began.Add(o.took)) {
			some.ops = append(some.ops, o)
		}
	}
	return some
}

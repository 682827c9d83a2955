package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Queue is `stoker bench queue`: what an item takes from its commit into a worker's hands, and what waiting costs.
type Queue struct {
	Waiters []int         `default:"1,100,1000,5000" help:"Parked polls at a time, spread over the nodes (${default})."`
	Samples int           `default:"100" help:"Items measured with each number of waiters (${default})."`
	Idle    time.Duration `default:"1m" help:"How long to watch the log while all wait; 0: not at all (${default})."`
	Nodes   int           `default:"3" help:"Nodes (${default})."`
	Binary  string        `type:"existingfile" metavar:"FILE" help:"Program of the nodes (this one)."`
	JSON    bool          `name:"json" help:"Print JSON instead of a table."`
	Limit   time.Duration `default:"15m" help:"Give up after that (${default})."`
}

// Help says what is measured.
func (*Queue) Help() string {
	return `Starts a cluster of processes on loopback, parks workers' polls on all nodes and hands out one item at a time. For each
item it measures the time from the answer of execute to the message in a worker's hands (negative if the worker was
first), and from the call; beside it, in turn, the time of a bare commit: credits booked by the operator. Exits 1 if an
item was handed out twice, or the log grew while nothing happened.

  stoker bench queue
  stoker bench queue --waiters 1,1000 --samples 50 --idle 10s --json`
}

// QueueFigures is what Queue prints with --json. Times are in milliseconds.
type QueueFigures struct {
	Levels []QueueLevel `json:"levels"`
	Idle   struct {
		Waiters int     `json:"waiters"`
		Seconds float64 `json:"seconds"`
		Before  uint64  `json:"last_log_before"`
		After   uint64  `json:"last_log_after"`
	} `json:"idle"`
	Memory      []NodeMemory `json:"memory"`
	MoreWaiters int          `json:"memory_of_waiters"`   // between the two columns of Memory
	PerThousand float64      `json:"mb_per_1000_waiters"` // of all nodes together; 0: this system does not tell
	Twice       int          `json:"handed_twice"`
}

// QueueLevel is one number of waiters.
type QueueLevel struct {
	Waiters  int     `json:"waiters"`
	Items    int     `json:"items"`
	Commit   float64 `json:"commit_p50_ms"`   // POST /admin/users/{id}/credits
	Execute  float64 `json:"execute_p50_ms"`  // POST /jobs/{id}/execute
	P50      float64 `json:"received_p50_ms"` // after execute's answer
	P99      float64 `json:"received_p99_ms"`
	Max      float64 `json:"received_max_ms"`
	CallP50  float64 `json:"call_p50_ms"` // from execute's call to the message
	CallP99  float64 `json:"call_p99_ms"`
	Ratio    float64 `json:"call_per_commit"`
	Parked   float64 `json:"parked_s"` // time to park them
	commits  []float64
	executes []float64
	received []float64
	calls    []float64
}

// NodeMemory is a process's resident memory in MB.
type NodeMemory struct {
	Node   string  `json:"node"`
	Before float64 `json:"before_mb"`
	Parked float64 `json:"parked_mb"`
}

// Run measures and prints, and returns an error if something was wrong that is not a matter of time.
func (c *Queue) Run(ctx context.Context, out io.Writer) error {
	if len(c.Waiters) == 0 || slices.Min(c.Waiters) < 1 || c.Samples < 1 || c.Nodes < 1 {
		return errors.New("bench queue: at least one waiter, one sample and one node")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limit, fmt.Errorf("it took longer than %s", c.Limit))
	defer cancel()
	most := slices.Max(c.Waiters)
	if err := raiseFiles(uint64(most + most/4 + 1024)); err != nil {
		return fmt.Errorf("bench queue: %w", err)
	}
	t, err := openTestbed(ctx, bed{nodes: c.Nodes, binary: c.Binary})
	if err != nil {
		return fmt.Errorf("bench queue: %w", err)
	}
	defer t.close()
	f, err := c.measure(ctx, t)
	if err != nil {
		return fmt.Errorf("bench queue: %w", err)
	}
	if err := show(out, c.JSON, &f); err != nil {
		return err
	}
	return f.verdict()
}

// measure does it all, level by level.
func (c *Queue) measure(ctx context.Context, t *testbed) (f QueueFigures, err error) {
	b, err := t.newBuyer(ctx)
	if err != nil {
		return f, err
	}
	p, err := newParking(t)
	if err != nil {
		return f, err
	}
	defer p.clear()
	levels := slices.Sorted(slices.Values(c.Waiters))
	for i, n := range levels {
		before, began := t.memory(), time.Now()
		if err := p.fill(ctx, n); err != nil {
			return f, err
		}
		l := QueueLevel{Waiters: n, Parked: time.Since(began).Seconds()}
		if i == len(levels)-1 {
			if err := f.remember(ctx, t, before, n-previous(levels, i)); err != nil {
				return f, err
			}
		}
		for range c.Samples {
			if err := l.sample(ctx, b, p); err != nil {
				return f, fmt.Errorf("%d waiters: %w", n, err)
			}
		}
		l.sum()
		f.Levels = append(f.Levels, l)
	}
	f.Twice = p.twice()
	if c.Idle > 0 {
		if err := f.idle(ctx, t, p, levels[len(levels)-1], c.Idle); err != nil {
			return f, err
		}
	}
	return f, nil
}

// sample is one bare commit and one item.
func (l *QueueLevel) sample(ctx context.Context, b *buyer, p *parking) error {
	began := time.Now()
	if err := b.testbed.api.Operator().GrantCredits(ctx, b.id, 1, "bench"); err != nil {
		return err
	}
	l.commits = append(l.commits, since(began))
	job, err := b.prepare(ctx, 1)
	if err != nil {
		return err
	}
	called := time.Now()
	if err := b.execute(ctx, job); err != nil {
		return err
	}
	answered := time.Now()
	select {
	case d := <-p.got:
		if d.job != job {
			return fmt.Errorf("an item of %s came, and %s was executed", d.job, job)
		}
		l.executes = append(l.executes, millis(answered.Sub(called)))
		l.received = append(l.received, millis(d.at.Sub(answered)))
		l.calls = append(l.calls, millis(d.at.Sub(called)))
		return p.fill(ctx, l.Waiters) // all wait again
	case <-time.After(30 * time.Second):
		return fmt.Errorf("nobody was handed the item of %s in 30 s", job)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func since(t time.Time) float64 { return millis(time.Since(t)) }

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (l *QueueLevel) sum() {
	l.Items = len(l.received)
	l.Commit, l.Execute = percentile(l.commits, 50), percentile(l.executes, 50)
	l.P50, l.P99, l.Max = percentile(l.received, 50), percentile(l.received, 99), percentile(l.received, 100)
	l.CallP50, l.CallP99 = percentile(l.calls, 50), percentile(l.calls, 99)
	l.Ratio = l.CallP50 / l.Commit
}

// settle is how long the cluster is left alone before memory is looked at, and for how long the log must have stood still before it is
// watched: the last sample's echoes, which a copy that has to be fetched again makes later.
const settle = 3 * time.Second

// idle watches the log while everybody waits. Polls whose time is over are asked again meanwhile; that costs no entry either.
func (f *QueueFigures) idle(ctx context.Context, t *testbed, p *parking, waiters int, d time.Duration) error {
	before, err := t.still(ctx)
	if err != nil {
		return err
	}
	if err := p.fill(ctx, waiters); err != nil {
		return err
	}
	if err := pause(ctx, d); err != nil {
		return err
	}
	after, err := t.leader(ctx)
	if err != nil {
		return err
	}
	f.Idle.Waiters, f.Idle.Seconds, f.Idle.Before, f.Idle.After = waiters, d.Seconds(), before.LastLog, after.LastLog
	return p.fill(ctx, waiters)
}

// still waits until the log has stood still for a while, ten times that at most, and gives the leader then.
func (t *testbed) still(ctx context.Context) (was nodeStatus, err error) {
	for range 10 {
		before := was.LastLog
		if was, err = t.leader(ctx); err != nil || was.LastLog == before {
			return was, err
		}
		if err := pause(ctx, settle); err != nil {
			return was, err
		}
	}
	return was, nil
}

// previous is the number of waiters of the level before, 0 of the first.
func previous(levels []int, i int) int {
	if i == 0 {
		return 0
	}
	return levels[i-1]
}

// remember compares memory before and after so many more polls were parked. Both include what the collector has not given
// back.
func (f *QueueFigures) remember(ctx context.Context, t *testbed, before map[string]int64, more int) error {
	if err := pause(ctx, settle); err != nil {
		return err
	}
	parked := t.memory()
	var grown float64
	for _, id := range slices.Sorted(maps.Keys(before)) {
		m := NodeMemory{Node: id, Before: float64(before[id]) / (1 << 20), Parked: float64(parked[id]) / (1 << 20)}
		grown += m.Parked - m.Before
		f.Memory = append(f.Memory, m)
	}
	f.MoreWaiters, f.PerThousand = more, grown*1000/float64(more)
	return nil
}

// print is the table.
func (f *QueueFigures) print(out io.Writer) {
	t := newTable(out, "One item at a time, in ms", "waiters", "items", "commit p50", "execute p50", "answered → received p50", "p99", "max", "call → received p50", "p99", "÷ commit")
	ms := func(v float64) string { return fmt.Sprintf("%.2f", v) }
	for _, l := range f.Levels {
		t.AppendRow([]any{l.Waiters, l.Items, ms(l.Commit), ms(l.Execute), ms(l.P50), ms(l.P99), ms(l.Max), ms(l.CallP50), ms(l.CallP99), ms(l.Ratio)})
	}
	t.Render()
	t = newTable(out, fmt.Sprintf("Memory, MB: %d more polls", f.MoreWaiters), "node", "before", "parked")
	for _, m := range f.Memory {
		t.AppendRow([]any{m.Node, ms(m.Before), ms(m.Parked)})
	}
	t.AppendFooter([]any{"per 1,000 waiters, all nodes together", "", ms(f.PerThousand)})
	t.Render()
	fmt.Fprintf(out, "Handed out more than once: %d items.\n", f.Twice)
	if f.Idle.Seconds > 0 {
		fmt.Fprintf(out, "%d polls waited for %.0f s: the log went from %d to %d.\n", f.Idle.Waiters, f.Idle.Seconds, f.Idle.Before, f.Idle.After)
	}
}

// verdict is what must hold whatever the machine.
func (f *QueueFigures) verdict() error {
	var broken []error
	if f.Twice > 0 {
		broken = append(broken, fmt.Errorf("%d items were handed out more than once", f.Twice))
	}
	if n := f.Idle.After - f.Idle.Before; n > 0 {
		broken = append(broken, fmt.Errorf("%d log entries while nothing happened", n))
	}
	return errors.Join(broken...)
}

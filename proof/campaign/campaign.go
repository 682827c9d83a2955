package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// How much there is of everything.
const (
	population = 64  // users at a time
	lifetime   = 300 // operations of a user until it is retired
	atOnce     = 4   // operations of one user
	openEnds   = 5   // operations of a user of which nobody knows; each doubles the orders that must be tried
	clients    = 128 // threads that speak for users
	hands      = 8   // workers
	auditors   = 12
	makers     = 3 // of users
)

// campaign is one run.
type campaign struct {
	*Command
	*fleet
	kinds []fault
	out   io.Writer
	began time.Time
	pace  *rate.Limiter

	verdicts *verdicts
	tally    *tally
	fences   *fences
	crowd    *crowd
	journal  *journal
	events   []event // faults, in order; under the tally's lock
	skipped  map[string]string
	unfit    map[string]string // why faults could not strike when they were to, by kind; under tally.mu

	calm     calm
	stalls   stalls
	court    court
	steppers stepper
	fail     context.CancelCauseFunc
	leave    chan struct{} // closed when actors and workers are to end
	unique   atomic.Int64
	sick     atomic.Int64 // place of the node whose disk fails, from 1; 0: none's does
	ended    time.Duration
	finished atomic.Bool // the end was looked at
	answers  atomic.Int64
}

func newCampaign(c *Command, dir string, kinds []fault, out io.Writer) *campaign {
	x := &campaign{
		Command: c, kinds: kinds, out: out, began: time.Now(), pace: rate.NewLimiter(rate.Limit(c.Rate), max(c.Rate/10, 1)),
		fences: &fences{held: map[uint64]string{}}, skipped: map[string]string{}, unfit: map[string]string{}, leave: make(chan struct{}),
	}
	x.verdicts = &verdicts{counts: map[string]int{}, said: x.say}
	x.tally = newTally()
	x.fleet = &fleet{dir: dir, binary: c.Binary, logStore: c.LogStore}
	x.crowd = &crowd{byID: map[string]*user{}, retired: map[string]remains{}}
	x.journal = &journal{dir: dir}
	return x
}

// errDone ends a campaign that is over, and errViolated one that has found something.
var (
	errDone     = errors.New("the time is over")
	errViolated = errors.New("something was violated")
)

// now is the time of the campaign's clock, which is monotonic.
func (x *campaign) now() int64 { return int64(time.Since(x.began)) }

// run is the play. An error means that it could not be played; violations are in the verdicts.
func (x *campaign) run(ctx context.Context) error {
	x.say("campaign of %s, seed %d, in %s", x.For, x.Seed, x.dir)
	for _, f := range x.kinds {
		if why := f.missing(x); why != "" {
			x.skipped[f.name] = why
			x.say("%s: %s", f.name, why)
		}
	}
	if err := x.open(ctx, x.Nodes); err != nil {
		return err
	}
	ctx, x.fail = context.WithCancelCause(ctx)
	defer x.fail(nil)
	x.verdicts.fail = x.fail
	if slices.ContainsFunc(x.kinds, func(f fault) bool { return f.name == "clock-step" }) && x.skipped["clock-step"] == "" {
		go x.build(ctx)
	}
	x.began = time.Now()
	done := make(chan struct{})
	defer func() { <-done }()
	telling, hush := context.WithCancel(context.Background())
	go func() {
		var beside sync.WaitGroup
		beside.Go(func() { x.tell(telling) })
		beside.Go(func() { x.watchStalls(telling) })
		beside.Go(func() { x.publishing(telling) })
		beside.Wait()
		close(done)
	}()
	defer hush()

	x.court.sit(x)
	defer x.court.rise()
	var load sync.WaitGroup
	x.employ(ctx, &load)
	err := x.strikes(ctx)
	x.say("the last fault is over; what is under way is finished, and then everything is looked at")
	close(x.leave)
	load.Wait()
	x.ended = time.Since(x.began)
	if x.verdicts.any() {
		return err
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute) // after Ctrl-C too
	defer cancel()
	return errors.Join(err, x.endgame(last))
}

// employ starts users' clients, workers and auditors. They end when leave is closed, each after what it does.
func (x *campaign) employ(ctx context.Context, load *sync.WaitGroup) {
	x.crowd.begin(x, load)
	for i := range clients {
		load.Go(func() { (&actor{campaign: x, client: i, dice: newDice(x.Seed, 100+i)}).work() })
	}
	for i := range hands {
		load.Go(func() { (&hand{campaign: x, client: clients + i, dice: newDice(x.Seed, 1000+i)}).work() })
	}
}

// over says whether actors and workers are to end.
func (x *campaign) over() bool {
	select {
	case <-x.leave:
		return true
	default:
		return x.verdicts.any()
	}
}

// rest waits, unless the load is to end.
func (x *campaign) rest(d time.Duration) {
	select {
	case <-time.After(d):
	case <-x.leave:
	}
}

func (x *campaign) say(format string, args ...any) {
	x.tally.line.Lock()
	defer x.tally.line.Unlock()
	fmt.Fprintf(x.out, "\r\x1b[K%6s  %s\n"[x.tally.plain():], time.Since(x.began).Round(time.Second), fmt.Sprintf(format, args...))
}

// number makes names that nobody else has.
func (x *campaign) number() int64 { return x.unique.Add(1) }

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// calm lets the striker have the users silent.
type calm struct {
	wanted  atomic.Bool
	working atomic.Int64
}

// enter says whether a client may go on; leave follows then.
func (c *calm) enter() bool {
	c.working.Add(1)
	if c.wanted.Load() {
		c.working.Add(-1)
		return false
	}
	return true
}

func (c *calm) leave() { c.working.Add(-1) }

// still waits until nobody is at work any more.
func (c *calm) still(ctx context.Context) error {
	c.wanted.Store(true)
	for c.working.Load() > 0 {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (c *calm) end() { c.wanted.Store(false) }

func newDice(seed uint64, of int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(of))) }

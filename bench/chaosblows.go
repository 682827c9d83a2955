package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"stoker/cli/local"
)

// hand is a worker's place: one process after another in it.
type hand struct {
	id, program, log string
	args             []string

	mu      sync.Mutex
	process *local.Process
	left    bool // for good
}

func (h *hand) start() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.left {
		return nil
	}
	p, err := local.Launch(local.Command{Name: "worker " + h.id, Path: h.program, Args: h.args, Log: h.log})
	if err == nil {
		h.process = p
	}
	return err
}

// kill ends the process as a spot machine's end would.
func (h *hand) kill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.process != nil {
		h.process.Kill()
	}
}

// suspend stops the process, and gives a function that lets it go on if it has not been replaced meanwhile.
func (h *hand) suspend() (wake func() error, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.process
	if p == nil || !p.Alive() {
		return func() error { return nil }, nil
	}
	return func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.process != p || !p.Alive() {
			return nil
		}
		return p.Resume()
	}, p.Suspend()
}

func (h *hand) fire() {
	h.mu.Lock()
	h.left = true
	h.mu.Unlock()
	h.kill()
}

// failure is why the process ended though nobody killed it.
func (h *hand) failure() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.process == nil {
		return nil
	}
	return h.process.Failure()
}

// blow is something terrible; chances are relative.
type blow struct {
	name   string
	chance int
	strike func(ctx context.Context, x *chaos) error
}

var blows = []blow{
	{"a worker killed", 12, func(ctx context.Context, x *chaos) error { return x.replace(ctx, x.crew[x.dice.IntN(len(x.crew))]) }},
	{"all workers killed", 1, func(ctx context.Context, x *chaos) error { return x.replace(ctx, x.crew...) }},
	{"the leader killed", 4, func(ctx context.Context, x *chaos) error { return x.reboot(ctx, x.leaders(ctx)...) }},
	{"a node killed", 2, func(ctx context.Context, x *chaos) error {
		return x.reboot(ctx, x.cluster.Nodes[x.dice.IntN(len(x.cluster.Nodes))])
	}},
	{"every node killed", 1, func(ctx context.Context, x *chaos) error { return x.reboot(ctx, x.cluster.Nodes...) }},
	{sleeping, 2, func(ctx context.Context, x *chaos) error { return x.sedate(ctx, x.crew[x.dice.IntN(len(x.crew))]) }},
}

const sleeping = "a worker stopped for longer than its lease"

// kinds are the blows for which there is time, and which this system knows.
func (x *chaos) kinds() []blow {
	if local.CannotSuspend() == "" && x.For > 2*sleep {
		return blows
	}
	return slices.DeleteFunc(slices.Clone(blows), func(b blow) bool { return b.name == sleeping })
}

// next is one of each kind first, in any order, and then whatever chance brings.
func (x *chaos) next(struck int) blow {
	kinds := x.kinds()
	if struck == 0 {
		x.deck = x.dice.Perm(len(kinds))
	}
	if struck < len(x.deck) {
		return kinds[x.deck[struck]]
	}
	var chances int
	for _, b := range kinds {
		chances += b.chance
	}
	n, at := x.dice.IntN(chances), 0
	for n >= kinds[at].chance {
		n -= kinds[at].chance
		at++
	}
	return kinds[at]
}

// rage strikes until the time is over, and leaves everything running.
func (x *chaos) rage(ctx context.Context) error {
	end := time.Now().Add(x.For)
	told := time.Now()
	for struck := 0; time.Now().Before(end); struck++ {
		wait := time.Duration(x.dice.ExpFloat64() * float64(x.Every))
		if err := pause(ctx, min(wait, max(time.Until(end), 0))); err != nil {
			return err
		}
		b := x.next(struck)
		if err := b.strike(ctx, x); err != nil {
			return fmt.Errorf("after %s: %w", b.name, err)
		}
		x.blows[b.name]++
		for _, h := range x.crew {
			if err := h.failure(); err != nil {
				return err
			}
		}
		if time.Since(told) > 30*time.Second {
			told = time.Now()
			fmt.Fprintf(x.out, "%s: so far %v\n", x.since(), x.blows)
		}
	}
	return nil
}

// replace kills workers and starts them again, some at once and some after a moment.
func (x *chaos) replace(ctx context.Context, crew ...*hand) error {
	for _, h := range crew {
		h.kill()
	}
	if err := pause(ctx, time.Duration(x.dice.IntN(1500))*time.Millisecond); err != nil {
		return err
	}
	for _, h := range crew {
		if err := h.start(); err != nil {
			return err
		}
	}
	return nil
}

// sleep is longer than a lease lives without a renewal: 60 s.
const sleep = 65 * time.Second

// sedate stops a worker, and wakes it in the background when others have its work: what it then reports is refused.
func (x *chaos) sedate(ctx context.Context, h *hand) error {
	wake, err := h.suspend()
	if err != nil {
		return err
	}
	x.asleep.Go(func() {
		pause(ctx, sleep) // cut short at the end: nobody has to sleep on
		if err := wake(); err != nil {
			x.fail(fmt.Errorf("wake worker %s: %w", h.id, err))
		}
	})
	return nil
}

// leaders is the node that leads now: one, or none if nobody can tell.
func (x *chaos) leaders(ctx context.Context) []*local.Node {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := x.leader(ctx)
	if err != nil {
		return nil
	}
	n, _ := x.cluster.Node(s.Node)
	return []*local.Node{n}
}

// reboot kills nodes and starts them again; it returns when all of them serve.
func (x *chaos) reboot(ctx context.Context, nodes ...*local.Node) error {
	for _, n := range nodes {
		n.Kill()
	}
	if err := pause(ctx, time.Duration(x.dice.IntN(2000))*time.Millisecond); err != nil {
		return err
	}
	errs := make(chan error, len(nodes))
	for _, n := range nodes {
		go func() { errs <- n.Restart(ctx) }()
	}
	for range nodes {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

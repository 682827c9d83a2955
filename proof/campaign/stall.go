package campaign

import (
	"context"
	"sync"
	"time"
)

// A machine that others share stands still at times, with all processes on it. What was due then comes late, and nobody is to blame.
const (
	stallTick = 100 * time.Millisecond
	stallFrom = time.Second // a tick that comes so late is a stall
)

// stalls are the times in which the whole machine stood still.
type stalls struct {
	mu   sync.Mutex
	all  []Gap
	lost time.Duration
}

// watchStalls notes each stall, until ctx ends.
func (x *campaign) watchStalls(ctx context.Context) {
	for last := time.Now(); pause(ctx, stallTick) == nil; last = time.Now() {
		gap := time.Since(last)
		if gap < stallFrom {
			continue
		}
		x.stalls.mu.Lock()
		x.stalls.all = append(x.stalls.all, Gap{time.Since(x.began) - gap, gap})
		x.stalls.lost += gap
		x.stalls.mu.Unlock()
		x.say("the machine stood still for %.1f s, with everything on it", gap.Seconds())
	}
}

// lived is how long the campaign lasts, without stalls.
func (x *campaign) lived() time.Duration {
	x.stalls.mu.Lock()
	defer x.stalls.mu.Unlock()
	return time.Since(x.began) - x.stalls.lost
}

// livesFor waits until the machine has run for so long, or over says that it is enough.
func (x *campaign) livesFor(ctx context.Context, d time.Duration, over func() bool) error {
	for ; d > 0 && !over(); d -= stallTick { // a stall is one tick
		if err := pause(ctx, min(d, stallTick)); err != nil {
			return err
		}
	}
	return nil
}

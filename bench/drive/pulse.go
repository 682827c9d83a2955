package drive

import (
	"context"
	"time"
)

// Pulse is how much of the time this process did not run, although it wanted to: on a machine that has no time for it, a limit
// that was not kept says nothing of the servers, which are on the same machine.
type Pulse struct {
	stop context.CancelFunc
	lost chan time.Duration
}

// beat is how often a pulse wants to run.
const beat = 20 * time.Millisecond

// FeelPulse begins to count.
func FeelPulse() *Pulse {
	ctx, stop := context.WithCancel(context.Background())
	p := &Pulse{stop: stop, lost: make(chan time.Duration, 1)}
	go func() {
		tick := time.NewTicker(beat)
		defer tick.Stop()
		lost := time.Duration(0)
		for last := time.Now(); ; {
			select {
			case <-ctx.Done():
				p.lost <- lost
				return
			case <-tick.C:
				now := time.Now()
				if gap := now.Sub(last); gap > 5*beat {
					lost += gap
				}
				last = now
			}
		}
	}()
	return p
}

// End gives what was lost.
func (p *Pulse) End() time.Duration {
	p.stop()
	return <-p.lost
}

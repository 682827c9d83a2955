package hostile

import (
	"context"
	"time"
)

// pulse is how much of the time this process did not run, although it wanted to: on a machine that has no time for it, a limit
// that was not kept says nothing of the node, which is on the same machine.
type pulse struct {
	stop context.CancelFunc
	lost chan time.Duration
}

// beat is how often a pulse wants to run.
const beat = 20 * time.Millisecond

func feelPulse() *pulse {
	ctx, stop := context.WithCancel(context.Background())
	p := &pulse{stop: stop, lost: make(chan time.Duration, 1)}
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

// end gives what was lost.
func (p *pulse) end() time.Duration {
	p.stop()
	return <-p.lost
}

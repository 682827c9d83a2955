package node

import (
	"sync"
	"time"
)

// clock makes the stamps of the entries this node proposes as a leader: the
// machine's clock when it was elected, plus the time that has really passed
// (monotonic), bent toward the wall clock by at most a tenth of it. So a leader
// with a wrong wall clock neither fires every deadline at once nor freezes them:
// it is wrong by a tenth, and only for as long as it leads.
type clock struct {
	wall func() time.Time

	mu   sync.Mutex
	last int64     // the newest stamp, ns
	at   time.Time // when it was made, monotonic
}

// lead starts from the machine's clock, at an election. A machine that has never
// been given a time starts at the wall clock.
func (c *clock) lead(machine int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if machine == 0 {
		machine = c.wall().UnixNano()
	}
	c.last, c.at = machine, time.Now()
}

// now is the machine's clock as of this moment. It never goes back while this
// node leads; the machine takes the larger of the stamp and its own at any rate.
func (c *clock) now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := time.Now()
	passed := at.Sub(c.at).Nanoseconds()
	if passed <= 0 {
		return c.last
	}
	most := passed / 10
	behind := c.wall().UnixNano() - (c.last + passed)
	c.last += passed + min(max(behind, -most), most)
	c.at = at
	return c.last
}

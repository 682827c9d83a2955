package node

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// Two minutes of random cuts and crashes under load: whatever happens, writes
// are applied once, reads see what was acknowledged before they began, and the
// machines are the same bit by bit. The seed is printed; set it to repeat the
// order of faults (not of everything).
func TestSoak_RandomCutsAndCrashes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	inCluster(t, small, three, func(t *testing.T, c *cluster) {
		y := newTally()
		for range 20 {
			down := ""
			if chance.IntN(3) == 0 {
				down = three[chance.IntN(3)]
				c.crash(down)
			}
			for range chance.IntN(3) {
				c.net.cut(three[chance.IntN(3)], three[chance.IntN(3)])
			}
			ctx, cancel := context.WithCancel(t.Context())
			readers := make(chan struct{})
			nodes := c.others(down)
			go func() {
				defer close(readers)
				for ctx.Err() == nil {
					for _, n := range nodes {
						before := int64(10 + y.count())
						limit, done := context.WithTimeout(ctx, 300*time.Millisecond)
						got, err := credits(limit, n, Linearizable)
						done()
						if err == nil && got < before {
							t.Errorf("%s reads %d, %d were acknowledged", n.cfg.ID, got, before)
						}
						time.Sleep(50 * time.Millisecond)
					}
				}
			}()
			stop := y.load(t.Context(), nodes, 1, 100*time.Millisecond)
			time.Sleep(time.Duration(chance.IntN(5000)) * time.Millisecond)
			c.net.heal()
			time.Sleep(time.Duration(chance.IntN(2000)) * time.Millisecond)
			stop()
			cancel()
			<-readers
			if down != "" {
				c.startAll()
			}
		}
		for _, id := range three {
			if err := c.node(id).Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		y.check(t, c.node("n1"))
		t.Logf("%d writes acknowledged, %d unknown, %d unavailable", len(y.acked), len(y.unknown), len(y.never))
		c.agree()
	})
}

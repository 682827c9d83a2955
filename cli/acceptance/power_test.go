package acceptance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"stoker/cli/local"
)

// kill -9 of each node in turn and then of all at once, under load: what was acknowledged is there, what was in flight is
// there once or not at all, and whoever asks again under its key gets its answer.
func TestPower_CutForEachAndForAll(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, binary)
	c.begin(t)
	var tellers []*teller
	for i := range 4 {
		tellers = append(tellers, c.hire(t, i))
	}
	working, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, k := range tellers {
		all.Go(func() { k.work(working) })
	}
	defer all.Wait()
	defer stop()

	advance(t, tellers, 3)
	crowd := c.hire(t, len(tellers))
	for _, n := range c.Nodes {
		crowd.storm(n)
		advance(t, tellers, 3) // two nodes go on
		if err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		advance(t, tellers, 1)
	}
	crowd.storm(c.Nodes...)
	c.begin(t)
	advance(t, tellers, 3)
	stop()
	all.Wait()

	tellers = append(tellers, crowd)
	heard := map[hearing]int{}
	jobs, silent := 0, 0
	for _, k := range tellers {
		k.audit(t)
		for _, g := range k.grants {
			heard[g.heard]++
		}
		jobs += len(k.jobs)
		silent += k.silent
	}
	for _, k := range tellers {
		k.finish(t)
	}
	c.agree(t)
	t.Logf("%d jobs; of grants sent once %d were acknowledged, %d refused, %d not answered (%d of them happened)",
		jobs, heard[yes], heard[no], heard[nothing], silent)
}

// storm is many requests at once, each sent once. The plug of the victims is pulled when some have been answered and the
// others are on their way.
func (k *teller) storm(victims ...*local.Node) {
	const requests, some = 60, 15
	name := k.name + " storm"
	for _, n := range victims {
		name += " " + n.ID
	}
	grants := make([]grant, requests)
	answered := make(chan struct{}, requests)
	together(requests+1, func(i int) {
		if i < requests {
			grants[i] = k.once(i%len(k.c.Nodes), fmt.Sprintf("%s %d", name, i), i%2 == 0)
			answered <- struct{}{}
			return
		}
		for range some {
			<-answered
		}
		together(len(victims), func(i int) { victims[i].Kill() })
	})
	k.note(grants...)
}

// advance waits until every teller has finished so many rounds more.
func advance(t *testing.T, tellers []*teller, rounds int64) {
	t.Helper()
	goal := make([]int64, len(tellers))
	for i, k := range tellers {
		goal[i] = k.rounds.Load() + rounds
	}
	eventually(t, "the load goes on", func() bool {
		for i, k := range tellers {
			if k.failed.Load() {
				t.Fatal(errors.Join(k.wrong...))
			}
			if k.rounds.Load() < goal[i] {
				return false
			}
		}
		return true
	})
}

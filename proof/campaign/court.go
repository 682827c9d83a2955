package campaign

import (
	"sync"
	"time"

	"stoker/proof/judge"
)

const (
	judges    = 2
	judgeTime = 2 * time.Minute // that the order of a user's operations may take to be found
)

// court judges the histories of users whose books are closed, beside everything else.
type court struct {
	cases chan judge.History
	bench sync.WaitGroup
}

func (c *court) sit(x *campaign) {
	c.cases = make(chan judge.History, 10_000)
	for range judges {
		c.bench.Go(func() {
			for h := range c.cases {
				x.judge(h)
			}
		})
	}
}

// rise returns when all is judged.
func (c *court) rise() {
	close(c.cases)
	c.bench.Wait()
}

func (x *campaign) judge(h judge.History) {
	began := time.Now()
	verdict := judge.Linearizable(h, judgeTime)
	x.verdicts.judged(verdict, len(h.Ops), time.Since(began))
	if verdict == judge.Sound {
		return
	}
	path := x.journal.write(h)
	if verdict == judge.Violated {
		x.verdicts.violate(ruleLinear, "user %s: %d operations are %s; they are in %s", h.Account.User, len(h.Ops), verdict, path)
		return
	}
	x.say("user %s: %d operations are %s; they are in %s", h.Account.User, len(h.Ops), verdict, path)
}

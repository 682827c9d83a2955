package queue

import (
	"context"
	"time"

	"stoker/fsm"
	"stoker/node"
)

// match proposes a Lease for the waiting workers, if something may have come
// for them since the last one found nothing.
func (b *broker) match(ctx context.Context) {
	b.mu.Lock()
	news := b.news // before the view: what comes while it is looked at is looked at again
	due := b.due()
	b.mu.Unlock()
	if !due {
		return
	}
	v := b.node.View()
	ready := v.Grantable()
	v.Close()

	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.due() {
		return
	}
	asked := b.line.next(ready, news)
	if len(asked) == 0 {
		b.seen = news
		return
	}
	go b.propose(ctx, b.ask(asked), asked, news)
}

// ask makes the Lease that is on its way from here on. What was found for a kind before it no longer holds: whoever of it comes
// meanwhile waits for what the Lease finds.
func (b *broker) ask(asked []*waiter) (c fsm.Lease) {
	for _, w := range asked {
		w.asked = true
		w.kind.tried = 0
		c.Wants = append(c.Wants, w.want)
	}
	b.matching = true
	return c
}

// accompany gives a Lease for work that an entry is about to make ready, to go along in it: whoever waits has the work with the
// entry that queues it, and not with the next. It is called before the entry is made.
func (b *broker) accompany(entry []fsm.Proposal) *node.Companion {
	b.mu.Lock()
	waits, news, unseen := !b.matching && b.line.n > 0, b.news, b.seen != b.news
	b.mu.Unlock()
	if !waits {
		return nil
	}
	v := b.node.View()
	defer v.Close()
	coming := v.Coming(entry)
	if len(coming) == 0 {
		return nil
	}
	if unseen { // then it is the Lease for what is ready, too: entry after entry must not pass that by
		for preset, n := range v.Grantable() {
			coming[preset] += n
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.matching {
		return nil
	}
	asked := b.line.ahead(coming, news)
	if len(asked) == 0 {
		return nil
	}
	c := b.ask(asked)
	p := fsm.Propose(c)
	node.By("system")(&p)
	return &node.Companion{Proposal: p, Answered: func(o fsm.Outcome, err error) {
		if err != nil {
			b.takeBack(asked)
			return
		}
		a, err := fsm.Answer(c, o)
		b.handOut(asked, a, err, news)
	}}
}

// takeBack has what is ready looked through anew for those whom a Lease asked for that nobody knows anything of.
func (b *broker) takeBack(asked []*waiter) {
	b.mu.Lock()
	defer b.poke()
	defer b.mu.Unlock()
	b.matching, b.seen = false, 0
	for _, w := range asked {
		if w.asked = false; w.leaving {
			b.line.remove(w)
			w.got <- nil
		}
	}
}

// due says whether the line should be looked at.
func (b *broker) due() bool { return !b.matching && b.seen != b.news && b.line.n > 0 }

// propose asks the machine for grants and hands them to the waiters.
func (b *broker) propose(ctx context.Context, c fsm.Lease, asked []*waiter, news uint64) {
	r, err := node.Apply(ctx, b.node, c, node.By("system"))
	if err != nil && ctx.Err() == nil {
		b.log.Warn("queue: a lease was not answered; the polls are tried again", "polls", len(asked), "err", err)
	}
	b.handOut(asked, r.Answer, err, news)
}

// handOut hands what a Lease came back with to those it asked for. Whoever was granted nothing stays, in its old place.
func (b *broker) handOut(asked []*waiter, a fsm.LeasedWork, err error, news uint64) {
	v := b.node.View()
	defer v.Close()
	b.mu.Lock()
	defer b.poke()
	defer b.mu.Unlock()
	b.matching = false
	for i, w := range asked {
		w.asked = false
		var g *fsm.Grant
		if err == nil {
			g = a.Grants[i]
		}
		if g == nil && !w.leaving {
			if err != nil {
				w.look()
				continue
			}
			known, _ := v.Worker(w.want.Worker)
			b.line.refused(w, known, news)
			continue
		}
		b.line.remove(w)
		if again := b.line.polls[pollOf(w.want)]; again != nil && g != nil {
			b.line.remove(again) // asked again meanwhile: nobody may be reading w's answer any more
			again.got <- g
		}
		w.got <- g
	}
	if err == nil && a.RetryAt > 0 {
		at := time.Now().Add(max(time.Duration(a.RetryAt-v.Clock()), time.Millisecond))
		if b.retry.IsZero() || at.Before(b.retry) {
			b.retry = at
		}
	}
}

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
	var c fsm.Lease
	for _, w := range asked {
		w.asked = true
		c.Wants = append(c.Wants, w.want)
	}
	b.matching = true
	go b.propose(ctx, c, asked, news)
}

// due says whether the line should be looked at.
func (b *broker) due() bool { return !b.matching && b.seen != b.news && b.line.n > 0 }

// propose asks the machine for grants and hands them to the waiters. Whoever was
// granted nothing stays, in its old place.
func (b *broker) propose(ctx context.Context, c fsm.Lease, asked []*waiter, news uint64) {
	r, err := node.Apply(ctx, b.node, c, node.By("system"))
	if err != nil && ctx.Err() == nil {
		b.log.Warn("queue: a lease was not answered; the polls are tried again", "polls", len(asked), "err", err)
	}
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
			g = r.Answer.Grants[i]
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
	if err == nil && r.Answer.RetryAt > 0 {
		at := time.Now().Add(max(time.Duration(r.Answer.RetryAt-v.Clock()), time.Millisecond))
		if b.retry.IsZero() || at.Before(b.retry) {
			b.retry = at
		}
	}
}

package queue

import (
	"context"
	"slices"
	"time"

	"stoker/fsm"
	"stoker/node"
)

// match proposes a Lease for the waiting workers, if something may have come
// for them since the last one found nothing.
func (b *broker) match(ctx context.Context) {
	v := b.node.View()
	ready := v.Waiting()
	v.Close()

	b.mu.Lock()
	defer b.mu.Unlock()
	if b.matching || b.seen == b.news || len(b.waiters) == 0 {
		return
	}
	var asked []*waiter
	var c fsm.Lease
	for _, w := range b.waiters {
		if len(asked) == maxWants {
			break
		}
		if w.tried == b.news {
			continue // nothing has come since; it is the turn of those behind it
		}
		if wanted(w.want, ready) {
			w.asked = true
			asked, c.Wants = append(asked, w), append(c.Wants, w.want)
			continue
		}
		w.look()
	}
	if len(asked) == 0 {
		b.seen = b.news
		return
	}
	b.matching = true
	go b.propose(ctx, c, asked, b.news)
}

// look notes that what is ready has been looked through for the waiter.
func (w *waiter) look() {
	select {
	case <-w.looked:
	default:
		close(w.looked)
	}
}

// wanted says whether any ready work is of a preset that the worker takes.
func wanted(w fsm.Want, ready map[string]int) bool {
	if len(w.Presets) == 0 {
		return len(ready) > 0
	}
	return slices.ContainsFunc(w.Presets, func(p string) bool { return ready[p] > 0 })
}

// propose asks the machine for grants and hands them to the waiters. Whoever was
// granted nothing stays, in its old place.
func (b *broker) propose(ctx context.Context, c fsm.Lease, asked []*waiter, news uint64) {
	r, err := node.Apply(ctx, b.node, c, node.By("system"))
	if err != nil && ctx.Err() == nil {
		b.log.Warn("queue: a lease was not answered; the polls are tried again", "polls", len(asked), "err", err)
	}
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
		w.look()
		if g == nil && !w.leaving {
			if err == nil {
				w.tried = news
			}
			continue
		}
		b.remove(w)
		if again := b.byPoll[pollOf(w.want)]; again != nil && g != nil {
			b.remove(again) // asked again meanwhile: nobody may be reading w's answer any more
			again.got <- g
		}
		w.got <- g
	}
	if err == nil && r.Answer.RetryAt > 0 {
		v := b.node.View()
		b.retry = time.Now().Add(max(time.Duration(r.Answer.RetryAt-v.Clock()), time.Millisecond))
		v.Close()
	}
}

package queue

import (
	"context"
	"slices"
	"time"

	"stoker/fsm"
	"stoker/node"
)

// expire names the leases that ran out to the machine, and says when the next one will.
func (b *broker) expire(ctx context.Context) (next time.Time, any bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	out, next, any := b.book.due(now)
	if len(out) == 0 {
		return next, any
	}
	slices.Sort(out)
	c := fsm.ExpireLeases{Term: b.term}
	for _, fence := range out {
		r := b.book.leases[fence]
		c.Leases = append(c.Leases, fsm.Silence{Fence: fence, Confirmed: r.confirmed, Overran: r.overran(now)})
	}
	go b.name(ctx, c)
	return next, any
}

// name tells the machine. Leases that it did not end (the word was not answered)
// are named again.
func (b *broker) name(ctx context.Context, c fsm.ExpireLeases) {
	_, err := node.Apply(ctx, b.node, c, node.By("system"))
	if err == nil {
		b.log.Info("queue: leases ran out", "leases", len(c.Leases))
		return
	}
	if ctx.Err() != nil {
		return
	}
	b.log.Warn("queue: the end of leases was not answered; they are named again", "leases", len(c.Leases), "err", err)
	b.mu.Lock()
	defer b.poke()
	defer b.mu.Unlock()
	for _, l := range c.Leases {
		b.book.unname(l.Fence)
	}
}

// renew answers a heartbeat.
func (b *broker) renew(fence uint64, progress []Progress) (Beat, error) {
	v := b.node.View()
	defer v.Close()
	l, ok := v.Lease(fence)
	if !ok || l.Lost() {
		return Beat{}, fsm.Refuse(fsm.LeaseLost, "the lease is not held any more; drop its items and ask for new work")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.Ended == "" && !b.book.renew(fence) {
		return Beat{}, fsm.Refuse(fsm.LeaseLost, "the lease has just run out; drop its items and ask for new work")
	}
	if l.Ended == "" {
		b.progress.note(l.Job, progress, l.Granted)
	}
	return Beat{TTL: time.Duration(l.TTL), Cancel: v.Dropped(l)}, nil
}

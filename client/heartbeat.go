package client

import (
	"context"
	"sync"
	"time"
)

// beat is a heartbeat for each lease, and the time until the next.
func (k *keeper) beat(ctx context.Context, leases []*lease) {
	every := leases[0].ttl() / 3
	for _, l := range leases {
		every = min(every, l.ttl()/3)
	}
	next := time.After(every)
	var all sync.WaitGroup
	for _, l := range leases {
		all.Go(func() { l.beat(ctx, every) })
	}
	all.Wait()
	select {
	case <-next:
	case <-k.wake:
	case <-ctx.Done():
	}
}

// beat renews one lease the old way.
func (l *lease) beat(ctx context.Context, patience time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	progress := l.progress()
	answer, err := l.queue.Heartbeat(ctx, l.grant.LeaseID, progress)
	switch {
	case !l.open(): // meanwhile; what the cluster says of it does not matter
	case Is(err, CodeLeaseLost):
		l.lose()
	case err != nil:
		l.log.Warn("heartbeat failed", "err", err)
	default:
		l.tell(progress)
		l.drop(answer.Cancel)
	}
}

package queue

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"stoker/fsm"
	"stoker/node"
)

// Queue hands work to workers from any node.
type Queue struct {
	node *node.Node
	log  *slog.Logger

	mu      sync.Mutex
	broker  *broker       // nil unless this node leads
	changed chan struct{} // closed when broker changes
}

// New joins the node's queue to those of the other nodes. A nil log discards.
func New(n *node.Node, log *slog.Logger) *Queue {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	q := &Queue{node: n, log: log, changed: make(chan struct{})}
	n.Subscribe(q.hear)
	q.serve()
	n.WhileLeader("queue", q.lead)
	return q
}

// Poll waits until there is work for the worker or wait has passed; then the
// grant is nil. The error is a *fsm.Refusal for a want that makes no sense and
// node.ErrUnavailable when no leader was found for the whole time.
func (q *Queue) Poll(ctx context.Context, w fsm.Want, wait time.Duration) (*fsm.Grant, error) {
	if w.Poll == "" {
		w.Poll = rand.Text() // so that registering again after a lost leader finds the same grant
	}
	until := time.Now().Add(wait)
	var g *fsm.Grant
	err := q.atLeader(ctx, until,
		func(b *broker) (err error) {
			g, err = b.wait(ctx, w, time.Until(until))
			return err
		},
		func(ctx context.Context) (err error) {
			g, err = q.relayPoll(ctx, w, time.Until(until))
			return err
		})
	return g, err
}

// Beat is the answer to a heartbeat.
type Beat struct {
	TTL    time.Duration // from now
	Cancel []int         // items to drop
}

// Heartbeat renews a lease. A holder that lost it is refused with fsm.LeaseLost.
func (q *Queue) Heartbeat(ctx context.Context, fence uint64) (Beat, error) {
	var beat Beat
	err := q.atLeader(ctx, time.Time{},
		func(b *broker) (err error) {
			beat, err = b.renew(fence)
			return err
		},
		func(ctx context.Context) (err error) {
			beat, err = q.relayBeat(ctx, fence)
			return err
		})
	return beat, err
}

// Depth is what waits, for the operator's eyes.
type Depth struct {
	Waiters int // workers waiting at this node's broker; 0 on followers
	Leases  int // leases in its book
}

// Depth counts this node's volatile half; it is empty unless the node leads.
func (q *Queue) Depth() Depth {
	b, _ := q.current()
	if b == nil {
		return Depth{}
	}
	return b.depth()
}

// lead is the leader's duty: a broker for as long as the term lasts.
func (q *Queue) lead(ctx context.Context, term uint64) {
	b := newBroker(q.node, q.log, term)
	q.set(b)
	defer q.set(nil)
	b.run(ctx)
}

func (q *Queue) set(b *broker) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.broker = b
	close(q.changed)
	q.changed = make(chan struct{})
}

// current gives the broker if this node leads, and a channel that closes when
// that changes.
func (q *Queue) current() (*broker, <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.broker, q.changed
}

// hear passes the machine's changes to the broker; it must not block.
func (q *Queue) hear(c fsm.Changes) {
	if b, _ := q.current(); b != nil {
		b.hear(c)
	}
}

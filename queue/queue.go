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
	n.Escort(q.accompany)
	q.serve()
	n.Metrics().MustRegister(gauges{q})
	n.WhileLeader("queue", q.lead)
	return q
}

// Answer is what a poll comes back with.
type Answer struct {
	Grant     *fsm.Grant     `cbor:"1,keyasint,omitempty"` // nil: nothing came
	Directive string         `cbor:"2,keyasint"`           // run, drain or exit
	Skipped   map[string]int `cbor:"3,keyasint,omitempty"` // ready items it was not granted, by reason
}

// Poll waits until there is work for the worker or wait has passed; then the
// grant is nil. The error is a *fsm.Refusal for a want that makes no sense and
// node.ErrUnavailable when no leader was found for the whole time.
func (q *Queue) Poll(ctx context.Context, w fsm.Want, wait time.Duration) (Answer, error) {
	if w.Poll == "" {
		w.Poll = rand.Text() // so that registering again after a lost leader finds the same grant
	}
	until := time.Now().Add(wait)
	return atLeader(ctx, q, until,
		func(b *broker) (Answer, error) { return b.poll(ctx, w, time.Until(until)) },
		func(ctx context.Context) (Answer, error) {
			return ask[Answer](ctx, q, pollPath, pollMessage{w, max(time.Until(until), 0)})
		})
}

// Beat is the answer to a heartbeat.
type Beat struct {
	TTL    time.Duration `cbor:"1,keyasint"` // from now
	Cancel []int         `cbor:"2,keyasint"` // items to drop
}

// Heartbeat renews a lease. A holder that lost it is refused with fsm.LeaseLost.
func (q *Queue) Heartbeat(ctx context.Context, fence uint64, progress []Progress) (Beat, error) {
	return atLeader(ctx, q, time.Time{},
		func(b *broker) (Beat, error) { return b.renew(fence, progress) },
		func(ctx context.Context) (Beat, error) {
			return ask[Beat](ctx, q, beatPath, beatMessage{fence, progress})
		})
}

// Control renews a worker's leases and waits, at most c.Wait, for something the
// worker does not know: a cancel, a lost lease, a directive.
func (q *Queue) Control(ctx context.Context, c ControlAsk) (ControlAnswer, error) {
	until := time.Now().Add(c.Wait)
	return atLeader(ctx, q, until,
		func(b *broker) (ControlAnswer, error) {
			c.Wait = time.Until(until)
			return b.control(ctx, c)
		},
		func(ctx context.Context) (ControlAnswer, error) {
			c.Wait = max(time.Until(until), 0)
			return ask[ControlAnswer](ctx, q, controlPath, c)
		})
}

// followWait is how long Progress waits for something new.
const followWait = 20 * time.Second

// Progress gives what is known of a job's items that are being worked on, once
// there is something newer than version after; or after a while what it was
// given, with the same version.
func (q *Queue) Progress(ctx context.Context, job string, after uint64) (Percents, error) {
	until := time.Now().Add(followWait)
	return atLeader(ctx, q, until,
		func(b *broker) (Percents, error) { return b.follow(ctx, job, after, time.Until(until)) },
		func(ctx context.Context) (Percents, error) {
			return ask[Percents](ctx, q, followPath, followMessage{job, after, max(time.Until(until), 0)})
		})
}

// Depth is what the leader's volatile half holds, for the operator's eyes.
type Depth struct {
	Waiters         int     `cbor:"1,keyasint"` // workers that wait
	Leases          int     `cbor:"2,keyasint"` // in its book
	GrantsPerSecond float64 `cbor:"3,keyasint"` // over the last ten seconds
}

// Depth asks the leader.
func (q *Queue) Depth(ctx context.Context) (Depth, error) {
	return atLeader(ctx, q, time.Time{},
		func(b *broker) (Depth, error) { return b.depth(), nil },
		func(ctx context.Context) (Depth, error) { return ask[Depth](ctx, q, depthPath, struct{}{}) })
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

// accompany has the broker serve, with an entry that makes work ready, those who wait for it.
func (q *Queue) accompany(entry []fsm.Proposal) *node.Companion {
	if b, _ := q.current(); b != nil {
		return b.accompany(entry)
	}
	return nil
}

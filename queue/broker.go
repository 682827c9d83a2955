package queue

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"stoker/fsm"
	"stoker/node"
)

// maxWants is how many waiting workers one Lease serves.
const maxWants = 256

// errNotLeading says that the broker has ended with its term.
var errNotLeading = errors.New("queue: this node does not lead any more")

// broker is one term of one leader: the workers that wait, in the order they
// came, and the book of leases.
type broker struct {
	node *node.Node
	log  *slog.Logger
	term uint64
	done chan struct{} // closed when the term ends
	wake chan struct{} // something to look at; holds one

	mu       sync.Mutex
	waiters  []*waiter
	byPoll   map[poll]*waiter // the same, by the poll they are
	matching bool             // a Lease is on its way
	news     uint64           // counts up when work becomes ready or a worker comes
	seen     uint64           // news that the last fruitless Lease had seen
	book     *book
}

// poll names a long poll; asked again, it replaces itself.
type poll struct{ worker, id string }

func pollOf(w fsm.Want) poll { return poll{w.Worker, w.Poll} }

// waiter is one parked poll.
type waiter struct {
	want    fsm.Want
	asked   bool            // it is part of the Lease that is on its way
	leaving bool            // its time is over; nil will do
	got     chan *fsm.Grant // holds one
}

func newBroker(n *node.Node, log *slog.Logger, term uint64) *broker {
	b := &broker{node: n, log: log, term: term, done: make(chan struct{}), wake: make(chan struct{}, 1), news: 1,
		byPoll: map[poll]*waiter{}, book: newBook()}
	return b
}

// run matches and expires until the term ends.
func (b *broker) run(ctx context.Context) {
	defer close(b.done)
	b.takeStock()
	b.log.Info("queue: serving", "term", b.term)
	var timer <-chan time.Time
	for {
		b.match(ctx)
		if due, any := b.expire(ctx); any {
			timer = time.After(due)
		} else {
			timer = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		case <-timer:
		}
	}
}

// takeStock gives every lease of the former leader a full TTL.
func (b *broker) takeStock() {
	v := b.node.View()
	defer v.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range v.LiveLeases() {
		b.book.add(l.Fence, time.Duration(l.TTL), time.Duration(l.TTL))
	}
}

// hear takes what the machine has done into account; called for each applied batch.
func (b *broker) hear(c fsm.Changes) {
	b.mu.Lock()
	for _, l := range c.Leases {
		switch {
		case l.Ended:
			b.book.remove(l.Fence)
		case l.Confirmed:
			b.book.renew(l.Fence)
		default:
			b.book.add(l.Fence, time.Duration(l.TTL), time.Duration(l.First))
		}
	}
	if c.Ready {
		b.news++
	}
	b.mu.Unlock()
	if c.Ready || len(c.Leases) > 0 {
		b.poke()
	}
}

func (b *broker) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// wait parks a poll until it is granted something, its time is over, or the term ends.
func (b *broker) wait(ctx context.Context, want fsm.Want, patience time.Duration) (*fsm.Grant, error) {
	if g := b.granted(want); g != nil {
		return g, nil
	}
	w := &waiter{want: want, got: make(chan *fsm.Grant, 1)}
	b.mu.Lock()
	if old := b.byPoll[pollOf(want)]; old != nil {
		b.dismiss(old)
	}
	b.waiters, b.byPoll[pollOf(want)] = append(b.waiters, w), w
	b.news++
	b.mu.Unlock()
	b.poke()

	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case g := <-w.got:
		return g, nil
	case <-b.done:
		return nil, errNotLeading
	case <-timeout.C:
	case <-ctx.Done():
	}
	if b.leave(w) {
		return nil, nil
	}
	// A Lease that names this poll is on its way: its grant must not be lost.
	select {
	case g := <-w.got:
		return g, nil
	case <-b.done:
		return nil, errNotLeading
	}
}

// granted finds the live grant that this very poll was answered with before.
func (b *broker) granted(want fsm.Want) *fsm.Grant {
	v := b.node.View()
	defer v.Close()
	return v.Granted(want.Worker, want.Poll)
}

// leave takes a waiter out; false when it has its answer, or will have it with
// the Lease that is on its way.
func (b *broker) leave(w *waiter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.asked {
		w.leaving = true
		return false
	}
	return b.remove(w)
}

// dismiss answers a waiter with nothing, since its poll has been asked again: the
// connection it waits on is dead, or the worker wants an answer now.
func (b *broker) dismiss(w *waiter) {
	if w.asked {
		w.leaving = true // the grant that may be on its way goes to the poll's new waiter
		return
	}
	b.remove(w)
	w.got <- nil
}

// remove takes a waiter out; false if it is not there any more.
func (b *broker) remove(w *waiter) bool {
	i := slices.Index(b.waiters, w)
	if i < 0 {
		return false
	}
	b.waiters = slices.Delete(b.waiters, i, i+1)
	if b.byPoll[pollOf(w.want)] == w {
		delete(b.byPoll, pollOf(w.want))
	}
	return true
}

func (b *broker) depth() Depth {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Depth{Waiters: len(b.waiters), Leases: len(b.book.leases)}
}

package queue

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"stoker/fsm"
	"stoker/node"
)

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
	line     *line
	matching bool   // a Lease is on its way
	news     uint64 // counts up when work becomes ready
	seen     uint64 // the news that every waiter has been looked at with
	book     *book
	retry    time.Time // when work that waits for a warm worker goes to any; zero: no such work
	states   []string  // workers whose state has changed
	parked   parked
	over     lastWords
	progress board
	handed   meter
}

func newBroker(n *node.Node, log *slog.Logger, term uint64) *broker {
	b := &broker{node: n, log: log, term: term, done: make(chan struct{}), wake: make(chan struct{}, 1), news: 1,
		line: newLine(), book: newBook(), parked: newParked(), progress: newBoard(term)}
	return b
}

// run matches and expires until the term ends.
func (b *broker) run(ctx context.Context) {
	defer close(b.done)
	b.takeStock()
	b.log.Info("queue: serving", "term", b.term)
	for {
		b.turnAway()
		b.match(ctx)
		next, any := b.expire(ctx)
		if retry := b.retryAt(); !retry.IsZero() && (!any || retry.Before(next)) {
			next, any = retry, true
		}
		var timer <-chan time.Time
		if any {
			timer = time.After(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		case <-timer:
		}
	}
}

// retryAt is when a Lease should be tried again though nothing has happened; a
// time that has come counts as news.
func (b *broker) retryAt() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.retry.IsZero() && !b.retry.After(time.Now()) {
		b.retry = time.Time{}
		b.news++
		b.poke()
	}
	return b.retry
}

// turnAway answers the polls of workers that are to work no more.
func (b *broker) turnAway() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.states) == 0 {
		return
	}
	v := b.node.View()
	defer v.Close()
	for _, id := range b.states {
		if w, _ := v.Worker(id); w.State == fsm.WorkerActive {
			continue
		}
		for p, w := range b.line.polls {
			if p.worker == id {
				b.dismiss(w)
			}
		}
	}
	b.states = nil
}

// takeStock gives every lease of the former leader a full TTL.
func (b *broker) takeStock() {
	v := b.node.View()
	defer v.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range v.LiveLeases() {
		b.book.add(l, l.TTL)
	}
}

// hear takes what the machine has done into account; called for each applied batch.
func (b *broker) hear(c fsm.Changes) {
	b.mu.Lock()
	for _, l := range c.Leases {
		switch {
		case l.Ended:
			job, last := b.book.remove(l.Fence)
			if last {
				b.progress.drop(job)
			}
			b.parked.wake([]string{job}, nil) // its holder may not know that it lost it
		case l.Confirmed:
			b.book.renew(l.Fence)
		case l.Granted != nil:
			b.book.add(*l.Granted, l.Granted.First)
			b.handed.count(time.Now())
		}
	}
	if c.Ready {
		b.news++
	}
	b.states = append(b.states, c.Workers...)
	b.parked.wake(c.Jobs, c.Workers)
	b.mu.Unlock()
	if c.Ready || len(c.Leases) > 0 || len(c.Workers) > 0 {
		b.poke()
	}
}

func (b *broker) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// poll waits for a grant, and says what the worker should know when there is none.
func (b *broker) poll(ctx context.Context, want fsm.Want, patience time.Duration) (Answer, error) {
	g, err := b.wait(ctx, want, patience)
	if err != nil || g != nil {
		return Answer{Grant: g, Directive: directiveRun}, err
	}
	v := b.node.View()
	defer v.Close()
	w, _ := v.Worker(want.Worker)
	return Answer{Directive: w.Directive(), Skipped: v.Skipped(want)}, nil
}

// wait parks a poll until it is granted something, its time is over, or the term ends.
func (b *broker) wait(ctx context.Context, want fsm.Want, patience time.Duration) (*fsm.Grant, error) {
	g, known := b.granted(want)
	if g != nil || known.State != fsm.WorkerActive {
		return g, nil
	}
	w := newWaiter(want)
	w.last = patience <= 0
	b.join(w, known)

	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case g := <-w.got:
		return g, nil
	case <-b.done:
		return nil, errNotLeading
	case <-timeout.C:
		select { // a poll that does not want to wait still gets what is ready
		case <-w.looked:
		case g := <-w.got:
			return g, nil
		case <-b.done:
			return nil, errNotLeading
		case <-ctx.Done():
		}
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

// granted finds the live grant that this very poll was answered with before, and
// what is known of the worker.
func (b *broker) granted(want fsm.Want) (*fsm.Grant, fsm.Worker) {
	v := b.node.View()
	defer v.Close()
	w, _ := v.Worker(want.Worker)
	return v.Granted(want.Worker, want.Poll), w
}

// join puts a poll into the line, in place of itself if it is there already;
// one that comes after its own last words is answered at once.
func (b *broker) join(w *waiter, known fsm.Worker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, now := pollOf(w.want), time.Now()
	switch {
	case w.last:
		b.over.add(p, now)
	case b.over.said(p, now):
		w.got <- nil
		return
	}
	if old := b.line.polls[p]; old != nil {
		b.dismiss(old)
	}
	if b.line.add(w, known.Missing, b.news) {
		b.seen = 0
		b.poke()
	}
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
	return b.line.remove(w)
}

// dismiss answers a waiter with nothing, since its poll has been asked again: the
// connection it waits on is dead, or the worker wants an answer now.
func (b *broker) dismiss(w *waiter) {
	if w.asked {
		w.leaving = true // the grant that may be on its way goes to the poll's new waiter
		return
	}
	b.line.remove(w)
	w.got <- nil
}

func (b *broker) depth() Depth {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Depth{Waiters: b.line.n, Leases: len(b.book.leases), GrantsPerSecond: b.handed.rate(time.Now())}
}

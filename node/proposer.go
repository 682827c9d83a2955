package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"stoker/fsm"
)

// groupsAtOnce is how many groups a node may have on their way to the leader. A
// lost leader holds its groups until its connection is known to be dead.
const groupsAtOnce = 4

// proposer numbers this process's proposals and sends them to the leader, those
// that wait together in one group, again and again until they are answered or
// their callers' deadlines pass.
type proposer struct {
	node     string
	patience time.Duration
	silence  time.Duration
	leader   *leaderWatch
	send     func(ctx context.Context, leader string, ps []fsm.Proposal, handed func() bool) ([]fsm.Outcome, error)

	slots chan struct{}
	wake  chan struct{} // of capacity 1
	wg    sync.WaitGroup

	mu     sync.Mutex
	origin *origin
	queue  []*pending
	closed bool
}

// pending is a proposal somebody waits for.
type pending struct {
	proposal fsm.Proposal // Origin, Seq and Floor are filled in when it is sent
	origin   *origin
	seq      uint64

	handed bool // it may be in some log: an attempt was begun and not answered "not taken"
	before bool // handed, as of before the attempt that is under way
	gone   bool // its caller has left

	done    chan struct{}
	outcome fsm.Outcome
	err     error
}

// do proposes and waits.
func (r *proposer) do(ctx context.Context, p fsm.Proposal) (fsm.Outcome, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.patience)
		defer cancel()
	}
	w := &pending{proposal: p, done: make(chan struct{})}
	r.mu.Lock()
	if r.closed || ctx.Err() != nil {
		r.mu.Unlock()
		return fsm.Outcome{}, ErrUnavailable
	}
	if r.origin.stale(r.silence) {
		r.origin = newOrigin()
	}
	w.origin, w.seq = r.origin, r.origin.take()
	r.queue = append(r.queue, w)
	r.poke()
	r.mu.Unlock()

	select {
	case <-w.done:
	case <-ctx.Done():
		r.mu.Lock()
		select {
		case <-w.done:
		default:
			w.gone = true // from here on it is not sent any more
			r.finish(w, fsm.Outcome{}, w.lost())
		}
		r.mu.Unlock()
	}
	return w.outcome, w.err
}

// lost is the error of a proposal that was not answered.
func (w *pending) lost() error {
	if w.handed {
		return ErrOutcomeUnknown
	}
	return ErrUnavailable
}

// finish answers the caller. mu is held.
func (r *proposer) finish(w *pending, o fsm.Outcome, err error) {
	w.outcome, w.err = o, err
	w.origin.settle(w.seq)
	close(w.done)
}

func (r *proposer) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run sends groups until ctx ends; then nobody is left waiting.
func (r *proposer) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case r.slots <- struct{}{}: // first the slot: more may wait by the time there is one
		case <-ctx.Done():
			continue
		}
		leader, changed := r.leader.get()
		if leader != "" {
			if g := r.take(); g != nil {
				r.wg.Go(func() {
					r.attempt(ctx, leader, g)
					<-r.slots
					r.poke()
				})
				continue
			}
		}
		<-r.slots
		select {
		case <-r.wake:
		case <-changed:
		case <-ctx.Done():
		}
	}
	r.wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, w := range r.queue {
		if !w.gone {
			r.finish(w, fsm.Outcome{}, w.lost())
		}
	}
	r.queue = nil
}

// attempt is one group on its way, and who waits for it.
type attempt struct {
	proposals []fsm.Proposal
	register  *origin // its RegisterOrigin leads the group; nil if none does
	waiting   []*pending
}

// take makes a group of what waits; nil if nothing does.
func (r *proposer) take() *attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := &attempt{}
	if !r.origin.registered {
		g.register = r.origin
		g.proposals = append(g.proposals, fsm.Propose(fsm.RegisterOrigin{Origin: r.origin.id, Node: r.node}))
	}
	size, n := 0, 0
	for _, w := range r.queue {
		if w.gone {
			n++
			continue
		}
		size += proposalSize(&w.proposal)
		if len(g.waiting) > 0 && (len(g.proposals) >= entryProposals || size > entryBytes) {
			break
		}
		n++
		p := w.proposal
		p.Origin, p.Seq, p.Floor = w.origin.id, w.seq, w.origin.floor()
		g.proposals = append(g.proposals, p)
		g.waiting = append(g.waiting, w)
	}
	r.queue = r.queue[n:]
	if len(g.waiting) == 0 {
		return nil
	}
	return g
}

// attempt sends a group once and deals with what comes back.
func (r *proposer) attempt(ctx context.Context, leader string, g *attempt) {
	r.mu.Lock()
	for _, w := range g.waiting {
		w.before = w.handed
	}
	r.mu.Unlock()
	handed := func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, w := range g.waiting {
			if w.gone && !w.handed { // its caller was told that it is in no log
				return false
			}
		}
		for _, w := range g.waiting {
			w.handed = true
		}
		return true
	}
	outcomes, err := r.send(ctx, leader, g.proposals, handed)
	if err != nil {
		r.mu.Lock()
		for _, w := range g.waiting {
			if errors.Is(err, errNotTaken) {
				w.handed = w.before
			}
		}
		r.again(g.waiting)
		r.mu.Unlock()
		r.leader.pause(ctx, leader)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if g.register != nil {
		outcomes = outcomes[1:]
		g.register.registered = true
		g.register.used = time.Now()
	}
	for i, w := range g.waiting {
		if !w.gone {
			r.answer(w, outcomes[i])
		}
	}
}

// again puts unanswered proposals back in front of the queue. mu is held.
func (r *proposer) again(ws []*pending) {
	r.queue = append(ws[:len(ws):len(ws)], r.queue...)
}

// answer passes an outcome on to the caller, unless it is about the numbering.
// mu is held.
func (r *proposer) answer(w *pending, o fsm.Outcome) {
	w.origin.used = time.Now()
	code := fsm.Code("")
	if o.Refusal != nil {
		code = o.Refusal.Code
	}
	switch {
	case code == fsm.OriginUnknown:
		// The machine has forgotten the origin, and with it what it answered.
		if r.origin == w.origin {
			r.origin = newOrigin()
		}
		if w.before {
			r.finish(w, fsm.Outcome{}, ErrOutcomeUnknown) // an earlier copy may have been applied
			return
		}
		// This attempt was the only one, and its copy was refused: it may start
		// over, under a name that no copy of anything bears.
		w.origin.settle(w.seq)
		w.origin, w.seq, w.handed = r.origin, r.origin.take(), false
		r.again([]*pending{w})
		r.poke()
	case code == fsm.SequencePassed:
		// The floor passes a sequence only when nobody waits for it (see origin);
		// should it happen all the same, this is the honest answer.
		r.finish(w, fsm.Outcome{}, ErrOutcomeUnknown)
	default:
		r.finish(w, o, nil)
	}
}

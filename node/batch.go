package node

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"stoker/fsm"
)

// An entry takes the groups that are pending when it is made, up to these
// limits; a group is never split, and one larger than an entry travels alone.
const (
	entryProposals = 512
	entryBytes     = 1 << 20
	entriesAtOnce  = 2 // on their way through Raft: one is synced and replicated, the next is made; with four, each took less and cost as much (docs/performance.md)

	// entryWorth is how many proposals must be pending for an entry to be made while another one is on its way. Fewer wait for
	// that one: an entry costs every node as many syncs, however little is in it.
	entryWorth = 64
)

// errNotTaken means that a group was handed to nobody: nothing came of it.
var errNotTaken = errors.New("node: not taken")

// errFateUnknown means that a group may be in some log, and applied yet.
var errFateUnknown = errors.New("node: fate unknown")

// group is proposals that travel together.
type group struct {
	proposals []fsm.Proposal
	done      chan verdict // of capacity 1
}

// verdict is what became of a group: an outcome for each proposal, or an error
// that wraps errNotTaken or errFateUnknown.
type verdict struct {
	outcomes []fsm.Outcome
	err      error
}

// batcher is group commit in front of Raft: it merges what is pending, from this
// node and from those that forward, into one entry. It waits for no timer: an
// entry takes what came while the one before it was on its way, or enough to fill it meanwhile.
type batcher struct {
	raft  *raft.Raft
	clock *clock
	wall  func() time.Time
	level func() uint64 // the cluster's feature level
	done  func()        // called when an entry has been applied

	metrics *metrics
	settled func(fsm.Batch, []fsm.Outcome, time.Time) // told the answers to an entry, and when it was made

	slots chan struct{}
	wg    sync.WaitGroup

	mu      sync.Mutex
	pending []group
	closed  bool
	wake    chan struct{} // of capacity 1
	escort  func([]fsm.Proposal) *Companion
}

// Companion is a proposal that goes along in an entry, behind those that the entry is made of. It has no number, since it is never
// sent again: it happens with them or not at all, and whoever gives it must be able to do without knowing.
type Companion struct {
	Proposal fsm.Proposal
	Answered func(fsm.Outcome, error) // called once; after an error it may have happened all the same
}

// Escort has fn asked for a companion whenever an entry is made here, which is on the leader; nil is none. It must not block.
func (n *Node) Escort(fn func(entry []fsm.Proposal) *Companion) {
	n.batcher.mu.Lock()
	defer n.batcher.mu.Unlock()
	n.batcher.escort = fn
}

// begin takes groups until close.
func (b *batcher) begin() {
	b.slots, b.wake = make(chan struct{}, entriesAtOnce), make(chan struct{}, 1)
	b.wg.Go(b.run)
}

// submit queues a group for the next entry. What the cluster's level does not
// allow reaches no log: a member of an older version could not apply it. Its
// proposer has looked before (Node.allowed).
func (b *batcher) submit(proposals []fsm.Proposal) <-chan verdict {
	g := group{proposals: proposals, done: make(chan verdict, 1)}
	for _, p := range proposals {
		if level := b.level(); fsm.LevelOf(p) > level {
			g.done <- verdict{err: errors.Join(errNotTaken, fsm.TooEarly(p, level))}
			return g.done
		}
	}
	if len(proposals) == 0 {
		g.done <- verdict{}
		return g.done
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		g.done <- verdict{err: errors.Join(errNotTaken, errStopped)}
		return g.done
	}
	b.pending = append(b.pending, g)
	b.poke()
	return g.done
}

// idle says whether no entry is on its way.
func (b *batcher) idle() bool { return len(b.slots) <= 1 } // run holds one

func (b *batcher) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// close refuses what is pending and waits for what is on its way: Raft answers
// each entry, since a leader without a quorum steps down.
func (b *batcher) close() {
	b.mu.Lock()
	b.closed = true
	for _, g := range b.pending {
		g.done <- verdict{err: errors.Join(errNotTaken, errStopped)}
	}
	b.pending = nil
	b.poke()
	b.mu.Unlock()
	b.wg.Wait()
}

func (b *batcher) run() {
	for {
		b.slots <- struct{}{} // first the slot: more may be pending by the time there is one
		groups := b.take(b.least())
		for groups == nil {
			b.mu.Lock()
			closed := b.closed
			b.mu.Unlock()
			if closed {
				return
			}
			<-b.wake
			groups = b.take(b.least())
		}
		b.propose(groups)
	}
}

// least is how many proposals must be pending for an entry to be made now.
func (b *batcher) least() int {
	if b.idle() {
		return 1
	}
	return entryWorth
}

// take removes as many whole groups as fit into one entry; nil if they have fewer proposals than least.
func (b *batcher) take(least int) []group {
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting := 0
	for _, g := range b.pending {
		waiting += len(g.proposals)
	}
	if waiting < least {
		return nil
	}
	count, size, n := 0, 0, 0
	for _, g := range b.pending {
		count += len(g.proposals)
		for i := range g.proposals {
			size += proposalSize(&g.proposals[i])
		}
		if n > 0 && (count > entryProposals || size > entryBytes) {
			break
		}
		n++
	}
	groups := b.pending[:n:n]
	b.pending = b.pending[n:]
	return groups
}

// proposalSize is about what a proposal takes in an entry.
func proposalSize(p *fsm.Proposal) int { return len(p.Body) + 96 }

// propose makes the entry and waits for it in a goroutine of its own.
func (b *batcher) propose(groups []group) {
	batch := fsm.Batch{Stamp: b.clock.now(), Wall: b.wall().UnixNano(), Seed: rand.Uint64()}
	for _, g := range groups {
		batch.Proposals = append(batch.Proposals, g.proposals...)
	}
	if g := b.accompany(batch.Proposals); g != nil {
		groups, batch.Proposals = append(groups, *g), append(batch.Proposals, g.proposals...)
	}
	b.metrics.entry.Observe(float64(len(batch.Proposals)))
	began := time.Now()
	future := b.raft.Apply(batch.Encode(), 0)
	b.wg.Go(func() {
		outcomes, err := settle(future, len(batch.Proposals))
		if err == nil {
			b.metrics.commit.Observe(time.Since(began).Seconds())
		}
		<-b.slots
		b.poke() // what waits may be an entry now, however little it is
		b.done()
		if err == nil {
			b.settled(batch, outcomes, began)
		}
		for _, g := range groups {
			if err != nil {
				g.done <- verdict{err: err}
				continue
			}
			g.done <- verdict{outcomes: outcomes[:len(g.proposals)]}
			outcomes = outcomes[len(g.proposals):]
		}
	})
}

// accompany gives the entry's companion as a group of its own; nil if it has none.
func (b *batcher) accompany(entry []fsm.Proposal) *group {
	b.mu.Lock()
	escort := b.escort
	b.mu.Unlock()
	if escort == nil {
		return nil
	}
	with := escort(entry)
	if with == nil {
		return nil
	}
	g := &group{proposals: []fsm.Proposal{with.Proposal}, done: make(chan verdict, 1)}
	b.wg.Go(func() {
		v := <-g.done
		if v.err != nil {
			with.Answered(fsm.Outcome{}, v.err)
			return
		}
		with.Answered(v.outcomes[0], nil)
	})
	return g
}

// settle waits for Raft's answer to an entry. ErrNotLeader and its like come
// before the entry is in any log; after any other error it may be in some.
func settle(f raft.ApplyFuture, want int) ([]fsm.Outcome, error) {
	switch err := f.Error(); {
	case err == nil:
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress), errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, errNoRoom):
		return nil, fmt.Errorf("%w: %w", errNotTaken, err)
	default:
		return nil, fmt.Errorf("%w: %w", errFateUnknown, err)
	}
	outcomes, _ := f.Response().([]fsm.Outcome)
	if len(outcomes) != want {
		return nil, fmt.Errorf("%w: the machine has stopped", errFateUnknown)
	}
	return outcomes, nil
}

package node

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

var errNotLeading = errors.New("node: this node does not lead")

// leadership is this node's own term as a leader. It begins when an entry of the
// term has been applied, and with it all that earlier leaders committed: before
// that nothing is read, stamped or done on a leader's behalf.
type leadership struct {
	raft  *raft.Raft
	begin func(term uint64) // called before the term is known to others
	log   *slog.Logger

	mu      sync.Mutex
	term    uint64 // 0 while this node does not lead
	ctx     context.Context
	cancel  context.CancelFunc
	changed bell
}

// errStopped: this node stops; ask another.
var errStopped = errors.New("node: this node stops")

// current is the term in which this node leads.
func (l *leadership) current() (term uint64, leads bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.term, l.term != 0
}

// ready is current, but waits for a leadership that is about to begin.
func (l *leadership) ready(ctx context.Context) (uint64, error) {
	for {
		changed := l.changed.listen()
		if term, ok := l.current(); ok {
			return term, nil
		}
		if l.raft.State() != raft.Leader {
			return 0, errNotLeading
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// await waits for the next leadership and gives its term and a context that ends
// with it.
func (l *leadership) await(ctx context.Context) (uint64, context.Context, error) {
	for {
		changed := l.changed.listen()
		l.mu.Lock()
		term, leading := l.term, l.ctx
		l.mu.Unlock()
		if term != 0 {
			return term, leading, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, nil, ctx.Err()
		}
	}
}

// follow turns Raft's news into terms, until ctx ends.
func (l *leadership) follow(ctx context.Context) {
	defer l.end()
	for {
		select {
		case <-ctx.Done():
			return
		case leads := <-l.raft.LeaderCh():
			// Raft overwrites news nobody has taken: true after true means that
			// leadership was lost in between.
			l.end()
			if leads {
				l.start(ctx)
			}
		}
	}
}

func (l *leadership) start(ctx context.Context) {
	term := l.raft.CurrentTerm()
	for {
		err := l.raft.Barrier(0).Error()
		if err == nil {
			break
		}
		if ctx.Err() != nil || l.raft.State() != raft.Leader || l.raft.CurrentTerm() != term {
			l.changed.ring()
			return
		}
		select { // a transfer of leadership that failed, most likely
		case <-time.After(retryEvery):
		case <-ctx.Done():
			return
		}
	}
	if l.raft.CurrentTerm() != term {
		l.changed.ring()
		return // the barrier was another term's; its news follows
	}
	l.begin(term)
	l.mu.Lock()
	l.term = term
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.mu.Unlock()
	l.changed.ring()
	l.log.Info("this node leads", "term", term)
}

func (l *leadership) end() {
	l.mu.Lock()
	term := l.term
	if term != 0 {
		l.cancel()
		l.term = 0
	}
	l.mu.Unlock()
	l.changed.ring()
	if term != 0 {
		l.log.Info("this node leads no more", "term", term)
	}
}

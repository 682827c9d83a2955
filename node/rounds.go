package node

import (
	"context"
	"sync"
	"time"
)

// rounds shares answers among those who ask at the same time. One round is under
// way at most; who comes meanwhile joins the next, all of them the same one. So
// everybody's round begins after they asked, however many ask.
type rounds struct {
	ctx   context.Context // of the node
	limit time.Duration   // of one round
	run   func(ctx context.Context) (uint64, error)

	mu      sync.Mutex
	running bool
	closed  bool
	next    *round // nil until somebody waits for it
	wg      sync.WaitGroup
}

type round struct {
	done  chan struct{}
	index uint64
	err   error
}

// join waits for a round that begins after this call.
func (s *rounds) join(ctx context.Context) (uint64, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return 0, errStopped
	}
	if s.next == nil {
		s.next = &round{done: make(chan struct{})}
	}
	r := s.next
	if !s.running {
		s.running = true
		s.wg.Go(s.loop)
	}
	s.mu.Unlock()
	select {
	case <-r.done:
		return r.index, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// close waits for the rounds under way, whose context has ended, and takes no more.
func (s *rounds) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wg.Wait()
}

// loop runs rounds while somebody waits for one.
func (s *rounds) loop() {
	for {
		s.mu.Lock()
		r := s.next
		s.next = nil
		if r == nil {
			s.running = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		ctx, cancel := context.WithTimeout(s.ctx, s.limit)
		r.index, r.err = s.run(ctx)
		cancel()
		close(r.done)
	}
}

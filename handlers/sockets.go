package handlers

import (
	"context"
	"sync"
)

// sockets counts the WebSockets, which fasthttp forgets once they are upgraded.
// It is a wait group that takes nobody in once somebody waits.
type sockets struct {
	mu      sync.Mutex
	open    int
	drained chan struct{} // not nil: nobody enters; closed when the last one has left
}

// enter counts a socket in, unless the server is leaving.
func (s *sockets) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drained != nil {
		return false
	}
	s.open++
	return true
}

func (s *sockets) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open--; s.open == 0 && s.drained != nil {
		close(s.drained)
	}
}

// drain takes nobody in any more and waits for those that are there.
func (s *sockets) drain(ctx context.Context) error {
	s.mu.Lock()
	if s.drained == nil {
		s.drained = make(chan struct{})
		if s.open == 0 {
			close(s.drained)
		}
	}
	drained := s.drained
	s.mu.Unlock()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

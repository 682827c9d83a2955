package handlers

import (
	"context"
	"errors"
	"sync"

	"stoker/fsm"
)

// errDraining ends the polls that are parked at a node that is to be left alone.
var errDraining = errors.New("draining")

// polls is the context under which polls for work are parked. It ends when the
// operator has the node left alone, and another begins when it is back.
type polls struct {
	mu  sync.Mutex
	ctx context.Context
	end context.CancelCauseFunc
}

func (p *polls) begin(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctx, p.end = context.WithCancelCause(ctx)
}

func (p *polls) context() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ctx
}

func (p *polls) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end(errDraining)
}

// watchDraining turns the operator's word into the end of the polls, and back.
func (s *Server) watchDraining() {
	for {
		if s.node.AwaitDraining(s.work, true) != nil {
			return
		}
		s.polls.stop()
		if s.node.AwaitDraining(s.work, false) != nil {
			return
		}
		s.polls.begin(s.parked)
	}
}

// away refuses what should go to another node while this one is left alone.
func (s *Server) away() error {
	if context.Cause(s.polls.context()) == errDraining {
		return fsm.Refuse(fsm.Unavailable, "this node is draining before maintenance; ask another")
	}
	return nil
}

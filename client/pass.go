package client

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// pass is a worker's session, or the knowledge that the cluster has none.
type pass struct {
	queue *Queue
	log   *slog.Logger
	boot  Boot

	mu    sync.Mutex
	given WorkerSession
	again time.Time // when to ask an older cluster once more
}

// session is empty if there is none.
func (p *pass) session() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.given.SessionID
}

// pollWait is how long the cluster would like polls to be parked, in seconds.
func (p *pass) pollWait() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.given.PollWaitS > 0 {
		return min(p.given.PollWaitS, 60)
	}
	return 30
}

// open asks for a session; nil and no error means that the cluster has none to give, now or a while ago.
func (p *pass) open(ctx context.Context) (*WorkerSession, error) {
	p.mu.Lock()
	early := time.Now().Before(p.again)
	p.mu.Unlock()
	if early {
		return nil, nil
	}
	given, err := p.queue.Session(ctx, p.boot)
	switch {
	case lacks(err):
		p.log.Info("the cluster has no sessions; polls go without")
		p.mu.Lock()
		p.again = time.Now().Add(oldServer)
		p.mu.Unlock()
		return nil, nil
	case err != nil:
		return nil, err
	}
	p.log.Info("session opened", "session", given.SessionID)
	p.mu.Lock()
	p.given = given
	p.mu.Unlock()
	return &given, nil
}

// forget makes the next open ask anew. The boot is the same: nothing of this life is taken back.
func (p *pass) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.given = WorkerSession{}
}

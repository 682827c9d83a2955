package node

import (
	"context"
	"sync"
)

// progress is how far the machine has come, and who waits for it to come further.
type progress struct {
	mu      sync.Mutex
	index   uint64
	waiting map[chan struct{}]uint64
}

func newProgress(index uint64) *progress {
	return &progress{index: index, waiting: map[chan struct{}]uint64{}}
}

// reach wakes those whose index has been reached.
func (p *progress) reach(index uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.index = index
	for ch, want := range p.waiting {
		if want <= index {
			close(ch)
			delete(p.waiting, ch)
		}
	}
}

// wait returns once the machine has applied index, or ctx's error.
func (p *progress) wait(ctx context.Context, index uint64) error {
	p.mu.Lock()
	if p.index >= index {
		p.mu.Unlock()
		return nil
	}
	ch := make(chan struct{})
	p.waiting[ch] = index
	p.mu.Unlock()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		p.mu.Lock()
		delete(p.waiting, ch)
		p.mu.Unlock()
		return ctx.Err()
	}
}

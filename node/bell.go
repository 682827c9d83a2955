package node

import "sync"

// bell wakes everybody who listens. A listener takes the channel first, looks at
// what it waits for, and then waits: a ring in between is not missed.
type bell struct {
	mu sync.Mutex
	ch chan struct{} // nil while nobody listens
}

func (b *bell) listen() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}

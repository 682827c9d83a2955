package node

import (
	"sync"
	"time"
)

// gates are what stands before the nodes' disks: whoever is about to append to the
// log, to flush the state or to make a snapshot asks for the room (space), and may
// be kept waiting there. Term and vote do not ask.
type gates struct {
	mu      sync.Mutex
	of      map[string]gate
	changed bell
}

// gate is one disk's.
type gate struct {
	shut bool
	slow time.Duration // what each write takes
}

func (g *gates) set(id string, to gate) {
	g.mu.Lock()
	g.of[id] = to
	g.mu.Unlock()
	g.changed.ring()
}

func (g *gates) pass(id string) {
	for {
		changed := g.changed.listen()
		g.mu.Lock()
		now := g.of[id]
		g.mu.Unlock()
		if !now.shut {
			if now.slow > 0 {
				time.Sleep(now.slow)
			}
			return
		}
		<-changed
	}
}

// walls are the nodes' wall clocks.
type walls struct {
	mu  sync.Mutex
	off map[string]time.Duration
}

func (w *walls) set(id string, off time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.off[id] = off
}

func (w *walls) now(id string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.off[id])
}

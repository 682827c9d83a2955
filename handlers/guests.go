package handlers

import (
	"context"
	"errors"
	"sync"

	"stoker/fsm"
)

// errRevoked ends what was begun by somebody who was revoked meanwhile.
var errRevoked = errors.New("revoked")

// guests are the requests that stay: streams and parked polls. When their
// holder is revoked they end, on every node as soon as it has heard of it.
type guests struct {
	mu sync.Mutex
	by map[string]map[*guest]struct{}
}

type guest struct{ leave context.CancelCauseFunc }

func newGuests() *guests { return &guests{by: map[string]map[*guest]struct{}{}} }

// enter gives a context that ends with errRevoked when the holder is revoked.
// Call leave when the request ends.
func (g *guests) enter(ctx context.Context, holder string) (_ context.Context, leave func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	one := &guest{cancel}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.by[holder] == nil {
		g.by[holder] = map[*guest]struct{}{}
	}
	g.by[holder][one] = struct{}{}
	return ctx, func() {
		cancel(nil)
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.by[holder], one)
		if len(g.by[holder]) == 0 {
			delete(g.by, holder)
		}
	}
}

// changed is told by the machine after a batch became visible; it never blocks.
func (g *guests) changed(c fsm.Changes) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, holder := range c.Revoked {
		g.end(holder)
	}
	if c.Restored { // whatever was revoked on the way here: they come back and are asked again
		for holder := range g.by {
			g.end(holder)
		}
	}
}

// end sends a holder's guests away. mu is held.
func (g *guests) end(holder string) {
	for one := range g.by[holder] {
		one.leave(errRevoked)
	}
}

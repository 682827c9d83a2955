package handlers

import (
	"container/list"
	"sync"
	"time"

	"stoker/fsm"
)

// What is too much. With more waiting than that, those who come would be answered near their deadline or not at all, and what was
// done for them would be lost on clients that have gone; so they are told at once.
const (
	mostWaiting = 1024            // requests of a node, whatever they wait for
	fewWaiting  = 64              // never too many: that one of them is stuck says nothing of the others
	longWait    = 5 * time.Second // of the one that has waited longest; an election is over by then
)

// crowded is what those are told who are too much.
var crowded = fsm.Refuse(fsm.Unavailable, "this node has more to write than it can, nothing was written; try again, or ask another node")

// crowd is the requests of this node that wait for the log's answer.
type crowd struct {
	mu      sync.Mutex
	waiting list.List // of time.Time: since when, in order
}

// enter takes a request in, or refuses it. Call leave when it has its answer.
func (c *crowd) enter() (leave func(), err error) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tooMany(now) {
		return nil, crowded
	}
	place := c.waiting.PushBack(now)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.waiting.Remove(place)
	}, nil
}

// full says whether the next one would be refused.
func (c *crowd) full() bool {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tooMany(now)
}

// tooMany is full. mu is held.
func (c *crowd) tooMany(now time.Time) bool {
	n := c.waiting.Len()
	return n >= mostWaiting || n >= fewWaiting && now.Sub(c.waiting.Front().Value.(time.Time)) > longWait
}

package client

import (
	"math/rand/v2"
	"net/url"
	"sync"
)

// endpoints is the list of nodes and the one that this client stays with.
type endpoints struct {
	nodes []*url.URL

	mu      sync.Mutex
	current int // index into nodes
}

// newEndpoints begins at a random node, so that many clients with the same list spread over it.
func newEndpoints(nodes []*url.URL) *endpoints {
	return &endpoints{nodes: nodes, current: rand.IntN(len(nodes))}
}

// round is every node once, the current one first. A copy: while one call walks it, others may move current.
func (e *endpoints) round() []*url.URL {
	e.mu.Lock()
	defer e.mu.Unlock()
	round := make([]*url.URL, 0, len(e.nodes))
	round = append(round, e.nodes[e.current:]...)
	return append(round, e.nodes[:e.current]...)
}

// leave moves on from a node that did not serve. Only the first of many calls that met the same dead node moves: the others
// find that current is already another.
func (e *endpoints) leave(node *url.URL) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.nodes[e.current] == node {
		e.current = (e.current + 1) % len(e.nodes)
	}
}

// member tells whether host is one of the nodes.
func (e *endpoints) member(host string) bool {
	for _, node := range e.nodes {
		if node.Host == host {
			return true
		}
	}
	return false
}

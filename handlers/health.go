package handlers

import (
	"context"
	_ "embed"
	"time"

	"github.com/valyala/fasthttp"

	"stoker/fsm"
)

// health says that the process serves, whatever the cluster does. It names the
// version to anybody: whoever watches an upgrade through a balancer has no token,
// the source is public, and /openapi.json tells versions apart anyway. Who does not
// want that keeps /health from the outside at the proxy (docs/security.md).
func (s *Server) health(*call) (any, error) {
	leader, _ := s.node.Leader()
	return struct {
		Status  string `json:"status"`
		Node    string `json:"node"`
		Leader  string `json:"leader"` // "" when unknown
		Version string `json:"version"`
		UptimeS int    `json:"uptime_s"`
	}{"healthy", s.node.ID(), leader, s.cfg.Version, int(time.Since(s.began) / time.Second)}, nil
}

// readyWithin is how long /ready takes at most: who asks is a load balancer that
// has other nodes to ask, and an election is over sooner.
const readyWithin = 2 * time.Second

// ready succeeds only while this node can serve linearizable reads, and says why
// it cannot.
func (s *Server) ready(c *call) (any, error) {
	if s.leaving.Load() {
		return nil, fsm.Refuse(fsm.Unavailable, "this node is leaving; ask another")
	}
	if err := s.away(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c, readyWithin)
	defer cancel()
	if err := s.node.Ready(ctx); err != nil {
		leader, known := s.node.Leader()
		if !known {
			return nil, fsm.Refuse(fsm.Unavailable, "this node knows no leader")
		}
		return nil, fsm.Refuse(fsm.Unavailable, "this node has caught up with no read of the leader, %s, within %v", leader, readyWithin)
	}
	// All nodes use the same store: that one cannot be used is nothing to send clients
	// to another node for.
	return struct {
		Ready   bool   `json:"ready"`
		Objects string `json:"objects,omitempty"` // what is wrong with the store outside
	}{true, s.storeTrouble(ctx)}, nil
}

//go:embed openapi.json
var description []byte

// openapi serves the description of this API, bare: tools expect no envelope.
func (s *Server) openapi(c *call) (any, error) {
	c.http.SetStatusCode(fasthttp.StatusOK)
	c.http.SetContentType("application/json; charset=utf-8")
	c.http.SetBody(description)
	return sent{}, nil
}

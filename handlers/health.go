package handlers

import (
	_ "embed"
	"time"

	"github.com/valyala/fasthttp"
)

// health says that the process serves, whatever the cluster does.
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

// ready succeeds only while this node can serve linearizable reads.
func (s *Server) ready(c *call) (any, error) {
	if err := s.node.Ready(c); err != nil {
		return nil, err
	}
	return map[string]bool{"ready": true}, nil
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

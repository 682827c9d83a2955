package powercut

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"time"

	"stoker/client"
)

// visitor talks to one of several nodes that all believe to be at the same address: links that were signed for that hold for each of
// them, and they are told apart by the address of the loopback network that is dialled.
type visitor struct {
	host string // that is dialled
	http *http.Client
	api  *client.Client
}

func newVisitor(where client.Cluster, host string) (*visitor, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		return dialer.DialContext(ctx, network, net.JoinHostPort(host, port))
	}}
	where.Transport = transport
	api, err := client.New(where)
	if err != nil {
		return nil, err
	}
	return &visitor{host, &http.Client{Transport: transport}, api}, nil
}

// leave closes the connections to a node that is gone.
func (v *visitor) leave() {
	v.http.CloseIdleConnections()
	v.api.Close()
}

// send sends a step and gives what is in the envelope; the answer's time is taken when all of it is there.
func (v *visitor) send(ctx context.Context, s *step) (json.RawMessage, int, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, s.method, s.url, bytes.NewReader(s.body))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if s.picture {
		req.Header.Set("Content-Type", "image/jpeg")
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	if s.key != "" {
		req.Header.Set("Idempotency-Key", s.key)
	}
	res, err := v.http.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || s.picture || len(text) == 0 {
		return nil, res.StatusCode, err
	}
	var envelope struct{ Data, Error json.RawMessage }
	if err := json.Unmarshal(text, &envelope); err != nil {
		return nil, res.StatusCode, err
	}
	if envelope.Error != nil && string(envelope.Error) != "null" {
		return envelope.Error, res.StatusCode, nil
	}
	return envelope.Data, res.StatusCode, nil
}

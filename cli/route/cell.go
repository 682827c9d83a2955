package route

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// errDown says that no endpoint of a cell could be reached.
var errDown = errors.New("no node of the cell can be reached")

// How long a node may take: to be connected to, before the next one is tried, and to begin an answer. The second is longer than any
// handler of a node takes.
const (
	dialFor   = 3 * time.Second
	headerFor = 75 * time.Second
)

// upstream sends requests to a cell, to the endpoint that answered last and to the next one if that cannot be reached.
type upstream struct {
	Cell
	good      atomic.Int32
	transport *http.Transport
}

func newUpstream(c Cell) *upstream {
	dialer := &net.Dialer{Timeout: dialFor, KeepAlive: 15 * time.Second}
	return &upstream{Cell: c, transport: &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: dialFor, ResponseHeaderTimeout: headerFor, ExpectContinueTimeout: time.Second,
		MaxIdleConnsPerHost: 256, IdleConnTimeout: 60 * time.Second, DisableCompression: true,
		TLSClientConfig: &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12},
	}}
}

// RoundTrip implements http.RoundTripper. The request's URL needs a path only.
func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	body := &unread{ReadCloser: r.Body}
	first := int(u.good.Load())
	for i := range u.urls {
		at := (first + i) % len(u.urls)
		try := r.Clone(r.Context())
		try.URL.Scheme, try.URL.Host, try.Host = u.urls[at].Scheme, u.urls[at].Host, u.urls[at].Host
		if r.Body != nil && r.Body != http.NoBody {
			try.Body = body
		}
		res, err := u.transport.RoundTrip(try)
		next := int32((at + 1) % len(u.urls))
		if err == nil && res.StatusCode != http.StatusServiceUnavailable {
			u.good.Store(int32(at))
			return res, nil
		}
		// Whoever comes next asks another node: this one hangs, is cut off from the others, or is gone.
		if r.Context().Err() == nil {
			u.good.CompareAndSwap(int32(at), next)
		}
		if err == nil {
			return res, nil
		}
		if !unreached(err) || body.begun.Load() || r.Context().Err() != nil {
			return nil, err
		}
	}
	if r.Body != nil {
		_ = r.Body.Close() // nothing of it was read, and nobody else will
	}
	return nil, errDown
}

// unreached says that nothing can have come to the node: there never was a connection, or no TLS over it.
func unreached(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || strings.Contains(err.Error(), "TLS handshake timeout") // an unexported type
}

// unread is a body that is still whole as long as nobody has begun to read it; a transport that fails closes what it was given.
type unread struct {
	io.ReadCloser
	begun atomic.Bool
}

func (b *unread) Read(p []byte) (int, error) {
	b.begun.Store(true)
	return b.ReadCloser.Read(p)
}

// Close closes a body that was begun.
func (b *unread) Close() error {
	if !b.begun.Load() {
		return nil
	}
	return b.ReadCloser.Close()
}

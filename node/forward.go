package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/hashicorp/raft"

	"stoker/fsm"
)

// What nodes ask each other on the cluster port.
const (
	pathPropose   = "/node/propose"
	pathReadIndex = "/node/read-index"
	pathStatus    = "/node/status"
	pathProof     = "/node/proof"
	pathBootstrap = "/node/bootstrap"
	pathSealKeys  = "/node/seal-keys"
)

const maxForward = 64 << 20 // bytes of one group; a group aims at entryBytes

// newClient makes an HTTP/2 client whose hosts are member ids.
func newClient(p *port) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	return &http.Client{Transport: &http.Transport{
		Protocols:         &protocols,
		ForceAttemptHTTP2: true,
		DialTLSContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			id, _, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			conn, err := p.dial(ctx, id, protoHTTP)
			if err != nil {
				return nil, err
			}
			return conn, nil
		},
		DisableCompression: true,
		IdleConnTimeout:    time.Minute,
		HTTP2: &http.HTTP2Config{
			// A peer that vanished without a word is found out in four seconds.
			SendPingTimeout: 2 * time.Second,
			PingTimeout:     2 * time.Second,
		},
	}}
}

// newServer serves HTTP/2 on the port's lane.
func newServer(h http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	return &http.Server{
		Handler:   h,
		Protocols: &protocols,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          10_000, // long polls of every worker of another node
			MaxReceiveBufferPerConnection: 16 << 20,
			SendPingTimeout:               5 * time.Second,
			PingTimeout:                   5 * time.Second,
		},
		ReadHeaderTimeout: 10 * time.Second,
	}
}

// Handle adds an endpoint to the cluster port, which only members reach (see
// Caller). The pattern is one of http.ServeMux.
func (n *Node) Handle(pattern string, h http.Handler) { n.mux.Handle(pattern, h) }

// Call sends a request to a member's cluster port; of req's URL the path and the
// query count.
func (n *Node) Call(ctx context.Context, member string, req *http.Request) (*http.Response, error) {
	return call(ctx, n.bulk, member, req)
}

// CallLeader sends a request to the leader's cluster port, this node's own if it
// leads. It waits for a leader to be known, and does not ask twice.
func (n *Node) CallLeader(ctx context.Context, req *http.Request) (*http.Response, error) {
	leader, err := n.leader.await(ctx)
	if err != nil {
		return nil, unavailable("no leader", err)
	}
	return call(ctx, n.bulk, leader, req)
}

func call(ctx context.Context, c *http.Client, member string, req *http.Request) (*http.Response, error) {
	req = req.Clone(ctx)
	req.URL.Scheme, req.URL.Host, req.Host, req.RequestURI = "https", member, member, ""
	follow(ctx, req.Header)
	return c.Do(req)
}

// ask posts to a member and gives the answer's body.
func (n *Node) ask(ctx context.Context, member, path string, body []byte) ([]byte, error) {
	return n.post(ctx, member, path, bytes.NewReader(body), len(body))
}

func (n *Node) post(ctx context.Context, member, path string, body io.Reader, size int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, path, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(size)
	resp, err := call(ctx, n.control, member, req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxForward))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusGone:
		return nil, ErrRemoved
	case resp.StatusCode == http.StatusMisdirectedRequest:
		return nil, fmt.Errorf("%w: %s: %s", errNotTaken, member, bytes.TrimSpace(b))
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answered %d: %s", member, resp.StatusCode, bytes.TrimSpace(b))
	}
	return b, nil
}

// propose hands a group to the leader, here or there. handed is called before
// any of it may have arrived; if it says no, none of it does. The error wraps
// errNotTaken when none of it has.
func (n *Node) propose(ctx context.Context, leader string, ps []fsm.Proposal, handed func() bool) ([]fsm.Outcome, error) {
	if leader == n.cfg.ID {
		if _, err := n.lead.ready(ctx); err != nil {
			return nil, errors.Join(errNotTaken, err)
		}
		if !handed() {
			return nil, errors.Join(errNotTaken, errWithdrawn)
		}
		select {
		case v := <-n.batcher.submit(ps):
			return v.outcomes, v.err
		case <-ctx.Done():
			return nil, errFateUnknown
		}
	}
	ctx, cancel := n.leader.during(ctx, leader)
	defer cancel()
	body, err := cbor.Marshal(ps)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	p := &parcel{handed: handed, body: bytes.NewReader(body)}
	answer, err := n.post(ctx, leader, pathPropose, p, len(body))
	begun := p.close()
	if err == nil {
		n.metrics.forward.Observe(time.Since(began).Seconds())
	}
	if err != nil {
		if !begun {
			err = errors.Join(errNotTaken, err)
		}
		return nil, err
	}
	var outcomes []fsm.Outcome
	if err := cbor.Unmarshal(answer, &outcomes); err != nil || len(outcomes) != len(ps) {
		return nil, fmt.Errorf("%w: %s sent an answer of %d outcomes to %d proposals (%v)", errFateUnknown, leader, len(outcomes), len(ps), err)
	}
	return outcomes, nil
}

// servePropose takes another node's group. 421 says that nothing came of it.
func (n *Node) servePropose(w http.ResponseWriter, r *http.Request) {
	var ps []fsm.Proposal
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForward))
	if err == nil {
		err = cbor.Unmarshal(body, &ps)
	}
	if err != nil {
		http.Error(w, "read the proposals: "+err.Error(), http.StatusBadRequest)
		return
	}
	if _, err := n.lead.ready(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusMisdirectedRequest)
		return
	}
	var v verdict
	select {
	case v = <-n.batcher.submit(ps):
	case <-r.Context().Done():
		return
	}
	if errors.Is(v.err, errNotTaken) {
		http.Error(w, v.err.Error(), http.StatusMisdirectedRequest)
		return
	}
	if v.err == nil {
		body, v.err = cbor.Marshal(v.outcomes)
	}
	if v.err != nil {
		http.Error(w, v.err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Write(body)
}

func (n *Node) askReadIndex(ctx context.Context, leader string) (uint64, error) {
	ctx, cancel := n.leader.during(ctx, leader)
	defer cancel()
	term := strconv.FormatUint(n.raft.CurrentTerm(), 10) // read after the readers came, see confirmFor
	b, err := n.ask(ctx, leader, pathReadIndex+"?term="+term, nil)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(string(b), 10, 64)
}

func (n *Node) serveReadIndex(w http.ResponseWriter, r *http.Request) {
	term, _ := strconv.ParseUint(r.URL.Query().Get("term"), 10, 64) // a node of an older version does not say; it is in no term 0
	index, err := n.confirmFor(r.Context(), raft.ServerID(Caller(r)), term)
	if err != nil {
		http.Error(w, err.Error(), http.StatusMisdirectedRequest)
		return
	}
	io.WriteString(w, strconv.FormatUint(index, 10))
}

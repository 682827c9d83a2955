package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds what a JSON answer may hold in memory. The largest honest one is a job of 200 items with signed URLs.
const maxAnswer = 16 << 20

// Client holds the connections to a cluster's nodes. Safe for concurrent use; make one and share it.
type Client struct {
	http     *http.Client
	nodes    *endpoints
	patience time.Duration
	attempt  time.Duration
	cluster  Cluster
}

// New checks the cluster's description; it does not dial.
func New(cluster Cluster) (*Client, error) {
	nodes, err := cluster.nodes()
	if err != nil {
		return nil, err
	}
	transport, err := cluster.roundTripper()
	if err != nil {
		return nil, err
	}
	c := &Client{
		// A node never redirects; following one would carry a token to a stranger.
		http:     &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		nodes:    newEndpoints(nodes),
		patience: cluster.Patience,
		attempt:  cluster.AttemptTimeout,
		cluster:  cluster,
	}
	if c.patience == 0 {
		c.patience = time.Minute
	}
	if c.attempt == 0 {
		c.attempt = 15 * time.Second
	}
	return c, nil
}

// Close drops idle connections. Calls under way are not disturbed.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request is one call of the API, however many attempts it takes.
type request struct {
	method, path string // path is escaped
	query        url.Values
	body         any // JSON, nil for none
	token        string
	session      *Session
	keyed        bool          // mutating and scoped to a user or an operator: carries an Idempotency-Key
	attempt      time.Duration // zero: the client's
	patience     time.Duration // zero: the client's; forever: until it is answered
}

// call sends r until it is answered and decodes the answer's data into out (nil: not wanted). It returns the answer's header and
// whether there was any content.
//
// A read that sent a session's token and is refused as invalid is asked again without it: the token may be of an epoch before the
// cluster was restored, and would be refused for ever. If something else was invalid, the second answer says so.
func (c *Client) call(ctx context.Context, r request, out any) (http.Header, bool, error) {
	header, some, err := c.exchange(ctx, r, out)
	if r.method == http.MethodGet && r.session.Token() != "" && Is(err, CodeValidation) {
		r.session.forget()
		return c.exchange(ctx, r, out)
	}
	return header, some, err
}

func (c *Client) exchange(ctx context.Context, r request, out any) (header http.Header, some bool, err error) {
	var body []byte
	if r.body != nil {
		if body, err = json.Marshal(r.body); err != nil {
			return nil, false, fmt.Errorf("%s %s: %w", r.method, r.path, err)
		}
	}
	fixed := r.headers()
	traced(ctx, fixed)
	token, mark := r.session.begin()
	if token != "" && r.method == http.MethodGet {
		fixed.Set(headerIndex, token)
	}
	if r.attempt == 0 {
		r.attempt = c.attempt
	}
	err = c.persist(ctx, r.method+" "+r.path, r.patience, c.nodes.round, func(ctx context.Context, node *url.URL) error {
		ctx, cancel := context.WithTimeout(ctx, r.attempt)
		defer cancel()
		target := node.String() + r.path
		if len(r.query) > 0 {
			target += "?" + r.query.Encode()
		}
		req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(body))
		if err != nil {
			return errFinal{err}
		}
		req.Header = fixed.Clone()
		header, some, err = c.answer(node, req, out)
		return err
	})
	if err == nil {
		r.session.end(mark, header.Get(headerIndex))
	}
	return header, some, err
}

// headers are made once per call: every attempt is the same request to whoever deduplicates or traces it.
func (r request) headers() http.Header {
	h := http.Header{}
	h.Set("User-Agent", "stoker-go")
	h.Set("Accept", "application/json")
	h.Set(headerRequestID, "c-"+strings.ToLower(rand.Text()))
	if r.body != nil {
		h.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		h.Set(headerAuthorization, "Bearer "+r.token)
	}
	if r.keyed {
		h.Set(headerKey, rand.Text())
	}
	return h
}

// answer makes one attempt at one node and reads it to its end: an answer cut in the middle is as good as none.
func (c *Client) answer(node *url.URL, req *http.Request, out any) (http.Header, bool, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return nil, false, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("%s: the answer was cut: %w", node.Host, err)
	case len(text) > maxAnswer:
		return nil, false, errFinal{fmt.Errorf("%s: the answer is larger than %d bytes", node.Host, maxAnswer)}
	case res.StatusCode/100 != 2:
		return nil, false, judge(refusal(node.Host, res, text))
	case res.StatusCode == http.StatusNoContent || out == nil:
		return res.Header, false, nil
	}
	var envelope struct{ Data json.RawMessage }
	if err := json.Unmarshal(text, &envelope); err != nil {
		return nil, false, errFinal{fmt.Errorf("%s: HTTP %d without an envelope; is this a Stoker node? %w", node.Host, res.StatusCode, err)}
	}
	if err := json.Unmarshal(envelope.Data, out); err != nil {
		return nil, false, errFinal{fmt.Errorf("%s: data does not decode into %T: %w", node.Host, out, err)}
	}
	return res.Header, true, nil
}

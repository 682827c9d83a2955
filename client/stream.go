package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// stream sends a request until a node begins to answer, for at most the client's patience or r's own, and hands the answer over
// as it comes: for as long as ctx lives and nobody closes it.
func (c *Client) stream(ctx context.Context, r request, accept string, nodes func() []*url.URL) (body io.ReadCloser, header http.Header, err error) {
	var text []byte
	if r.body != nil {
		if text, err = json.Marshal(r.body); err != nil {
			return nil, nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
		}
	}
	fixed := r.headers()
	fixed.Set("Accept", accept)
	stop := context.CancelFunc(func() {})
	patience := c.patience
	if r.patience > 0 {
		patience = r.patience
	}
	began, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = c.persist(began, r.method+" "+r.path, 0, nodes, func(_ context.Context, node *url.URL) error {
		// The body outlives the attempt, so the attempt's context must not end it.
		var alive context.Context
		alive, stop = context.WithCancel(ctx)
		req, err := http.NewRequestWithContext(alive, r.method, node.String()+r.path+"?"+r.query.Encode(), bytes.NewReader(text))
		if err != nil {
			return errFinal{err}
		}
		req.Header = fixed.Clone()
		res, err := c.http.Do(req)
		if err != nil {
			stop()
			return err
		}
		if res.StatusCode/100 != 2 {
			said, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer)) // only to be shown
			res.Body.Close()
			stop()
			return judge(refusal(node.Host, res, said))
		}
		body, header = ending{res.Body, stop}, res.Header
		return nil
	})
	if err != nil {
		stop()
		return nil, nil, err
	}
	return body, header, nil
}

// ending gives a request's context up with its body.
type ending struct {
	io.ReadCloser
	stop context.CancelFunc
}

func (e ending) Close() error {
	defer e.stop()
	return e.ReadCloser.Close()
}

package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/cli/local"
	"stoker/cli/setup"
	"stoker/cli/status"
	"stoker/client"
)

// cluster is nodes as processes, and clients that speak to them.
type cluster struct {
	*local.Cluster
	operator client.Cluster   // every endpoint and the tokens
	any      *client.Client   // goes from node to node, as apps do
	at       []*client.Client // each speaks to one node only
}

// found makes keys, configurations and clients for n nodes on free ports. Nothing is started.
func found(dir string, n int, path string) (*cluster, error) {
	nodes, err := local.Anywhere(n)
	if err != nil {
		return nil, err
	}
	made, err := setup.Found(setup.Plan{Nodes: nodes, Out: dir})
	if err != nil {
		return nil, err
	}
	return opened(made.Out, path)
}

// opened is found for a folder that is there already.
func opened(dir, path string) (c *cluster, err error) {
	c = &cluster{}
	if c.Cluster, err = local.Open(dir, path); err != nil {
		return nil, err
	}
	if c.operator, err = client.LoadOperator(filepath.Join(dir, "operator.toml")); err != nil {
		return nil, err
	}
	if c.any, err = client.New(c.operator); err != nil {
		return nil, err
	}
	for _, node := range c.Nodes {
		one := c.operator
		one.Endpoints = []string{node.HTTP}
		only, err := client.New(one)
		if err != nil {
			return nil, err
		}
		c.at = append(c.at, only)
	}
	return c, nil
}

// newCluster is found for one test: killed and removed at its end.
func newCluster(t *testing.T, n int, path string) *cluster {
	t.Helper()
	c, err := found(t.TempDir(), n, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	c.explain(t)
	return c
}

func (c *cluster) begin(t *testing.T) {
	t.Helper()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// explain holds against the nodes, when the test ends, what they must never do, and shows their logs' ends if it failed.
func (c *cluster) explain(t *testing.T) {
	t.Cleanup(func() {
		for _, n := range c.Nodes {
			p := n.Process()
			if p == nil {
				continue
			}
			if err := p.Failure(); err != nil {
				t.Error(err)
			}
			text, err := os.ReadFile(p.Log)
			if err != nil {
				t.Error(err)
			}
			for _, never := range []string{"DATA RACE", "panicked", "panic:", "fatal error:"} {
				if at := bytes.Index(text, []byte(never)); at >= 0 {
					t.Errorf("%s logged %q:\n%s", n.ID, never, text[at:min(len(text), at+3000)])
				}
			}
			if t.Failed() {
				t.Logf("the end of %s's log:\n%s", n.ID, text[max(0, len(text)-2000):])
			}
		}
	})
}

// status is what a node says of the cluster.
func (c *cluster) status(t *testing.T, node int) (s struct {
	status.Status
	Hash   string `json:"hash"`
	HashAt uint64 `json:"hash_at"`
}) {
	t.Helper()
	raw, err := c.at[node].Operator().Status(t.Context())
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// leader waits until the nodes that run agree on one of them, and gives its place.
func (c *cluster) leader(t *testing.T) (leader int) {
	t.Helper()
	eventually(t, "a leader that all running nodes know", func() bool {
		names := map[string]bool{}
		for i, n := range c.Nodes {
			if n.Process().Alive() {
				names[c.status(t, i).Leader] = true
			}
		}
		for i, n := range c.Nodes {
			if len(names) == 1 && names[n.ID] && n.Process().Alive() {
				leader = i
				return true
			}
		}
		return false
	})
	return leader
}

// agree waits until all nodes show the same log index, and compares what their machines became by it.
func (c *cluster) agree(t *testing.T) {
	t.Helper()
	known := map[uint64]string{} // hash by index
	eventually(t, "all nodes at one index", func() bool {
		same := true
		var first uint64
		for i, n := range c.Nodes {
			s := c.status(t, i)
			if hash, ok := known[s.HashAt]; ok && hash != s.Hash {
				t.Fatalf("at entry %d node %s has hash %s, another %s", s.HashAt, n.ID, s.Hash, hash)
			}
			known[s.HashAt] = s.Hash
			if i == 0 {
				first = s.HashAt
			}
			same = same && s.HashAt == first && s.HashAt > 0 && s.Hash != ""
		}
		return same
	})
}

// request is one HTTP request, sent once.
type request struct {
	method, path string // path may be a whole URL
	token        string
	key          string // Idempotency-Key
	header       map[string]string
	body         any // JSON, unless it is []byte or an io.Reader, which are sent as they are
	size         int64
}

// reply is its answer. Code is the envelope's, or that of S3's XML.
type reply struct {
	status int
	code   string
	data   json.RawMessage
	body   []byte
	header http.Header
}

// web follows no redirect and repeats nothing by itself that has no key.
var web = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 128, ExpectContinueTimeout: 5 * time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       90 * time.Second,
}

// try sends it to a node; the error says that no answer came.
func (c *cluster) try(ctx context.Context, node int, r request) (reply, error) {
	var body io.Reader
	switch b := r.body.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(b)
	case io.Reader:
		body = b
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return reply{}, err
		}
		body = bytes.NewReader(text)
	}
	target := r.path
	if strings.HasPrefix(target, "/") {
		target = "http://" + c.Nodes[node].HTTP + target
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return reply{}, err
	}
	if r.size > 0 {
		req.ContentLength = r.size
	}
	for name, value := range r.header {
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	res, err := web.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	out := reply{status: res.StatusCode, header: res.Header}
	if out.body, err = io.ReadAll(res.Body); err != nil {
		return reply{}, fmt.Errorf("the answer was cut: %w", err)
	}
	out.read()
	return out, nil
}

func (r *reply) read() {
	var envelope struct {
		Data  json.RawMessage
		Error struct{ Code string }
	}
	var s3 struct{ Code string }
	switch {
	case json.Unmarshal(r.body, &envelope) == nil:
		r.code, r.data = envelope.Error.Code, envelope.Data
	case xml.Unmarshal(r.body, &s3) == nil:
		r.code = s3.Code
	}
}

// send is try where an answer must come.
func (c *cluster) send(t *testing.T, node int, r request) reply {
	t.Helper()
	got, err := c.try(t.Context(), node, r)
	if err != nil {
		t.Fatalf("%s %s at %s: %v", r.method, r.path, c.Nodes[node].ID, err)
	}
	return got
}

// into decodes the data of an answer that must be a success.
func (r reply) into(t *testing.T, out any) {
	t.Helper()
	if r.status/100 != 2 {
		t.Fatalf("HTTP %d: %.500s", r.status, r.body)
	}
	if err := json.Unmarshal(r.data, out); err != nil {
		t.Fatalf("%v in %.500s", err, r.body)
	}
}

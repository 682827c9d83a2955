package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"stoker/cli/local"
	"stoker/cli/setup"
	"stoker/client"
)

// goodbye is how long nodes may take to stop before they are killed.
const goodbye = 12 * time.Second

// testbed is a cluster of real processes on loopback.
type testbed struct {
	dir     string
	kept    bool // the folder is the caller's and stays
	cluster *local.Cluster
	where   client.Cluster // as operator.toml says
	api     *client.Client
	nodes   []*client.Client // each speaks to one node alone

	logSyncs float64 // of one append to the log
}

// bed says which cluster to found.
type bed struct {
	nodes    int
	binary   string // empty: this one
	logStore string // as stoker.toml has it; empty: what a new node gets
	dir      string // where the cluster is kept, or is to be; empty: in a temporary folder
}

// openTestbed founds and starts a cluster. What is in between is done once there are folders for the nodes, and none of them runs.
func openTestbed(ctx context.Context, b bed, between ...func(*testbed, []setup.Node) error) (_ *testbed, err error) {
	t := &testbed{logSyncs: 2, dir: b.dir, kept: b.dir != ""}
	if b.logStore != "boltdb" {
		t.logSyncs = 1
	}
	if !t.kept {
		if t.dir, err = os.MkdirTemp("", "stoker-bench-"); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
		}
	}()
	operator := filepath.Join(t.dir, "operator.toml")
	var nodes []setup.Node
	if _, err := os.Stat(operator); errors.Is(err, fs.ErrNotExist) {
		if nodes, err = t.found(b); err != nil {
			return nil, err
		}
	}
	if t.cluster, err = local.Open(t.dir, b.binary); err != nil {
		return nil, err
	}
	for _, do := range between {
		if err := do(t, nodes); err != nil {
			return nil, err
		}
	}
	if err := t.cluster.Start(ctx); err != nil {
		return nil, err
	}
	if t.where, err = client.LoadOperator(operator); err != nil {
		return nil, err
	}
	if t.api, err = client.New(t.where); err != nil {
		return nil, err
	}
	for _, n := range t.cluster.Nodes {
		one := t.where
		one.Endpoints = []string{"http://" + n.HTTP}
		c, err := client.New(one)
		if err != nil {
			return nil, err
		}
		t.nodes = append(t.nodes, c)
	}
	return t, nil
}

// found makes the cluster's folders, configuration and keys.
func (t *testbed) found(b bed) ([]setup.Node, error) {
	nodes, err := local.Anywhere(b.nodes)
	if err != nil {
		return nil, err
	}
	for i := range nodes {
		nodes[i].LogStore = b.logStore
	}
	_, err = setup.Found(setup.Plan{Nodes: nodes, Out: t.dir})
	return nodes, err
}

// close stops the nodes and removes the folder, unless that is to stay.
func (t *testbed) close() error {
	if t.cluster != nil {
		ctx, cancel := context.WithTimeoutCause(context.Background(), goodbye, errors.New("it took too long"))
		defer cancel()
		t.cluster.Stop(ctx) // killed if it does not stop: what was acknowledged is in the log
	}
	if t.kept {
		return nil
	}
	return os.RemoveAll(t.dir)
}

// nodeStatus is what is needed of /admin/status.
type nodeStatus struct {
	Node    string `json:"node"`
	Role    string `json:"role"`
	Leader  string `json:"leader"`
	Index   uint64 `json:"index"`
	LastLog uint64 `json:"last_log"`
	Hash    string `json:"hash"`
	HashAt  uint64 `json:"hash_at"`
	Queue   struct {
		Ready   map[string]int `json:"ready"`
		Leases  int            `json:"leases"`
		Dead    int            `json:"dead"`
		Waiters int            `json:"waiters"`
	} `json:"queue"`
}

// status asks a node.
func status(ctx context.Context, c *client.Client) (s nodeStatus, err error) {
	text, err := c.Operator().Status(ctx)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("/admin/status: %w", err)
	}
	return s, nil
}

// leader asks the nodes until one of them leads.
func (t *testbed) leader(ctx context.Context) (nodeStatus, error) {
	for {
		for _, c := range t.nodes {
			asking, cancel := context.WithTimeout(ctx, time.Second)
			s, err := status(asking, c)
			cancel()
			if err == nil && s.Leader == s.Node && s.Node != "" {
				return s, nil
			}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nodeStatus{}, fmt.Errorf("no node leads: %w", err)
		}
	}
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// buyer is a user with plan and credits enough for anything.
type buyer struct {
	testbed *testbed
	app     *client.App
	id      string
}

// fortune is what a buyer is granted.
const fortune = 1_000_000

// newBuyer signs in a new user and books its fortune.
func (t *testbed) newBuyer(ctx context.Context) (*buyer, error) {
	b := &buyer{testbed: t, app: t.api.App("")}
	in, err := b.app.SignIn(ctx, "")
	if err != nil {
		return nil, err
	}
	b.id = in.UserID
	if err := t.api.Operator().SetPlan(ctx, b.id, "pro"); err != nil {
		return nil, err
	}
	return b, t.api.Operator().GrantCredits(ctx, b.id, fortune, "bench")
}

// preset is what all orders are of.
const preset = "interior"

// prepare makes a job of n items and uploads them; execute queues it.
func (b *buyer) prepare(ctx context.Context, n int) (job string, err error) {
	ticket, err := b.app.CreateJob(ctx, preset, n)
	if err != nil {
		return "", err
	}
	for _, to := range ticket.PresignedURLs {
		if err := b.app.Upload(ctx, to.URL, picture(1)); err != nil {
			return ticket.JobID, err
		}
	}
	return ticket.JobID, b.app.ConfirmUpload(ctx, ticket.JobID)
}

func (b *buyer) execute(ctx context.Context, job string) error {
	return b.app.Execute(ctx, job, client.Execution{Concepts: map[string]client.Concept{concept: {Action: "recolor", Value: "white"}}})
}

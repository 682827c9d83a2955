package node

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoker/fsm"
)

// cluster is nodes with real logs and real state on disk, and a network in
// memory. It lives in a synctest bubble: time passes only when everybody waits.
type cluster struct {
	t       *testing.T
	net     *network
	dir     string
	members []Member
	edit    func(*Config) // applied to each node's configuration; may be nil
	log     *slog.Logger

	mu    sync.Mutex
	nodes map[string]*Node
	exits map[string]error

	joined map[string]Joined // nodes that came by a join token, and what they were given
}

// inCluster runs a test with a started cluster of ids in a bubble.
func inCluster(t *testing.T, edit func(*Config), ids []string, test func(*testing.T, *cluster)) {
	t.Helper()
	testCA() // keys are made outside: the bubble's time would not matter, its goroutines might
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, edit, ids...)
		defer c.stopAll()
		c.startAll()
		c.begun()
		test(t, c)
	})
}

var three = []string{"n1", "n2", "n3"}

func newCluster(t *testing.T, edit func(*Config), ids ...string) *cluster {
	c := &cluster{t: t, net: newNetwork(), dir: t.TempDir(), edit: edit, nodes: map[string]*Node{}, exits: map[string]error{}, joined: map[string]Joined{}}
	level := slog.LevelError
	if os.Getenv("STOKER_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	c.log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level}))
	for _, id := range ids {
		c.members = append(c.members, Member{ID: id, Addr: id, HTTP: "http-" + id})
	}
	return c
}

func testTLS(id string) *Identity {
	cert, key := testCA().issue("stoker://node/" + id)
	conf, err := ParseTLS(testCA().pem, cert, key)
	must(err)
	return conf
}

func (c *cluster) config(id string) Config {
	c.mu.Lock()
	members := slices.Clone(c.members)
	got, joined := c.joined[id]
	c.mu.Unlock()
	conf := Config{
		ID: id, Dir: filepath.Join(c.dir, id), Members: members, TLS: testTLS(id),
		Listener: c.net.listen(id), Dial: c.net.dialer(id), Log: c.log.With("node", id), Version: "test", SealKey: make([]byte, 32),
		Genesis: func() fsm.Genesis {
			return fsm.Genesis{ClusterID: "test", SealedCA: testCA().sealed(), JWTKeys: []fsm.Secret{{ID: "k"}}, FirstSettings: fsm.DefaultSettings()}
		},
	}
	conf.Exit = func(err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.exits[id] = err
	}
	if joined {
		var err error
		conf.TLS, err = ParseTLS(got.CA, got.Cert, got.Key)
		must(err)
		conf.Joined, conf.Genesis, conf.Members, conf.Listener = true, nil, got.Members, c.net.listen(id+":90")
	}
	if c.edit != nil {
		c.edit(&conf)
	}
	return conf
}

func (c *cluster) start(id string) error {
	conf := c.config(id)
	n, err := Start(c.t.Context(), conf)
	if err != nil {
		conf.Listener.Close()
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[id] = n
	return nil
}

func (c *cluster) startAll() {
	var wg sync.WaitGroup
	for _, m := range c.members {
		if c.node(m.ID) == nil {
			wg.Go(func() {
				if err := c.start(m.ID); err != nil {
					c.t.Errorf("start %s: %v", m.ID, err)
				}
			})
		}
	}
	wg.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
}

func (c *cluster) node(id string) *Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[id]
}

// take takes a node out of those that run; nil if it does not.
func (c *cluster) take(id string) *Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.nodes[id]
	delete(c.nodes, id)
	return n
}

// crash ends a node without a word to anybody: no transfer, its connections reset.
func (c *cluster) crash(id string) {
	n := c.take(id)
	n.stop.Do(func() { n.shutdown() })
}

func (c *cluster) stopAll() {
	c.net.heal()
	c.mu.Lock()
	nodes := c.nodes
	c.nodes = map[string]*Node{}
	c.mu.Unlock()
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() { n.Stop(context.Background()) })
	}
	wg.Wait()
	for id, err := range c.exits {
		c.t.Errorf("%s ended itself: %v", id, err)
	}
}

// others are the nodes that run, without one.
func (c *cluster) others(id string) []*Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*Node
	for _, m := range c.members {
		if n := c.nodes[m.ID]; n != nil && m.ID != id {
			out = append(out, n)
		}
	}
	return out
}

// leader waits for a node that leads among those that run.
func (c *cluster) leader() *Node {
	c.t.Helper()
	for range 2000 {
		for _, n := range c.others("") {
			if _, ok := n.lead.current(); ok {
				return n
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatal("no leader in 20 s")
	return nil
}

// begun waits for Genesis and makes the user "u".
func (c *cluster) begun() {
	c.t.Helper()
	n := c.leader()
	for {
		_, err := Apply(c.t.Context(), n, fsm.SignIn{NewID: "u"})
		if err == nil {
			return
		}
		if r, ok := asRefusal(err); !ok || r.Code != fsm.Unavailable {
			c.t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// grant is one write; the user's credits count them.
func grant(ctx context.Context, n *Node) (Result[fsm.User], error) {
	return Apply(ctx, n, fsm.GrantCredits{User: "u", Amount: 1, Reason: "test"})
}

func (c *cluster) mustGrant(n *Node) Result[fsm.User] {
	c.t.Helper()
	r, err := grant(c.t.Context(), n)
	if err != nil {
		c.t.Fatalf("grant at %s: %v", n.cfg.ID, err)
	}
	return r
}

// credits reads the user's balance.
func credits(ctx context.Context, n *Node, how Consistency) (int64, error) {
	v, err := n.Read(ctx, how)
	if err != nil {
		return 0, err
	}
	defer v.Close()
	u, ok := v.User("u")
	if !ok {
		return 0, fmt.Errorf("no user at %s", n.cfg.ID)
	}
	sum := int64(0)
	for e := range v.Ledger("u", fsm.Mark{}) {
		sum += e.Amount
	}
	if sum != u.Credits {
		return 0, fmt.Errorf("the ledger says %d, the user %d", sum, u.Credits)
	}
	return u.Credits, nil
}

func (c *cluster) mustCredits(n *Node, want int64) {
	c.t.Helper()
	got, err := credits(c.t.Context(), n, Linearizable)
	if err != nil || got != want {
		c.t.Fatalf("%s reads %d credits (%v), want %d", n.cfg.ID, got, err, want)
	}
}

// agree waits until all running nodes are at one index and compares their hashes.
func (c *cluster) agree() {
	c.t.Helper()
	nodes := c.others("")
	for range 1000 {
		at, sum := nodes[0].machine.Hash()
		same := true
		for _, n := range nodes[1:] {
			a, s := n.machine.Hash()
			if a == at && s != sum {
				c.t.Fatalf("%s and %s differ at entry %d", nodes[0].cfg.ID, n.cfg.ID, at)
			}
			same = same && a == at
		}
		if same {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatal("the nodes do not come to the same entry in 10 s")
}

package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"stoker/cli/config"
)

// startPatience is how long a node may take until it serves: an election among processes that have all just started.
const startPatience = 30 * time.Second

// Node is one member, whether it runs or not.
type Node struct {
	ID   string
	HTTP string // host:port of the public port, as others dial it

	config string // path of stoker.toml
	log    string
	binary string

	mu      sync.Mutex
	process *Process // the latest
}

// Cluster is all nodes of a folder.
type Cluster struct {
	Dir   string
	Nodes []*Node
}

// Open reads the folder that setup.Found wrote; nothing is started. An empty binary means this one.
func Open(dir, binary string) (*Cluster, error) {
	found, err := filepath.Glob(filepath.Join(dir, "*", "stoker.toml"))
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("%s holds no node's folder: `stoker init --out %s` makes them", dir, dir)
	}
	c := &Cluster{Dir: dir}
	for _, path := range found {
		conf, err := config.Load(config.Source{File: path})
		if err != nil {
			return nil, err
		}
		for _, m := range conf.Members {
			if m.ID == conf.ID {
				c.Nodes = append(c.Nodes, &Node{
					ID: conf.ID, HTTP: m.HTTP, config: path, binary: binary, log: filepath.Join(dir, "log", conf.ID+".log"),
				})
			}
		}
	}
	return c, nil
}

// Start starts all nodes at once (none is ready without a quorum) and waits until each is. If one fails, all are stopped.
func (c *Cluster) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("not within %s", startPatience))
	defer cancel()
	for _, n := range c.Nodes {
		if err := n.launch(); err != nil {
			c.Kill()
			return err
		}
	}
	if err := c.each(func(n *Node) error { return n.WaitReady(ctx) }); err != nil {
		c.Kill()
		return err
	}
	return nil
}

// Stop stops all nodes at once, gracefully until ctx ends.
func (c *Cluster) Stop(ctx context.Context) error {
	return c.each(func(n *Node) error {
		if p := n.Process(); p != nil {
			return p.Stop(ctx)
		}
		return nil
	})
}

// Kill ends all nodes as a power cut would.
func (c *Cluster) Kill() {
	for _, n := range c.Nodes {
		n.Kill()
	}
}

// Node finds a node by id.
func (c *Cluster) Node(id string) (*Node, bool) {
	for _, n := range c.Nodes {
		if n.ID == id {
			return n, true
		}
	}
	return nil, false
}

// Processes are the nodes' process ids, by place; 0 for one that does not run.
func (c *Cluster) Processes() (pids []int) {
	for _, n := range c.Nodes {
		pid := 0
		if p := n.Process(); p != nil && p.Alive() {
			pid = p.Pid()
		}
		pids = append(pids, pid)
	}
	return pids
}

func (c *Cluster) each(do func(*Node) error) error {
	errs := make([]error, len(c.Nodes))
	var all sync.WaitGroup
	for i, n := range c.Nodes {
		all.Go(func() { errs[i] = do(n) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Process is the node's latest process; nil if it was never started.
func (n *Node) Process() *Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process
}

// Kill ends the node as a power cut would; its data stays.
func (n *Node) Kill() {
	if p := n.Process(); p != nil {
		p.Kill()
	}
}

// Start starts a node that does not run.
func (n *Node) Start() error {
	if p := n.Process(); p != nil && p.Alive() {
		return fmt.Errorf("node %s runs already", n.ID)
	}
	return n.launch()
}

// Restart starts a node that does not run and waits until it is ready.
func (n *Node) Restart(ctx context.Context) error {
	if err := n.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("not within %s", startPatience))
	defer cancel()
	return n.WaitReady(ctx)
}

// WaitReady returns when the node can serve linearizable reads.
func (n *Node) WaitReady(ctx context.Context) error {
	ask := &http.Client{Timeout: time.Second}
	defer ask.CloseIdleConnections()
	return n.Process().poll(ctx, "ready", func() bool {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.HTTP+"/ready", nil)
		if err != nil {
			return false
		}
		res, err := ask.Do(req)
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func (n *Node) launch() error {
	if _, err := os.Stat(n.config); err != nil {
		return fmt.Errorf("node %s: %w", n.ID, err)
	}
	p, err := Launch(Command{Name: "node " + n.ID, Path: n.binary, Args: []string{"serve", "--config", n.config}, Log: n.log})
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.process = p
	return nil
}

package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"stoker/bench/switchboard"
	"stoker/cli/local"
	"stoker/cli/setup"
	"stoker/client"
)

// seat is a place in the cluster; the node that sits there may be replaced by another one.
type seat struct {
	node   *local.Node // its HTTP is the door for clients
	direct string      // host:port of its own public port
	api    *client.Client
}

// fleet is the cluster and what is between its nodes and before their clients.
type fleet struct {
	dir, binary string
	logStore    string // as stoker.toml has it, or either
	board       switchboard.Board
	where       client.Cluster

	mu     sync.Mutex
	seats  []seat
	all    []*local.Node  // that were ever started
	names  [][]string     // of those that sat at each place
	starts map[string]int // of each node, again
	mounts []string
	tmpfs  int // the seat whose data lies on a small file system of its own; -1: none
}

// open builds the program unless there is one, founds a cluster and starts it.
func (f *fleet) open(ctx context.Context, n int) error {
	f.tmpfs = -1
	if f.binary == "" {
		f.binary = filepath.Join(f.dir, "stoker")
		if text, err := exec.CommandContext(ctx, "go", "build", "-o", f.binary, "stoker").CombinedOutput(); err != nil {
			return fmt.Errorf("go build (call it from the module's root, or name a --binary): %w\n%s", err, text)
		}
	}
	nodes, err := local.Anywhere(n)
	if err != nil {
		return err
	}
	for i := range nodes {
		nodes[i].LogStore = f.logStore
		if f.logStore == either {
			nodes[i].LogStore = logStores[i%2]
		}
	}
	made, err := setup.Found(setup.Plan{Nodes: nodes, Out: f.dir})
	if err != nil {
		return err
	}
	f.board.Processes = f.processes
	if err := f.board.Connect(f.dir, nodes); err != nil {
		return err
	}
	doors := map[string]string{}
	for i, n := range nodes {
		addr := fmt.Sprintf("127.0.0.1:%d", n.HTTP)
		if doors[addr], err = f.board.ClientDoor(i, addr); err != nil {
			return err
		}
	}
	for _, n := range nodes {
		if err := errors.Join(switchboard.Reroute(f.config(n.ID), doors), f.spare(n.ID)); err != nil {
			return err
		}
	}
	cluster, err := local.Open(f.dir, f.binary)
	if err != nil {
		return err
	}
	if f.where, err = client.LoadOperator(made.Operator); err != nil {
		return err
	}
	for i, n := range cluster.Nodes {
		f.seats = append(f.seats, seat{})
		if err := f.take(i, n, fmt.Sprintf("127.0.0.1:%d", nodes[i].HTTP)); err != nil {
			return err
		}
	}
	f.mountOne()
	return cluster.Start(ctx)
}

// spare lets a node be content with a smaller disk.
func (f *fleet) spare(id string) error {
	text, err := os.ReadFile(f.config(id))
	if err != nil {
		return err
	}
	return os.WriteFile(f.config(id), []byte(strings.Replace(string(text), "min_free_mb = 256", "min_free_mb = 64", 1)), 0o600)
}

// either is a log that is now in one store and now in the other.
const either = "either"

var logStores = [...]string{"boltdb", "wal"}

var logStoreLine = regexp.MustCompile(`(?m)^log_store = "\w+"`)

// keepLog says in a node's stoker.toml where its log shall be from its next start on: with either, twice in one store, and then
// twice in the other.
func (f *fleet) keepLog(id string) error {
	f.mu.Lock()
	if f.starts == nil {
		f.starts = map[string]int{}
	}
	n := f.starts[id]
	f.starts[id]++
	f.mu.Unlock()
	in := f.logStore
	if in == either {
		in = logStores[n/2%2]
	}
	text, err := os.ReadFile(f.config(id))
	if err != nil {
		return err
	}
	if !logStoreLine.Match(text) {
		return fmt.Errorf("%s has no log_store", f.config(id))
	}
	return os.WriteFile(f.config(id), logStoreLine.ReplaceAll(text, fmt.Appendf(nil, "log_store = %q", in)), 0o600)
}

// take has a node sit at a place.
func (f *fleet) take(place int, n *local.Node, direct string) error {
	one := f.where
	one.Endpoints, one.Patience, one.AttemptTimeout = []string{"http://" + n.HTTP}, 30*time.Second, 12*time.Second
	api, err := client.New(one)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.seats[place] = seat{node: n, direct: direct, api: api}
	f.all = append(f.all, n)
	for len(f.names) <= place {
		f.names = append(f.names, nil)
	}
	f.names[place] = append(f.names[place], n.ID)
	f.where.Endpoints = nil
	for _, s := range f.seats {
		if s.node != nil {
			f.where.Endpoints = append(f.where.Endpoints, "http://"+s.node.HTTP)
		}
	}
	f.mu.Unlock()
	return f.writeOperator()
}

// operator is the path of an operator.toml that names the nodes as they are now.
func (f *fleet) operator() string { return filepath.Join(f.dir, "campaign.toml") }

func (f *fleet) writeOperator() error {
	return os.WriteFile(f.operator(), fmt.Appendf(nil, "endpoints = [%s]\nadmin_token = %q\nworker_token = %q\n",
		`"`+strings.Join(f.where.Endpoints, `", "`)+`"`, f.where.AdminToken, f.where.WorkerToken), 0o600)
}

// patient is a client of all nodes that tries again for minutes.
func (f *fleet) patient() (*client.Client, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.where
	all.Patience, all.AttemptTimeout = 3*time.Minute, 12*time.Second
	return client.New(all)
}

func (f *fleet) at(place int) seat {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seats[place]
}

func (f *fleet) places() int { return len(f.seats) }

func (f *fleet) processes() (pids []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.seats {
		pid := 0
		if s.node != nil {
			if p := s.node.Process(); p != nil && p.Alive() {
				pid = p.Pid()
			}
		}
		pids = append(pids, pid)
	}
	return pids
}

func (f *fleet) config(id string) string { return filepath.Join(f.dir, id, "stoker.toml") }
func (f *fleet) data(id string) string   { return filepath.Join(f.dir, id, "data") }

// status is what a node says of itself.
type status struct {
	Node   string `json:"node"`
	Leader string `json:"leader"`
	Index  uint64 `json:"index"`
	Hash   string `json:"hash"`
	HashAt uint64 `json:"hash_at"`
	Queue  struct {
		Ready  map[string]int `json:"ready"`
		Leases int            `json:"leases"`
	} `json:"queue"`
}

func (f *fleet) status(ctx context.Context, place int) (s status, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	text, err := f.at(place).api.Operator().Status(ctx)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}

// leader is the place of the node that leads, other than those named.
func (f *fleet) leader(ctx context.Context, but ...int) (int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 20*time.Second, errors.New("nobody led for 20 s"))
	defer cancel()
	for {
		for place := range f.places() {
			if slices.Contains(but, place) || !f.alive(place) {
				continue
			}
			if s, err := f.status(ctx, place); err == nil && s.Node != "" && s.Leader == s.Node {
				return place, nil
			}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

func (f *fleet) alive(place int) bool {
	p := f.at(place).node.Process()
	return p != nil && p.Alive()
}

// shut ends all nodes and what is between them. It may be called twice.
func (f *fleet) shut() {
	f.mu.Lock()
	all := f.all
	f.all = nil
	f.mu.Unlock()
	for _, n := range all {
		n.Kill()
	}
	f.board.Close()
	f.unmount()
}

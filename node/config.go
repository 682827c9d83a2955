package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"stoker/fsm"
	"stoker/pki"
)

// Member is one node of the cluster as the configuration names it.
type Member struct {
	ID   string // never changes, never used again after a removal
	Addr string // host:port of the cluster port; may change between starts
	HTTP string // advertised host:port of the public port
}

// Config says how to start a node. ID, Dir, Members and TLS are needed.
type Config struct {
	ID  string // this node; one of Members
	Dir string // data folder; raft and state live in folders of these names below it

	// Members are the voters of a new cluster, this one included, and the
	// addresses by which members find each other in an old one.
	Members []Member

	// Joined says that this node came into a running cluster (see Join): it founds
	// none, and without the folder that Join made it does not start.
	Joined bool

	// TLS holds the node's certificate and the cluster's CAs, as LoadTLS makes
	// it. The certificate names the node: URI stoker://node/<ID>.
	TLS *Identity

	Listener net.Listener                                             // the cluster port, closed by Stop and by a Start that fails; nil listens on the member's own Addr
	Dial     func(ctx context.Context, addr string) (net.Conn, error) // nil is TCP

	// Genesis makes the cluster's first command; the first leader of a cluster
	// that has none proposes it. Nil proposes none.
	Genesis func() fsm.Genesis

	SealKey     []byte   // the newest, 32 bytes, the same on all nodes; empty: Seal and Unseal fail
	OldSealKeys [][]byte // older ones that still open secrets, newest first; see Rekey

	Version string // of the binary; others see it in Status
	Timing  Timing
	Log     *slog.Logger         // nil discards
	Metrics *prometheus.Registry // where the rooms' numbers are registered, one for each node; nil makes one
	Tracing trace.TracerProvider // records what happens to requests; nil records nothing
	Wall    func() time.Time     // the wall clock; nil is time.Now

	// Exit ends the process when the node must not go on: a log that cannot be
	// written, a machine that would diverge. It should not return. Nil logs and
	// calls os.Exit(1).
	Exit func(error)

	// MinFree is the room, in bytes, that the data folder's disk should have: 256
	// MiB. A node with less does not lead if another can; see housekeeping.
	MinFree int64

	// LogStore is where the log's entries shall be; empty leaves them where they are. They are moved at the start if they are elsewhere.
	LogStore LogStore

	disk  func(dir string) (free, size uint64) // nil asks the file system; tests have disks of their own
	level uint64                               // the feature level that this node says it understands; tests play an older binary
}

// Timing holds the durations and thresholds; a zero field takes the default.
type Timing struct {
	// Heartbeat is how long a follower waits for its leader before it asks for
	// votes, and how long a leader leads without a quorum's answers: 500 ms, since
	// both followers' fsync may stall that long without an election (heartbeats
	// queue behind it). It is the same for a single voter, who waits for nobody
	// (see stand): others may join it, and Raft cannot change it while it runs.
	Heartbeat time.Duration
	Commit    time.Duration // how often an idle leader repeats its commit index: 100 ms
	RPC       time.Duration // one Raft message and its answer: 3 s
	Handshake time.Duration // TLS on the cluster port: 5 s
	DiskStall time.Duration // a log write that takes longer ends the process: 3 s
	Patience  time.Duration // the deadline of Apply and Read when the context has none: 10 s
	Transfer  time.Duration // handing leadership over on Stop: 2 s
	Promote   time.Duration // a learner that has kept up so long becomes a voter: 10 s
	Probe     time.Duration // how often nodes ask each other's status: 1 s
	Silence   time.Duration // an origin that was silent so long is replaced (the machine forgets it after 24 h): 6 h
	Compact   time.Duration // between two looks whether the state's file is half gaps: 1 min
	Scrub     time.Duration // rest between two walks that hold this node's rows against their digest: 45 s
	MaxSkew   time.Duration // a node further off the others' median wall clock does not lead: 5 s
	CertLife  time.Duration // of the certificates that this node signs: pki.NodeLife

	SnapshotEvery     time.Duration // how often to look whether a snapshot is due: 30 s
	SnapshotThreshold uint64        // entries since the last snapshot: 8192
	TrailingLogs      uint64        // entries kept below it for slow followers: 8192
}

func (c Config) withDefaults() Config {
	t := &c.Timing
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&t.Heartbeat, 500*time.Millisecond)
	def(&t.Commit, 100*time.Millisecond)
	def(&t.RPC, 3*time.Second)
	def(&t.Handshake, 5*time.Second)
	def(&t.DiskStall, 3*time.Second)
	def(&t.Patience, 10*time.Second)
	def(&t.Transfer, 2*time.Second)
	def(&t.Promote, 10*time.Second)
	def(&t.Probe, time.Second)
	def(&t.Silence, 6*time.Hour)
	def(&t.Compact, time.Minute)
	def(&t.Scrub, 45*time.Second)
	def(&t.MaxSkew, 5*time.Second)
	def(&t.CertLife, pki.NodeLife)
	def(&t.SnapshotEvery, 30*time.Second)
	if t.SnapshotThreshold == 0 {
		t.SnapshotThreshold = 8192
	}
	if t.TrailingLogs == 0 {
		t.TrailingLogs = 8192
	}
	if c.MinFree == 0 {
		c.MinFree = 256 << 20
	}
	if c.disk == nil {
		c.disk = diskSpace
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.level == 0 {
		c.level = fsm.Level
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	if c.Tracing == nil {
		c.Tracing = noop.NewTracerProvider()
	}
	if c.Wall == nil {
		c.Wall = time.Now
	}
	if c.Exit == nil {
		log := c.Log
		c.Exit = func(err error) {
			log.Error("the node ends itself", "err", err)
			os.Exit(1)
		}
	}
	if c.Dial == nil {
		d := &net.Dialer{KeepAlive: 5 * time.Second}
		c.Dial = func(ctx context.Context, addr string) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) }
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.ID == "":
		return errors.New("node: Config.ID is empty")
	case c.Dir == "":
		return errors.New("node: Config.Dir is empty")
	case c.TLS == nil:
		return errors.New("node: Config.TLS is needed (see LoadTLS)")
	case len(c.SealKey) != 0 && len(c.SealKey) != 32:
		return fmt.Errorf("node: Config.SealKey has %d bytes, needs 32", len(c.SealKey))
	}
	for _, key := range c.OldSealKeys {
		if len(key) != 32 {
			return fmt.Errorf("node: one of Config.OldSealKeys has %d bytes, needs 32", len(key))
		}
	}
	seen, self := map[string]bool{}, false
	for _, m := range c.Members {
		switch {
		case m.ID == "" || m.Addr == "":
			return fmt.Errorf("node: member %+v needs an id and an address", m)
		case seen[m.ID]:
			return fmt.Errorf("node: member %q is named twice", m.ID)
		}
		seen[m.ID] = true
		self = self || m.ID == c.ID
	}
	if !self {
		return fmt.Errorf("node: id %q is not among the members; add it to [[members]] or correct id", c.ID)
	}
	return nil
}

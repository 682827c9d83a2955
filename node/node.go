package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"stoker/fsm"
	"stoker/store"
)

// The folders below Config.Dir that are the node's own.
const (
	raftDir  = "raft"
	stateDir = "state"
)

// Node is one member of the cluster.
type Node struct {
	cfg  Config
	self Member
	log  *slog.Logger

	metrics  *metrics
	tracer   trace.Tracer
	tracing  bool // the tracer records
	surveyor surveyor

	// the cluster port and what listens there
	port    *port
	server  *http.Server
	joins   *http.Server // of who has no certificate yet
	mux     *http.ServeMux
	control *http.Client // the node's own small messages
	bulk    *http.Client // Call and CallLeader: pictures must not delay proposals

	// the log and the machine
	nursery   *nursery
	db        *diskLog
	logs      raft.LogStore
	votes     raft.StableStore
	space     space
	transport *transport
	acks      *acks
	spread    spread
	raft      *raft.Raft
	machine   *fsm.Machine
	applied   *progress
	opened    opened

	// this node as a leader, and as one that asks the leader
	leader    *leaderWatch
	lead      *leadership
	clock     *clock
	batcher   *batcher
	proposer  *proposer
	reads     *rounds
	confirms  *rounds
	leading   sync.WaitGroup // what follows Raft's terms: it ends before Raft does
	nextTimer deadline
	closed    atomic.Bool // while it leads: there is no room for commands that need some
	roster    *roster
	stale     chan struct{} // the roster may have changed
	gone      chan struct{} // closed when this node was removed
	departed  sync.Once
	orders    chan struct{} // of capacity 1: one order about members at a time
	peers     peers
	compared  compared
	scrubbed  scrubbed
	kept      *snapshots

	ctx    context.Context // ends when the node stops
	cancel context.CancelFunc
	wg     sync.WaitGroup
	stop   sync.Once
}

// Start starts a node. On an empty folder it returns when the other members have
// agreed that the cluster is new, or with an error if it is not; ctx bounds that
// and nothing later. It does not wait for a leader: Ready does.
func Start(ctx context.Context, c Config) (*Node, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	n := &Node{
		cfg: c, log: c.Log, mux: http.NewServeMux(), leader: &leaderWatch{}, spread: spread{make(chan struct{}, 1)},
		clock: &clock{wall: c.Wall}, peers: peers{last: map[string]heard{}},
		roster: newRoster(c.Members), stale: make(chan struct{}, 1), gone: make(chan struct{}), orders: make(chan struct{}, 1),
	}
	n.metrics, n.tracer = newMetrics(c.Metrics), c.Tracing.Tracer("stoker")
	_, off := n.tracer.(noop.Tracer)
	n.tracing = !off
	n.acks = newAcks(n.spread.look)
	n.space = space{dir: c.Dir, least: c.MinFree, ask: c.disk, log: c.Log}
	for _, m := range c.Members {
		if m.ID == c.ID {
			n.self = m
		}
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	if err := n.start(ctx); err != nil {
		n.shutdown()
		return nil, err
	}
	return n, nil
}

func (n *Node) start(ctx context.Context) error {
	snaps, empty, err := n.openDisk()
	if err != nil {
		return err
	}
	if err := n.openPort(); err != nil {
		return err
	}
	conf := n.raftConfig()
	found, err := n.mayStart(empty)
	if err != nil {
		return err
	}
	if found {
		if err := n.bootstrap(ctx, conf, n.db, snaps); err != nil {
			return err
		}
	}
	n.raft, err = raft.NewRaft(conf, &adapter{
		machine: n.machine, applied: n.applied, metrics: n.metrics, seats: n.seated,
		breath: n.copying,
	}, n.logs, n.votes, snaps, n.transport)
	if err != nil {
		return fmt.Errorf("node: start raft: %w", err)
	}
	n.transport.raft.Store(n.raft)
	n.serve()
	n.log.Info("node started", "index", n.machine.Index(), "members", len(n.roster.all()))
	return nil
}

// openDisk opens the log, the snapshots and the machine.
func (n *Node) openDisk() (snaps raft.SnapshotStore, empty bool, err error) {
	if err := readQuarantine(n.cfg.Dir); err != nil {
		return nil, false, err
	}
	dir := filepath.Join(n.cfg.Dir, raftDir)
	if err := store.MakeDir(dir); err != nil {
		return nil, false, fmt.Errorf("node: %w", err)
	}
	if n.cfg.LogStore != "" {
		if err := keepLog(dir, n.cfg.LogStore); err != nil {
			return nil, false, fmt.Errorf("node: %w", err)
		}
	}
	if n.db, err = openLog(dir); err != nil {
		return nil, false, fmt.Errorf("node: %w", err)
	}
	watch := diskWatch{limit: n.cfg.Timing.DiskStall, exit: n.cfg.Exit, log: n.log}
	n.votes = watchedVotes{n.db, watch}
	cache, err := raft.NewLogCache(cachedLogs, &watchedLog{LogStore: n.db, disk: watch, took: n.metrics.fsync})
	if err != nil {
		return nil, false, fmt.Errorf("node: %w", err)
	}
	n.logs = &roomyLog{LogStore: cache, space: &n.space, spare: n.db.spare()}
	if n.kept, err = openSnapshots(dir, n.log); err != nil {
		return nil, false, err
	}
	state := filepath.Join(n.cfg.Dir, stateDir)
	snaps = roomySnapshots{n.kept, &n.space, func() int64 { return folderBytes(state) }}
	if empty, err = isEmpty(n.db, snaps); err != nil {
		return nil, false, fmt.Errorf("node: read the log: %w", err)
	}
	if n.nursery, err = openNursery(dir, empty, n.cfg.level); err != nil {
		return nil, false, fmt.Errorf("node: %w", err)
	}
	n.machine, err = openMachine(state, n.db, n.kept, fsm.Options{Guard: n.mayFlush, Fatal: n.cfg.Exit, Log: n.log}, n.log)
	if err != nil {
		return nil, false, fmt.Errorf("node: %w", err)
	}
	n.applied = newProgress(n.machine.Index())
	n.machine.Subscribe(func(c fsm.Changes) {
		n.nextTimer.set(c.NextTimer)
		if c.Members {
			n.lookAgain()
		}
	})
	n.machine.Subscribe(n.metrics.totals.add)
	return snaps, empty, nil
}

// openPort opens the cluster port. Until serve the others can ask one thing:
// whether this folder is empty.
func (n *Node) openPort() error {
	ln := n.cfg.Listener
	if ln == nil {
		var err error
		if ln, err = net.Listen("tcp", n.self.Addr); err != nil {
			return fmt.Errorf("node: open the cluster port: %w", err)
		}
	}
	n.port = newPort(n.cfg, ln, n.roster)
	n.control, n.bulk = newClient(n.port), newClient(n.port)
	n.transport = &transport{acks: n.acks, space: &n.space, taken: make(chan raft.RPC), NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  raftLayer{n.port.raft, n.port},
		MaxPool: raftPool,
		Timeout: n.cfg.Timing.RPC,
		Logger:  newRaftLog(n.log),
	})}
	// Raft allows Timeout for each TimeoutScale bytes of a snapshot, to the last
	// byte restored and synced at the other end: be generous, a follower that is
	// sent the same snapshot again and again never catches up (issue 697).
	n.transport.TimeoutScale = 64 << 10
	in := &intake{from: n.transport.NetworkTransport.Consumer(), to: n.transport.taken, space: &n.space, seated: n.seated, done: n.port.ctx.Done(), wg: &n.port.wg}
	n.port.wg.Go(func() { in.run(n.machine.Index) })
	n.mux.Handle("POST "+pathBootstrap, n.nursery)
	n.server = newServer(n.welcome(n.followed(n.mux)))
	n.server.ErrorLog = slog.NewLogLogger(n.log.Handler(), slog.LevelDebug)
	n.joins = n.newJoinServer()
	n.wg.Go(func() { n.server.Serve(n.port.http) })
	return nil
}

func (n *Node) raftConfig() *raft.Config {
	t := n.cfg.Timing
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(n.cfg.ID)
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = t.Heartbeat, t.Heartbeat, t.Heartbeat
	c.CommitTimeout = t.Commit
	c.MaxAppendEntries = 32 // entries are large: group commit has happened before them
	c.SnapshotInterval, c.SnapshotThreshold, c.TrailingLogs = t.SnapshotEvery, t.SnapshotThreshold, t.TrailingLogs
	c.NoSnapshotRestoreOnStart = true // openMachine has done what is needed
	c.NoLegacyTelemetry = true
	c.ShutdownOnRemove = false // who is removed ends when it has been told (Removed)
	c.Logger = newRaftLog(n.log)
	return c
}

// serve starts everything that runs beside Raft.
func (n *Node) serve() {
	t := n.cfg.Timing
	n.lead = &leadership{raft: n.raft, log: n.log, begin: func(uint64) { n.clock.lead(n.machine.Clock()) }}
	n.batcher = &batcher{
		raft: n.raft, clock: n.clock, wall: n.cfg.Wall, level: n.machine.Level,
		done: n.spread.look, metrics: n.metrics, settled: n.settled,
	}
	n.batcher.begin()
	n.machine.Subscribe(n.tellMoves)
	n.confirms = &rounds{ctx: n.ctx, limit: t.Patience, run: n.confirm}
	n.reads = &rounds{ctx: n.ctx, limit: t.Patience, run: n.readIndex}
	n.proposer = &proposer{
		node: n.cfg.ID, patience: t.Patience, silence: t.Silence, leader: n.leader, send: n.propose,
		slots: make(chan struct{}, groupsAtOnce), wake: make(chan struct{}, 1), origin: newOrigin(),
	}
	n.watchLeader()
	n.leading.Go(func() { n.lead.follow(n.ctx) })
	n.wg.Go(func() { n.proposer.run(n.ctx) })
	n.wg.Go(func() { n.spreadCommits(n.ctx) })
	n.wg.Go(func() { n.watchSpace(n.ctx) })
	n.wg.Go(func() { n.followRoster(n.ctx) })
	n.wg.Go(n.stand)
	n.wg.Go(func() { n.announce(n.ctx) })
	n.wg.Go(func() { n.survey(n.ctx) })
	n.wg.Go(func() { n.compare(n.ctx) })
	n.wg.Go(func() { n.scrub(n.ctx) })
	n.wg.Go(func() { n.compact(n.ctx, worthCompacting) })
	n.cfg.Metrics.MustRegister(gauges{n}, &n.surveyor)
	n.wg.Go(func() { n.tendIdentity(n.ctx) })
	n.WhileLeader("genesis", n.genesis)
	n.WhileLeader("timers", n.timers)
	n.WhileLeader("clock", n.steady)
	n.WhileLeader("housekeeping", n.housekeeping)
	n.WhileLeader("certificates", n.replaceCA)
	n.WhileLeader("members", n.autopilot)
	n.mux.HandleFunc("POST "+pathPropose, n.servePropose)
	n.mux.HandleFunc("POST "+pathReadIndex, n.serveReadIndex)
	n.mux.HandleFunc("POST "+pathMembers, n.serveOrder)
	n.wg.Go(func() { n.joins.Serve(n.port.join) })
	n.mux.HandleFunc("POST "+pathStatus, n.serveStatus)
	n.mux.HandleFunc("POST "+pathSign, n.serveSign)
	n.mux.HandleFunc("POST "+pathProof, n.serveProof)
	n.mux.HandleFunc("POST "+pathSealKeys, n.serveSealKeys)
}

// transferTo hands leadership over. When id is empty it is to the heir, and if
// there is none to whomever Raft holds for the furthest along.
func (n *Node) transferTo(ctx context.Context, id string) error {
	if id == "" {
		id = n.heir()
	}
	if id == "" {
		return n.await(ctx, n.raft.LeadershipTransfer())
	}
	return n.await(ctx, n.raft.LeadershipTransferToServer(raft.ServerID(id), raft.ServerAddress(id)))
}

// Yield hands leadership over, if this node leads and another can take it, for as
// long as ctx and Timing.Transfer allow. The node goes on as a follower: what is
// under way here waits for the new leader and is answered. Call it while the
// public port still serves.
func (n *Node) Yield(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Timing.Transfer)
	defer cancel()
	for {
		others, _ := n.voters()
		if n.raft.State() != raft.Leader || len(others) == 0 {
			return
		}
		err := n.transferTo(ctx, "")
		if err == nil {
			return
		}
		select {
		case <-time.After(retryEvery):
		case <-ctx.Done():
			n.log.Info("leadership was not handed over; the others elect", "err", err)
			return
		}
	}
}

// Stop yields, makes the state durable and closes everything. What is not
// answered by then fails with ErrUnavailable or ErrOutcomeUnknown.
func (n *Node) Stop(ctx context.Context) error {
	var err error
	n.stop.Do(func() {
		n.Yield(ctx)
		err = n.shutdown()
		n.log.Info("node stopped")
	})
	return err
}

// shutdown closes what has been opened, in whatever state Start left it.
func (n *Node) shutdown() error {
	n.cancel()
	// Raft forgets to answer what its machine has not come to when it is shut
	// down. Before, it answers everything: a leader without a quorum steps down.
	n.leading.Wait()
	if n.batcher != nil {
		n.batcher.close()
	}
	var down raft.Future
	if n.raft != nil {
		down = n.raft.Shutdown()
	}
	if n.port == nil && n.cfg.Listener != nil {
		n.cfg.Listener.Close()
	}
	if n.port != nil {
		n.port.close() // Raft's own goroutines are in the middle of messages
		n.server.Close()
		n.joins.Close()
		n.transport.Close()
		n.control.CloseIdleConnections()
		n.bulk.CloseIdleConnections()
	}
	var err error
	if down != nil {
		err = down.Error()
		n.reads.close()
		n.confirms.close()
	}
	n.wg.Wait()
	if n.machine != nil {
		cerr := n.machine.Close()
		if errors.Is(cerr, errNoRoom) { // what was not flushed is in the log
			n.log.Warn("the state is not flushed", "err", cerr)
			cerr = nil
		}
		err = errors.Join(err, cerr)
	}
	if n.db != nil {
		err = errors.Join(err, n.db.Close())
	}
	return err
}

// asRefusal is the machine's refusal in an error.
func asRefusal(err error) (*fsm.Refusal, bool) {
	var r *fsm.Refusal
	return r, errors.As(err, &r)
}

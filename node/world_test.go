package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoker/fsm"
)

// What is checked, in words.
const (
	heldWrites  = "a write is done once or not at all, as its caller was told, on every node"
	heldReads   = "a linearizable read sees all that was acknowledged or read before it began, and no more than was asked for"
	heldSession = "a read of at least an index sees the write that was acknowledged with it"
	heldOrder   = "who writes after an acknowledgement comes later in the log"
	heldTwice   = "a request that arrives again changes nothing, and is answered as it was or not at all"
	heldHeals   = "when it is over every node acknowledges a write within 10 s, and after full disks within Raft's longest pause more"
	heldSame    = "nodes at one entry have one hash"
	heldAudit   = "a node's rows keep the invariants of package fsm"
	heldWell    = "no node logs an error, or ends itself"
	heldRemoved = "a removed node is told so"
)

// What is seen, in words.
const (
	sawAcked     = "writes acknowledged"
	sawUnknown   = "writes of which nobody can say"
	sawRefused   = "writes refused"
	sawInstalled = "snapshots that a leader sent and a node installed"
	sawSnapshots = "snapshots made"
	sawElections = "leaderships"
	sawTwice     = "requests delivered again after they were answered"
	sawJoins     = "nodes joined"
	sawRemovals  = "nodes removed"
)

const (
	// healsIn is how long a node may take to acknowledge a write when nothing is
	// wrong any more.
	healsIn = 10 * time.Second
	// raftPause comes on top where a quorum had refused entries: Raft asks who
	// did so again and again, with pauses that grow up to this.
	raftPause = 10240 * time.Millisecond
)

// world is a cluster to which faults come and go at random, while clients at every
// node write and read. Equal seeds draw equal faults; what they meet depends on
// the scheduler, too.
type world struct {
	*cluster
	seed  uint64
	dice  *rand.Rand // of the faults: the bubble's first goroutine only
	disks *disks
	gates gates
	walls walls
	log   *worldLog
	tally *tally
	pace  *pace

	virtual   time.Duration
	faults    map[string]int
	blows     []*blow // likewise, as they went; the last one is being struck
	newcomers int     // so far

	state  sync.Mutex
	wrong  []string
	checks map[string]int
	seen   map[string]int
	lost   map[*Node]bool // whose power was cut: nobody hears what they say from then on
	known  knowledge
}

// knowledge is what clients know together.
type knowledge struct {
	balance int64  // the highest that was read or answered
	index   uint64 // the highest that a write was acknowledged with
	session mark   // of that write
}

// mark is what a client keeps of a write, to read its own.
type mark struct {
	index   uint64
	balance int64
}

// newWorld is a world that has its beginning when so much virtual time has passed in others.
func newWorld(seed uint64, past time.Duration) *world {
	p := &pace{past: past, counts: map[string][]int{}}
	return &world{
		seed: seed, dice: rand.New(rand.NewPCG(seed, 0)), disks: &disks{free: map[string]uint64{}}, log: &worldLog{pace: p}, tally: newTally(), pace: p,
		gates: gates{of: map[string]gate{}}, walls: walls{off: map[string]time.Duration{}},
		faults: map[string]int{}, checks: map[string]int{}, seen: map[string]int{}, lost: map[*Node]bool{},
	}
}

// live has the world be for so long, and looks at it.
func (w *world) live(t *testing.T, span time.Duration) {
	testCA()
	synctest.Test(t, func(t *testing.T) {
		w.cluster = newCluster(t, w.equip, three...)
		w.cluster.log = slog.New(w.log)
		began := time.Now()
		w.pace.began = began
		defer func() {
			for _, id := range w.ids() {
				w.gates.set(id, gate{})
			}
			w.stopAll()
			for id, err := range w.exits {
				w.wrong = append(w.wrong, id+" ended itself: "+err.Error())
			}
			w.virtual = time.Since(began)
			w.log.count(w.seen)
			w.seen[sawAcked], w.seen[sawUnknown], w.seen[sawRefused] = len(w.tally.acked), len(w.tally.unknown), len(w.tally.never)
		}()
		w.startAll()
		w.begun()
		ctx, cancel := context.WithCancel(t.Context())
		var clients sync.WaitGroup
		for i := range uint64(4) {
			clients.Go(func() { w.compose(ctx, rand.New(rand.NewPCG(w.seed, 10+i))) })
			clients.Go(func() { w.read(ctx, rand.New(rand.NewPCG(w.seed, 20+i))) })
		}
		clients.Go(func() { w.again(ctx, rand.New(rand.NewPCG(w.seed, 30))) })
		for end := began.Add(span); time.Now().Before(end) && !t.Failed(); {
			w.strike()
		}
		cancel()
		clients.Wait()
		w.judge()
	})
}

// equip makes a node of this world. A slow cluster is a cluster, and hours of it
// take less; every fourth is as fast as they are shipped.
func (w *world) equip(c *Config) {
	id := c.ID
	small(c)
	w.disks.edit(c)
	ask := c.disk
	c.disk = func(dir string) (free, size uint64) {
		w.gates.pass(id)
		return ask(dir)
	}
	c.Wall = func() time.Time { return w.walls.now(id) }
	c.LogStore = []LogStore{LogWAL, LogBolt}[(w.seed+uint64(id[len(id)-1]))%2] // neighbours differ
	c.Timing.SnapshotEvery = 5 * time.Second
	if w.seed%4 > 0 {
		c.Timing.Heartbeat, c.Timing.Commit, c.Timing.Probe = time.Second, 250*time.Millisecond, 2*time.Second
	}
}

// wrongf is a violation.
func (w *world) wrongf(format string, args ...any) {
	w.t.Helper()
	w.state.Lock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	w.state.Unlock()
	w.t.Errorf(format, args...)
}

func (w *world) violations() []string {
	w.state.Lock()
	defer w.state.Unlock()
	return slices.Clone(w.wrong)
}

func (w *world) checked(what string) {
	w.state.Lock()
	defer w.state.Unlock()
	w.checks[what]++
	w.pace.count(what)
}

func (w *world) saw(what string) {
	w.state.Lock()
	defer w.state.Unlock()
	w.seen[what]++
	w.pace.count(what)
}

// ids are the members, whether they run or not.
func (w *world) ids() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.members {
		out = append(out, m.ID)
	}
	return out
}

// any is a node that runs, nil if none does.
func (w *world) any(dice *rand.Rand) *Node {
	if up := w.others(""); len(up) > 0 {
		return up[dice.IntN(len(up))]
	}
	return nil
}

// heard says whether a client can have heard what a node said just now.
func (w *world) heard(n *Node) bool {
	w.state.Lock()
	defer w.state.Unlock()
	return !w.lost[n]
}

// knows is what a client knows when it asks for something.
func (w *world) knows() knowledge {
	w.state.Lock()
	defer w.state.Unlock()
	return w.known
}

// learn is what an answer says.
func (w *world) learn(balance int64, m mark) {
	w.state.Lock()
	defer w.state.Unlock()
	w.known.balance = max(w.known.balance, balance)
	if m.index > w.known.index {
		w.known.index, w.known.session = m.index, m
	}
}

// compose goes on at whichever nodes run, one in five times with little patience.
func (w *world) compose(ctx context.Context, dice *rand.Rand) {
	for ctx.Err() == nil {
		if n := w.any(dice); n != nil {
			patience := 10 * time.Second
			if dice.IntN(5) == 0 {
				patience = time.Duration(dice.IntN(3000)) * time.Millisecond
			}
			w.writeOnce(context.WithoutCancel(ctx), n, patience)
		}
		time.Sleep(time.Duration(dice.IntN(3000)) * time.Millisecond)
	}
}

// told is what the caller of a write knows in the end.
func (w *world) told(reason string, err error) {
	if saw := w.tally.end(reason, err); saw != "" {
		w.pace.count(saw)
	}
}

func (w *world) writeOnce(ctx context.Context, n *Node, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	before, reason := w.knows(), w.tally.begin()
	r, err := Apply(ctx, n, fsm.GrantCredits{User: "u", Amount: 1, Reason: reason})
	if !w.heard(n) {
		err = ErrOutcomeUnknown
	}
	w.told(reason, err)
	if err != nil {
		return err
	}
	w.checked(heldOrder)
	if r.Index <= before.index || r.Answer.Credits <= before.balance {
		w.wrongf("a write at %s was done in entry %d and made %d credits; before it began entry %d was acknowledged, and %d credits were known",
			n.cfg.ID, r.Index, r.Answer.Credits, before.index, before.balance)
	}
	w.learn(r.Answer.Credits, mark{r.Index, r.Answer.Credits})
	return nil
}

// read holds every balance against what was known before it was asked for.
func (w *world) read(ctx context.Context, dice *rand.Rand) {
	for ctx.Err() == nil {
		if n := w.any(dice); n != nil && dice.IntN(4) > 0 {
			w.readOnce(ctx, n)
		} else if n != nil {
			w.readSession(ctx, n)
		}
		time.Sleep(time.Duration(dice.IntN(2000)) * time.Millisecond)
	}
}

func (w *world) readOnce(ctx context.Context, n *Node) {
	least := w.knows().balance
	got, err := balance(ctx, n, Linearizable)
	if err != nil || !w.heard(n) {
		return
	}
	w.tally.mu.Lock()
	most := 10 + int64(w.tally.next)
	w.tally.mu.Unlock()
	w.checked(heldReads)
	if got < least || got > most {
		w.wrongf("%s reads %d credits: %d were known before, and %d is all that was asked for", n.cfg.ID, got, least, most)
	}
	w.learn(got, mark{})
}

// readSession reads what another client may just have written.
func (w *world) readSession(ctx context.Context, n *Node) {
	wrote := w.knows().session
	got, err := balance(ctx, n, AtLeast(wrote.index, 1))
	if err != nil || !w.heard(n) {
		return
	}
	w.checked(heldSession)
	if got < wrote.balance {
		w.wrongf("%s reads %d credits at entry %d or later, where %d were", n.cfg.ID, got, wrote.index, wrote.balance)
	}
}

// balance reads the user's credits.
func balance(ctx context.Context, n *Node, how Consistency) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	v, err := n.Read(ctx, how)
	if err != nil {
		return 0, err
	}
	defer v.Close()
	u, ok := v.User("u")
	if !ok {
		return 0, errors.New("no user")
	}
	return u.Credits, nil
}

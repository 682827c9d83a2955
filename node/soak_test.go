package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A few minutes of what TestSlow_TwoHours does.
func TestSoak_RandomFaults(t *testing.T) { soak(t, 3*time.Minute) }

// soak has faults come and go at random for so long, of virtual time, while
// clients at every node write and read. Whatever happens, writes are done once or
// not at all, as their callers were told; a read sees what was acknowledged, and
// what was read, before it began; and the machines end up the same bit by bit. The
// seed is printed; set it to repeat the order of faults (not of everything).
func soak(t *testing.T, span time.Duration) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	d := &disks{free: map[string]uint64{}}
	edit := func(c *Config) {
		small(c)
		d.edit(c)
		// A slow cluster is a cluster, and hours of it take less.
		c.Timing.Heartbeat, c.Timing.Commit, c.Timing.Probe = 2*time.Second, 500*time.Millisecond, 3*time.Second
		c.Timing.SnapshotEvery = 20 * time.Second
	}
	inCluster(t, edit, three, func(t *testing.T, c *cluster) {
		s := &storm{cluster: c, disks: d, dice: rand.New(rand.NewPCG(seed, 0)), tally: newTally(), struck: map[string]int{}}
		ctx, cancel := context.WithCancel(t.Context())
		var clients sync.WaitGroup
		for i, id := range three {
			clients.Go(func() { s.write(ctx, id, rand.New(rand.NewPCG(seed, uint64(i)+1))) })
			clients.Go(func() { s.read(ctx, id) })
		}
		for end := time.Now().Add(span); time.Now().Before(end); {
			s.strike()
		}
		cancel()
		clients.Wait()
		calm, done := context.WithTimeout(t.Context(), time.Minute) // who was full is asked again after Raft's pauses
		defer done()
		for _, id := range three {
			if err := c.node(id).Ready(calm); err != nil {
				t.Fatal(err)
			}
		}
		s.tally.check(t, c.node("n1"))
		c.agree()
		t.Logf("%v in %v; %d writes acknowledged, %d unknown, %d refused; %d reads", s.struck, span, len(s.tally.acked), len(s.tally.unknown), len(s.tally.never), s.reads.Load())
		if len(s.tally.acked) < int(span/(20*time.Second)) || s.reads.Load() < int64(span/(20*time.Second)) {
			t.Error("hardly anything was done: the faults leave no time between them")
		}
	})
}

// storm is the faults, and what the clients know.
type storm struct {
	*cluster
	disks  *disks
	dice   *rand.Rand
	tally  *tally
	seen   atomic.Int64 // the highest balance read
	reads  atomic.Int64
	struck map[string]int
}

// trouble is a fault; strike gives what ends it.
type trouble struct {
	name   string
	strike func(s *storm, id string) (mend func())
}

var troubles = []trouble{
	{"crash", func(s *storm, id string) func() {
		s.crash(id)
		return s.startAll
	}},
	{"leader crash", func(s *storm, id string) func() {
		s.crash(s.leads(id))
		return s.startAll
	}},
	{"restart", func(s *storm, id string) func() {
		n := s.node(id)
		s.mu.Lock()
		delete(s.nodes, id)
		s.mu.Unlock()
		if err := n.Stop(s.t.Context()); err != nil {
			s.t.Error(err)
		}
		return s.startAll
	}},
	{"cut off", func(s *storm, id string) func() {
		s.net.isolate(id, three...)
		return s.net.heal
	}},
	{"leader cut off", func(s *storm, id string) func() {
		s.net.isolate(s.leads(id), three...)
		return s.net.heal
	}},
	{"one-way cuts", func(s *storm, id string) func() {
		for range 1 + s.dice.IntN(3) {
			s.net.cut(three[s.dice.IntN(3)], three[s.dice.IntN(3)])
		}
		return s.net.heal
	}},
	{"transfer", func(s *storm, id string) func() {
		ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
		defer cancel()
		s.node(s.leads(id)).transferTo(ctx, id) // to itself, or to one that is behind: then it fails
		return func() {}
	}},
	{"low disk", func(s *storm, id string) func() {
		s.disks.set(roomOnly, id)
		return func() { s.disks.set(1000, three...) }
	}},
	{"full disk", func(s *storm, id string) func() {
		s.disks.set(noRoom, id)
		return func() { s.disks.set(1000, three...) }
	}},
	{"full disks", func(s *storm, id string) func() {
		s.disks.set(noRoom, three[s.dice.IntN(3)], id)
		return func() { s.disks.set(1000, three...) }
	}},
}

// strike has one trouble, in every fourth case two, for a while, and then peace for a while.
func (s *storm) strike() {
	var mends []func()
	for range 1 + s.dice.IntN(4)/3 {
		x := troubles[s.dice.IntN(len(troubles))]
		if len(s.others("")) < 3 {
			break // of three one may be down
		}
		s.struck[x.name]++
		mends = append(mends, x.strike(s, three[s.dice.IntN(3)]))
	}
	s.wait(30)
	slices.Reverse(mends)
	for _, mend := range mends {
		mend()
	}
	s.wait(15)
}

// leads is the node that leads, or else another that runs.
func (s *storm) leads(otherwise string) string {
	for _, n := range s.others("") {
		if _, ok := n.lead.current(); ok {
			return n.cfg.ID
		}
	}
	return otherwise
}

func (s *storm) wait(seconds int) {
	time.Sleep(time.Duration(s.dice.IntN(seconds*1000)) * time.Millisecond)
}

// write goes on at one node, whenever it runs.
func (s *storm) write(ctx context.Context, id string, dice *rand.Rand) {
	for ctx.Err() == nil {
		if n := s.node(id); n != nil {
			s.tally.write(context.WithoutCancel(ctx), n)
		}
		time.Sleep(time.Duration(dice.IntN(5000)) * time.Millisecond)
	}
}

// read holds every balance against what was known before it was asked for.
func (s *storm) read(ctx context.Context, id string) {
	for ctx.Err() == nil {
		least := max(10+int64(s.tally.count()), s.seen.Load())
		if n := s.node(id); n != nil {
			switch got, err := balance(ctx, n); {
			case err != nil:
			case got < least:
				s.t.Errorf("%s reads %d, %d was known before", id, got, least)
			default:
				s.reads.Add(1)
				for was := s.seen.Load(); got > was && !s.seen.CompareAndSwap(was, got); was = s.seen.Load() {
				}
			}
		}
		time.Sleep(2 * time.Second)
	}
}

// balance is a linearizable read of the user's credits.
func balance(ctx context.Context, n *Node) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	v, err := n.Read(ctx, Linearizable)
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

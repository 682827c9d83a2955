package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"stoker/fsm"
)

// tally is what a test's clients know of their writes, by the reason they gave.
type tally struct {
	mu      sync.Mutex
	next    int
	acked   map[string]bool
	unknown map[string]bool
	never   map[string]bool // refused, by the machine or with ErrUnavailable or ErrStorageFull: must not happen at all
}

func newTally() *tally {
	return &tally{acked: map[string]bool{}, unknown: map[string]bool{}, never: map[string]bool{}}
}

// write grants one credit under a reason of its own and remembers what became of it.
func (y *tally) write(ctx context.Context, n *Node) error {
	reason := y.begin()
	_, err := Apply(ctx, n, fsm.GrantCredits{User: "u", Amount: 1, Reason: reason})
	y.end(reason, err)
	return err
}

// begin gives the reason of a write.
func (y *tally) begin() string {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.next++
	return fmt.Sprintf("w%d", y.next)
}

// end remembers what became of it, and says it in words; "" is nothing that is counted.
func (y *tally) end(reason string, err error) (saw string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	_, refused := asRefusal(err)
	switch {
	case err == nil:
		y.acked[reason] = true
		return sawAcked
	case errors.Is(err, ErrOutcomeUnknown):
		y.unknown[reason] = true
		return sawUnknown
	case refused, errors.Is(err, ErrUnavailable), errors.Is(err, ErrStorageFull):
		y.never[reason] = true
		return sawRefused
	}
	return ""
}

func (y *tally) count() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return len(y.acked)
}

// check compares with the ledger: each acknowledged write once, each unknown at
// most once, the others never.
func (y *tally) check(t *testing.T, n *Node) {
	t.Helper()
	v, err := n.Read(t.Context(), Linearizable)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for _, wrong := range y.wrong(v) {
		t.Error(wrong)
	}
}

// wrong says in which writes a state is not as their callers were told.
func (y *tally) wrong(v *fsm.View) (out []string) {
	times := map[string]int{}
	for e := range v.Ledger("u", fsm.Mark{}) {
		times[e.Ref]++
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	for r := range y.acked {
		if times[r] != 1 {
			out = append(out, fmt.Sprintf("%s was acknowledged and is in the ledger %d times", r, times[r]))
		}
	}
	for r := range y.unknown {
		if times[r] > 1 {
			out = append(out, fmt.Sprintf("%s is in the ledger %d times", r, times[r]))
		}
	}
	for r := range y.never {
		if times[r] != 0 {
			out = append(out, fmt.Sprintf("%s was refused and is in the ledger", r))
		}
	}
	return out
}

// load has clients at each node write, each with a pause after a write, until
// stop is called.
func (y *tally) load(ctx context.Context, nodes []*Node, clients int, pause time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for _, n := range nodes {
		for range clients {
			wg.Go(func() {
				for ctx.Err() == nil {
					// a write is not cut short by the end of the load
					patience, done := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
					y.write(patience, n)
					done()
					time.Sleep(pause)
				}
			})
		}
	}
	return func() { cancel(); wg.Wait() }
}

func TestApply_OnceOverACrashedLeader(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		y := newTally()
		for range 3 {
			old := c.leader().cfg.ID
			stop := y.load(t.Context(), c.others(old), 8, 20*time.Millisecond)
			time.Sleep(50 * time.Millisecond)
			c.crash(old)
			began, had := time.Now(), y.count()
			for y.count() < had+20 {
				time.Sleep(10 * time.Millisecond)
			}
			if gap := time.Since(began); gap > 2*time.Second {
				t.Errorf("writes flow %v after the leader's death", gap)
			}
			stop()
			c.startAll()
			y.check(t, c.node(old))
		}
		if len(y.unknown)+len(y.never) > 0 {
			t.Errorf("clients of surviving nodes met %d unknown outcomes and %d refusals", len(y.unknown), len(y.never))
		}
		c.agree()
	})
}

func TestApply_OnceOverACutLeader(t *testing.T) {
	for _, way := range []string{"both", "in", "out"} {
		t.Run(way, func(t *testing.T) {
			inCluster(t, nil, three, func(t *testing.T, c *cluster) {
				y := newTally()
				stop := y.load(t.Context(), c.others(""), 2, 100*time.Millisecond)
				time.Sleep(200 * time.Millisecond)
				old := c.leader().cfg.ID
				for _, id := range three {
					if way != "out" {
						c.net.cut(id, old)
					}
					if way != "in" {
						c.net.cut(old, id)
					}
				}
				time.Sleep(5 * time.Second)
				c.net.heal()
				time.Sleep(5 * time.Second)
				stop()
				y.check(t, c.leader())
				if len(y.never)+len(y.unknown) > 0 {
					t.Errorf("%d unavailable and %d unknown of %d: a cut of 5 s is shorter than the patience", len(y.never), len(y.unknown), y.next)
				}
				c.agree()
			})
		})
	}
}

func TestApply_SaysHonestlyWhatItDoesNotKnow(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		y := newTally()
		lead := c.leader()
		short := func() context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			t.Cleanup(cancel)
			return ctx
		}
		// A leader that reaches nobody has the entry in its own log: unknown.
		c.net.isolate(lead.cfg.ID, three...)
		if err := y.write(short(), lead); !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("a cut leader's write: %v", err)
		}
		time.Sleep(5 * time.Second)
		// Now it leads no more and knows no leader: certainly nothing happens.
		if err := y.write(short(), lead); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a write without a leader: %v", err)
		}
		// The others go on, above the given-up sequence.
		for _, n := range c.others(lead.cfg.ID) {
			if err := y.write(t.Context(), n); err != nil {
				t.Error(err)
			}
		}
		c.net.heal()
		for range 5 {
			if err := y.write(t.Context(), lead); err != nil {
				t.Error(err)
			}
		}
		y.check(t, lead)
		c.agree()
	})
}

func TestApply_RefusalsAreAnswers(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		for _, n := range c.others("") {
			_, err := Apply(t.Context(), n, fsm.GrantCredits{User: "nobody", Amount: 1})
			if r, ok := asRefusal(err); !ok || r.Code != fsm.NotFound {
				t.Errorf("%s: %v", n.cfg.ID, err)
			}
		}
	})
}

func TestApply_PendingProposalsShareEntries(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		n := c.others(c.leader().cfg.ID)[0]
		before := n.machine.Index()
		var wg sync.WaitGroup
		for range 2000 {
			wg.Go(func() { c.mustGrant(n) })
		}
		wg.Wait()
		c.mustCredits(n, 2010)
		if used := n.machine.Index() - before; used > 250 { // how many come together is the scheduler's; one busy core has made 114 of it
			t.Errorf("2000 proposals took %d entries", used)
		}
	})
}

func TestStop_HandsLeadershipOver(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		y := newTally()
		old := c.leader()
		stop := y.load(t.Context(), c.others(old.cfg.ID), 4, 5*time.Millisecond)
		time.Sleep(50 * time.Millisecond)
		began := time.Now()
		c.mu.Lock()
		delete(c.nodes, old.cfg.ID)
		c.mu.Unlock()
		if err := old.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		had := y.count()
		for y.count() < had+10 {
			time.Sleep(time.Millisecond)
		}
		if gap := time.Since(began); gap > 300*time.Millisecond {
			t.Errorf("the pause was %v", gap)
		}
		stop()
		if len(y.never)+len(y.unknown) > 0 {
			t.Errorf("%d unavailable, %d unknown", len(y.never), len(y.unknown))
		}
		if _, err := grant(t.Context(), old); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a stopped node: %v", err)
		}
	})
}

func TestYield_NoClientOfAnyNodeNotices(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		y := newTally()
		old := c.leader()
		stop := y.load(t.Context(), c.others(""), 4, 5*time.Millisecond)
		time.Sleep(50 * time.Millisecond)
		old.Yield(t.Context())
		time.Sleep(time.Second)
		if now := c.leader(); now == old {
			t.Error("it still leads")
		}
		stop()
		if len(y.never)+len(y.unknown) > 0 {
			t.Errorf("%d unavailable, %d unknown of %d", len(y.never), len(y.unknown), y.next)
		}
		y.check(t, old)
	})
}

func TestYield_AloneItLeadsOn(t *testing.T) {
	inCluster(t, nil, three[:1], func(t *testing.T, c *cluster) {
		c.node("n1").Yield(t.Context())
		c.mustGrant(c.node("n1"))
	})
}

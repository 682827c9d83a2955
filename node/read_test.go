package node

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"stoker/fsm"
)

// A leader that was cut off, and does not know it yet, must not answer from what
// it has: the others have elected and gone on.
func TestRead_ADeposedLeaderServesNothingStale(t *testing.T) {
	for _, way := range []string{"both", "in", "out"} {
		t.Run(way, func(t *testing.T) {
			inCluster(t, nil, three, func(t *testing.T, c *cluster) {
				old := c.leader()
				for _, id := range three {
					if way != "out" {
						c.net.cut(id, old.cfg.ID)
					}
					if way != "in" {
						c.net.cut(old.cfg.ID, id)
					}
				}
				stop := make(chan struct{})
				done := make(chan struct{})
				acked := newTally()
				go func() { // readers that never rest
					defer close(done)
					for {
						select {
						case <-stop:
							return
						default:
						}
						atLeast := int64(10 + acked.count())
						ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
						got, err := credits(ctx, old, Linearizable)
						cancel()
						if err == nil && got < atLeast {
							t.Errorf("read %d credits when %d were acknowledged", got, atLeast)
						}
						time.Sleep(5 * time.Millisecond)
					}
				}()
				rest := c.others(old.cfg.ID)
				for range 50 {
					if err := acked.write(t.Context(), rest[0]); err != nil {
						t.Error(err)
					}
					time.Sleep(20 * time.Millisecond)
				}
				c.net.heal()
				time.Sleep(2 * time.Second)
				close(stop)
				<-done
				c.mustCredits(old, 60)
			})
		})
	}
}

func TestRead_ManyReadersShareARound(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		r := &rounds{ctx: t.Context(), limit: time.Minute}
		begun := 0
		r.run = func(context.Context) (uint64, error) {
			begun++
			time.Sleep(time.Second)
			return uint64(begun), nil
		}
		got := make(chan uint64)
		ask := func() {
			i, err := r.join(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- i
		}
		go ask()
		time.Sleep(time.Millisecond)
		for range 100 {
			go ask() // all during the first round
		}
		if first := <-got; first != 1 {
			t.Errorf("the first reader got round %d", first)
		}
		for range 100 {
			if i := <-got; i != 2 {
				t.Errorf("a reader that came during round 1 got round %d", i)
			}
		}
		r.wg.Wait()
	})
}

func TestRead_AtLeastWaitsHereAndKnowsTheEpoch(t *testing.T) {
	// Followers hear of a commit at once, not when the leader's timer repeats it.
	slow := func(c *Config) { c.Timing.Commit = time.Hour }
	inCluster(t, slow, three, func(t *testing.T, c *cluster) {
		began := time.Now()
		for range 20 {
			for _, w := range c.others("") {
				at := c.mustGrant(w).Index
				for _, r := range c.others("") {
					v, err := r.Read(t.Context(), AtLeast(at, 1))
					if err != nil {
						t.Fatal(err)
					}
					if v.Index() < at {
						t.Errorf("asked for %d, got %d", at, v.Index())
					}
					v.Close()
				}
			}
		}
		if took := time.Since(began); took > 200*time.Millisecond {
			t.Errorf("60 writes and 180 reads of them took %v", took)
		}
		n := c.leader()
		if _, err := n.Read(t.Context(), AtLeast(1, 7)); err == nil {
			t.Error("another epoch was served")
		} else if r, ok := asRefusal(err); !ok || r.Code != fsm.ValidationFailed {
			t.Errorf("another epoch: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.Read(ctx, AtLeast(1<<40, 1)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("an index of the future: %v", err)
		}
	})
}

func TestRead_StaleNeedsNobody(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		c.agree()
		n := c.leader()
		c.crash(c.others(n.cfg.ID)[0].cfg.ID)
		c.crash(c.others(n.cfg.ID)[0].cfg.ID)
		time.Sleep(5 * time.Second)
		if got, err := credits(t.Context(), n, Stale); got != 10 || err != nil {
			t.Errorf("%d, %v", got, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := n.Ready(ctx); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a node without a quorum is ready: %v", err)
		}
	})
}

// After a transfer the new leader is elected at once, without waiting for
// anybody's timeout: the old one, which hears of nothing, believes in itself for
// as long as its lease lasts. Only what was confirmed since a read began tells.
func TestRead_ALeaderThatDoesNotHearOfItsSuccessorServesNothingStale(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		writes := int64(10)
		for range 20 {
			time.Sleep(2 * time.Second) // nothing is on its way that would hold the transfer up
			old := c.leader()
			c.mustCredits(old, writes)
			next := c.others(old.cfg.ID)[0]
			for _, id := range three {
				c.net.cut(id, old.cfg.ID)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // less than the lease
			go old.transferTo(ctx, next.cfg.ID)
			c.mustGrant(next)
			writes++
			// Where the transfer needed a new connection, the lease is over by now.
			_, fooled := old.lead.current()
			if got, err := credits(ctx, old, Linearizable); err == nil && got < writes {
				t.Errorf("the old leader read %d credits of %d", got, writes)
			}
			cancel()
			c.net.heal()
			if fooled {
				c.mustCredits(old, writes)
				return
			}
		}
		t.Error("no transfer went as meant; this tests nothing")
	})
}

// What a follower confirmed before a read began may arrive after it: it was true then, and by now another node leads. Raft's
// VerifyLeader counts it.
func TestRead_AConfirmationThatWasOnItsWayProvesNothing(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		writes := int64(10)
		for range 20 {
			time.Sleep(2 * time.Second)
			old := c.leader()
			c.mustCredits(old, writes)
			next, third := c.others(old.cfg.ID)[0], c.others(old.cfg.ID)[1]
			for _, id := range three {
				c.net.cut(id, old.cfg.ID) // it is heard, and does not hear
			}
			time.Sleep(old.cfg.Timing.Heartbeat / 5) // both have confirmed a heartbeat that was sent since
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			go old.transferTo(ctx, next.cfg.ID)
			c.mustGrant(next)
			writes++
			_, fooled := old.lead.current()
			read := make(chan int64, 1)
			go func() {
				got, err := credits(ctx, old, Linearizable)
				if err != nil {
					got = writes
				}
				read <- got
			}()
			synctest.Wait()
			c.net.mend(third.cfg.ID, old.cfg.ID) // the confirmation arrives, and no news of the next leader yet
			if got := <-read; got < writes {
				t.Errorf("the old leader read %d credits of %d", got, writes)
			}
			cancel()
			c.net.heal()
			if fooled {
				c.mustCredits(old, writes)
				return
			}
		}
		t.Error("no transfer went as meant; this tests nothing")
	})
}

// A follower's readers need nobody but it and the leader: in a term after they came, the two are a quorum of three.
func TestRead_AFollowersReadersNeedOnlyTheLeader(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		c.agree()
		leader := c.leader()
		follower := c.others(leader.cfg.ID)[0]
		term := follower.raft.CurrentTerm()
		for _, id := range three {
			c.net.cut(leader.cfg.ID, id) // whom it asks now does not hear it
		}
		ask := func(reader string, term uint64) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond) // less than anybody needs to find out
			defer cancel()
			_, err := leader.confirmFor(ctx, raft.ServerID(reader), term)
			return err
		}
		if err := ask(follower.cfg.ID, term); err != nil {
			t.Errorf("a voter in the leader's term: %v", err)
		}
		for name, err := range map[string]error{
			"a voter of the term before":    ask(follower.cfg.ID, term-1),
			"a voter of a later term":       ask(follower.cfg.ID, term+1),
			"a voter that does not say":     ask(follower.cfg.ID, 0),
			"one that is no member":         ask("n9", term),
			"the leader, which counts once": ask(leader.cfg.ID, term),
		} {
			if err == nil {
				t.Errorf("%s is believed", name)
			}
		}
	})
}

// A follower that has voted for another leader may ask the old one, which has not heard of it.
func TestRead_AFollowerOfALaterTermIsNoProof(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		for range 20 {
			time.Sleep(2 * time.Second)
			old := c.leader()
			next, third := c.others(old.cfg.ID)[0], c.others(old.cfg.ID)[1]
			ask := func(ctx context.Context) (uint64, error) { // as askReadIndex does while it knows of no other leader
				b, err := third.ask(ctx, old.cfg.ID, fmt.Sprintf("%s?term=%d", pathReadIndex, third.raft.CurrentTerm()), nil)
				if err != nil {
					return 0, err
				}
				return strconv.ParseUint(string(b), 10, 64)
			}
			if _, err := ask(t.Context()); err != nil { // and has a connection
				t.Fatal(err)
			}
			c.net.cut(next.cfg.ID, old.cfg.ID)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // less than the lease
			go old.transferTo(ctx, next.cfg.ID)
			at := c.mustGrant(next).Index
			_, fooled := old.lead.current()
			fooled = fooled && third.raft.CurrentTerm() == next.raft.CurrentTerm() && old.raft.CurrentTerm() < next.raft.CurrentTerm()
			if index, err := ask(ctx); err == nil && index < at {
				t.Errorf("the old leader said %d of %d", index, at)
			}
			cancel()
			c.net.heal()
			if fooled {
				return
			}
		}
		t.Error("no transfer went as meant; this tests nothing")
	})
}

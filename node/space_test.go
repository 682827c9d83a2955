package node

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"stoker/fsm"
)

// disks are the nodes' disks, by folder: what is free on each.
type disks struct {
	mu   sync.Mutex
	free map[string]uint64
}

func (d *disks) edit(c *Config) {
	id := c.ID
	c.MinFree = 256 << 20
	c.disk = func(string) (uint64, uint64) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if free, set := d.free[id]; set {
			return free, 1 << 40
		}
		return 1 << 39, 1 << 40
	}
}

func (d *disks) set(mb uint64, ids ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		d.free[id] = mb << 20
	}
}

const (
	roomOnly = 100 // MiB: low
	noRoom   = 10  // MiB: full
)

// withDisks is inCluster with disks of its own, of which nothing is known yet but
// that they are large.
func withDisks(t *testing.T, ids []string, test func(*testing.T, *cluster, *disks)) {
	t.Helper()
	d := &disks{free: map[string]uint64{}}
	inCluster(t, d.edit, ids, func(t *testing.T, c *cluster) { test(t, c, d) })
}

// A leader whose disk is nearly full leaves the lead to one with room; nobody's
// write is refused.
func TestSpace_ALeaderWithoutRoomHandsOver(t *testing.T) {
	withDisks(t, three, func(t *testing.T, c *cluster, d *disks) {
		y := newTally()
		old := c.leader()
		stop := y.load(t.Context(), c.others(""), 1, 200*time.Millisecond)
		for _, mb := range []uint64{roomOnly, noRoom} {
			d.set(mb, old.cfg.ID)
			time.Sleep(10 * time.Second)
			if now := c.leader(); now == old {
				t.Fatalf("a node with %d MiB leads", mb)
			}
		}
		stop()
		if n := len(y.never) + len(y.unknown); n > 0 || y.next != len(y.acked) {
			t.Errorf("of %d writes %d were acknowledged", y.next, len(y.acked))
		}
		y.check(t, c.leader())
	})
}

// A follower without any room takes no entries, says so to who wants to read what
// it has not got, and catches up by itself.
func TestSpace_AFullFollowerFallsBehindAndCatchesUp(t *testing.T) {
	withDisks(t, three, func(t *testing.T, c *cluster, d *disks) {
		lead := c.leader()
		late := c.others(lead.cfg.ID)[0]
		time.Sleep(time.Second) // it has what there is
		d.set(noRoom, late.cfg.ID)
		time.Sleep(2 * time.Second)
		before := late.raft.LastIndex()
		for range 30 {
			c.mustGrant(lead)
		}
		if at := late.raft.LastIndex(); at != before {
			t.Errorf("its log grew from %d to %d", before, at)
		}
		began := time.Now()
		if _, err := late.Read(t.Context(), Linearizable); !errors.Is(err, ErrBehind) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("a read of what it has not got: %v", err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it says so after %v", took)
		}
		if got, err := credits(t.Context(), late, Stale); err != nil || got != 10 {
			t.Errorf("a stale read: %d, %v", got, err)
		}
		c.mustGrant(late) // its clients' writes go to the leader all the same
		c.mustCredits(lead, 41)
		for _, n := range c.others(late.cfg.ID) {
			if m := memberOf(n, late.cfg.ID); m.Room != "full" || m.Free != noRoom<<20 {
				t.Errorf("%s shows %+v", n.cfg.ID, m)
			}
		}
		d.set(1000, late.cfg.ID)
		time.Sleep(30 * time.Second)
		c.mustCredits(late, 41)
		c.agree()
	})
}

func memberOf(n *Node, id string) (out MemberStatus) {
	for _, m := range n.Status().Members {
		if m.ID == id {
			out = m
		}
	}
	return out
}

// Where no disk has room, commands are refused at once and clearly, on every
// node, but those that end something; reads are served; and it ends with the
// shortage. Nothing that was refused happens later.
func TestSpace_AClusterWithoutRoomRefuses(t *testing.T) {
	for name, ids := range map[string][]string{"one node": three[:1], "three nodes": three} {
		t.Run(name, func(t *testing.T) {
			withDisks(t, ids, func(t *testing.T, c *cluster, d *disks) {
				y := newTally()
				d.set(roomOnly, ids...)
				time.Sleep(5 * time.Second)
				for _, n := range c.others("") {
					began := time.Now()
					if err := y.write(t.Context(), n); !errors.Is(err, ErrStorageFull) {
						t.Errorf("%s: %v", n.cfg.ID, err)
					}
					if took := time.Since(began); took > 100*time.Millisecond {
						t.Errorf("%s refuses after %v", n.cfg.ID, took)
					}
					c.mustCredits(n, 10)
					if _, err := Apply(t.Context(), n, fsm.RevokeUser{User: "nobody"}); errors.Is(err, ErrStorageFull) {
						t.Error("what frees something is refused too")
					}
				}
				time.Sleep(time.Second) // all have it
				d.set(noRoom, ids...)
				time.Sleep(5 * time.Second)
				for _, n := range c.others("") {
					c.mustCredits(n, 10)
					if _, err := Apply(t.Context(), n, fsm.RevokeUser{User: "nobody"}); !errors.Is(err, ErrStorageFull) {
						t.Errorf("%s takes a command without any room: %v", n.cfg.ID, err)
					}
				}
				d.set(1000, ids...)
				time.Sleep(5 * time.Second)
				for _, n := range c.others("") {
					if err := y.write(t.Context(), n); err != nil {
						t.Errorf("%s with room again: %v", n.cfg.ID, err)
					}
				}
				y.check(t, c.leader())
				c.agree()
			})
		})
	}
}

// Two of three without room: the third alone cannot commit, so it does not take
// what it could not finish.
func TestSpace_TooFewWithRoomAreNone(t *testing.T) {
	withDisks(t, three, func(t *testing.T, c *cluster, d *disks) {
		lead := c.leader()
		others := c.others(lead.cfg.ID)
		d.set(noRoom, others[0].cfg.ID, others[1].cfg.ID)
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := grant(ctx, lead); !errors.Is(err, ErrStorageFull) {
			t.Errorf("%v", err)
		}
		d.set(1000, others[0].cfg.ID)
		time.Sleep(30 * time.Second)
		c.mustGrant(lead)
	})
}

// The log's end may be cut off only by who may append to it again.
func TestSpace_ALogIsNotCutWithoutItsReplacement(t *testing.T) {
	withDisks(t, three[:1], func(t *testing.T, c *cluster, d *disks) {
		log := c.node("n1").logs
		last, err := log.LastIndex()
		if err != nil {
			t.Fatal(err)
		}
		d.set(noRoom, "n1")
		if err := log.DeleteRange(last, last); !errors.Is(err, errNoRoom) {
			t.Errorf("its end: %v", err)
		}
		first, err := log.FirstIndex()
		if err != nil {
			t.Fatal(err)
		}
		if err := log.DeleteRange(first, first); err != nil {
			t.Errorf("its beginning: %v", err)
		}
	})
}

package node

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"stoker/fsm"
)

// Design rule 8, live. Every answer to a probe names a running hash and the entry
// it is behind (peers.go). A node compares it with its own as soon as its machine
// has come there: at once, when the other is behind, or when it has caught up.
// What two nodes differ in once they differ in for ever, so nothing is missed by
// comparing now and then. When some member differs all are asked for what they
// remember (verify.go), which says who is with whom and where it began.

// compared is what came of comparing hashes with the others.
type compared struct {
	mu     sync.Mutex
	said   map[string][]fsm.Footprint // by member: what was not compared yet
	differ map[string]uint64          // by member: an entry at which it was found to differ
	counts Divergence
	looked time.Time // when the last difference was looked into
}

// Divergence counts what was held against what on this node since it started.
type Divergence struct {
	Compared   uint64    // hashes of other members
	Mismatches uint64    // of them that were not this node's
	Scrubs     uint64    // walks through this node's own rows
	Rotten     uint64    // of them that found a row to be wrong
	Scrubbed   time.Time // when the last one ended; zero: none yet
}

const (
	saidKept  = 16               // footprints of a member that this node has not come to
	lookAgain = 30 * time.Second // while a difference stays
	lookSoon  = 2 * time.Second  // where nobody could be told of it
	actLimit  = 3 * time.Second  // that a node which must end waits to have it known
)

func (c *compared) hear(member string, f fsm.Footprint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said == nil {
		c.said, c.differ = map[string][]fsm.Footprint{}, map[string]uint64{}
	}
	if s := c.said[member]; len(s) > 0 && s[len(s)-1] == f {
		return
	}
	if len(c.said[member]) < saidKept { // the oldest are kept: they are the first to be reached
		c.said[member] = append(c.said[member], f)
	}
}

func (c *compared) forget(member string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.said, member)
	delete(c.differ, member)
}

// check compares what can be compared now, and gives who differs, with an entry
// at which it does.
func (c *compared) check(m *fsm.Machine) map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := m.Index()
	for member, said := range c.said {
		reached := 0
		for ; reached < len(said) && said[reached].Index <= at; reached++ {
			f := said[reached]
			own, remembered := m.HashAt(f.Index)
			if !remembered {
				continue
			}
			c.counts.Compared++
			if own == f.Hash {
				delete(c.differ, member)
				continue
			}
			c.counts.Mismatches++
			c.differ[member] = f.Index
		}
		c.said[member] = slices.Delete(said, 0, reached)
	}
	return maps.Clone(c.differ)
}

// due says whether it is time to look into a difference, and that it is done.
func (c *compared) due() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.looked.IsZero() && time.Since(c.looked) < lookAgain {
		return false
	}
	c.looked = time.Now()
	return true
}

// unknown has a difference looked into again soon: the cluster does not know of it.
func (c *compared) unknown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = time.Now().Add(lookSoon - lookAgain)
}

// Divergence counts.
func (n *Node) Divergence() Divergence {
	n.compared.mu.Lock()
	defer n.compared.mu.Unlock()
	return n.compared.counts
}

// compare runs until ctx ends.
func (n *Node) compare(ctx context.Context) {
	tick := time.NewTicker(n.cfg.Timing.Probe)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		differ := n.compared.check(n.machine)
		maps.DeleteFunc(differ, func(member string, _ uint64) bool {
			_, up := n.peers.get(member, freshFor*n.cfg.Timing.Probe)
			return !up // it ended, as it should
		})
		if len(differ) > 0 && n.compared.due() {
			n.diverged(ctx, differ)
		}
	}
}

// diverged looks into a difference and does what must be done: no more is spent,
// and a node that a majority disagrees with ends.
func (n *Node) diverged(ctx context.Context, differ map[string]uint64) {
	v := n.Verify(ctx, false)
	for _, p := range v.Nodes {
		// A binary of before level 2 shows no trail. It has no place in a cluster
		// beyond it: what it applies it applies otherwise.
		if at := differ[p.ID]; at > 0 && !p.Alive && !slices.Contains(v.Odd, p.ID) {
			v.Odd, v.First = append(v.Odd, p.ID), at
		}
	}
	if len(v.Odd) == 0 {
		n.log.Warn("another member's hash was not this node's, and is now", "members", slices.Collect(maps.Keys(differ)))
		return
	}
	why := fmt.Sprintf("%s and %s hold different states", strings.Join(v.Odd, ", "), cmp.Or(strings.Join(v.Majority, ", "), "no majority"))
	n.log.Error("nodes hold different states", "odd", v.Odd, "majority", v.Majority, "first_bad", v.First, "last_equal", v.LastEqual)
	if !n.alarm(ctx, fsm.RaiseAlarm{Kind: fsm.Divergence, Index: v.First, Nodes: v.Odd, Why: why}) {
		n.compared.unknown()
	}
	if len(v.Majority) > 0 && slices.Contains(v.Odd, n.cfg.ID) {
		n.quarantine(quarantined{
			Index: v.First, LastEqual: v.LastEqual, At: n.cfg.Wall(),
			Why: fmt.Sprintf("its state differs from that of %s since entry %d", strings.Join(v.Majority, ", "), v.First),
		})
	}
}

// alarm has the cluster stop spending, unless it has already for this; false: it could not be told.
func (n *Node) alarm(ctx context.Context, a fsm.RaiseAlarm) (told bool) {
	view := n.machine.View()
	standing := view.Alarms()
	view.Close()
	for _, s := range standing {
		news := slices.ContainsFunc(a.Nodes, func(id string) bool { return !slices.Contains(s.Nodes, id) })
		if s.Kind == a.Kind && s.Index <= a.Index && !news {
			return true
		}
	}
	ctx, cancel := context.WithTimeout(ctx, actLimit)
	defer cancel()
	if _, err := Apply(ctx, n, a, By("system")); err != nil {
		n.log.Error("the alarm could not be raised; it is tried again", "err", err)
		_, refused := asRefusal(err)
		return refused
	}
	return true
}

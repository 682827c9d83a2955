package node

import (
	"errors"
	"strings"
	"testing"
	"time"

	"stoker/fsm"
)

// older makes the nodes of these ids say that they understand level 1 only.
func older(ids ...string) func(*Config) {
	return func(c *Config) {
		for _, id := range ids {
			if c.ID == id {
				c.level = 1
			}
		}
	}
}

func refusedWith(err error, code fsm.Code) bool {
	r, ok := asRefusal(err)
	return ok && r.Code == code
}

// alarming is a command of level 2.
var alarming = fsm.RaiseAlarm{Kind: fsm.Divergence, Index: 1, Nodes: []string{"n1"}}

// TestLevel_newCluster: a cluster of equals begins at the newest level.
func TestLevel_newCluster(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		for _, id := range three {
			if _, err := Apply(t.Context(), c.node(id), alarming); err != nil {
				t.Errorf("at %s: %v", id, err)
			}
		}
		if s := c.node("n1").Status(); s.Level != fsm.Level {
			t.Errorf("the cluster is at level %d", s.Level)
		}
	})
}

// TestLevel_mixed: while one member runs an older version, the cluster begins and
// stays at its level, on whichever node somebody asks for more; and it is raised
// when all are upgraded, by whichever node.
func TestLevel_mixed(t *testing.T) {
	old := []string{"n2"}
	inCluster(t, func(conf *Config) { older(old...)(conf) }, three, func(t *testing.T, c *cluster) {
		for _, id := range three {
			if _, err := Apply(t.Context(), c.node(id), alarming); !refusedWith(err, fsm.FeatureLevel) {
				t.Errorf("at %s a command of level 2 came to %v", id, err)
			}
		}
		time.Sleep(2 * time.Second) // the probes
		_, err := c.node("n1").NextUpgrade()
		if !refusedWith(err, fsm.FeatureLevel) || !strings.Contains(err.Error(), "n2: its version test understands level 1") {
			t.Errorf("finalized with an old member: %v", err)
		}

		old = nil
		c.crash("n2")
		time.Sleep(10 * time.Second)
		if _, err := c.node("n1").NextUpgrade(); !refusedWith(err, fsm.FeatureLevel) || !strings.Contains(err.Error(), "n2: it does not answer") {
			t.Errorf("finalized with a silent member: %v", err)
		}
		must(c.start("n2"))
		time.Sleep(5 * time.Second)
		next, err := c.node("n3").NextUpgrade()
		if err != nil {
			t.Fatal(err)
		}
		r, err := Apply(t.Context(), c.node("n3"), next)
		if err != nil || r.Answer.Level != fsm.Level {
			t.Fatalf("finalize: %v, %v", r.Answer, err)
		}
		for _, id := range three { // a node behind the upgrade catches up first
			if _, err := Apply(t.Context(), c.node(id), alarming); err != nil {
				t.Errorf("at %s after the upgrade: %v", id, err)
			}
		}
		if u := c.node("n2").Upgrade(); len(u.Missing) != 0 || u.Level != fsm.Level || len(u.Nodes) != 3 {
			t.Errorf("the upgrade is at %+v", u)
		}
	})
}

// TestBatcher_level: what a node of another version forwards without having
// looked reaches no log.
func TestBatcher_level(t *testing.T) {
	b := &batcher{level: func() uint64 { return 1 }}
	for _, p := range []fsm.Proposal{fsm.Propose(alarming), {Kind: 60_000}} {
		v := <-b.submit([]fsm.Proposal{fsm.Propose(fsm.Expire{Limit: 1}), p})
		if !errors.Is(v.err, errNotTaken) || !refusedWith(v.err, fsm.FeatureLevel) {
			t.Errorf("%s was answered %v", fsm.CommandName(p.Kind), v.err)
		}
	}
}

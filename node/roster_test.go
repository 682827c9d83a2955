package node

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"stoker/fsm"
)

// introduced is what the machine should know of a node of the cluster.
func (c *cluster) introduced(id string, since int64) fsm.Member {
	n, err := openNursery(filepath.Join(c.dir, id, raftDir), false, fsm.Level)
	must(err)
	return fsm.Member{
		ID: id, HTTP: "http-" + id, Addr: id, Version: "test", Level: fsm.Level, Incarnation: n.standing().Incarnation, Since: since,
	}
}

func TestRoster_RaftSaysWhoTheMachineSaysWhereTheFileHelps(t *testing.T) {
	r := newRoster([]Member{{"n1", "file1", "http1"}, {"n2", "file2", "http2"}})
	if got := r.all(); len(got) != 2 || got[1].Addr != "file2" || got[1].Voter {
		t.Errorf("before Raft has said anything: %+v", got)
	}
	conf := raft.Configuration{Servers: []raft.Server{
		{ID: "n4", Suffrage: raft.Nonvoter}, {ID: "n2", Suffrage: raft.Voter},
	}}
	known := []fsm.Member{{ID: "n2", HTTP: "new2", Addr: "moved2"}, {ID: "n4", Addr: "addr4", HTTP: "http4", Draining: true}, {ID: "n9"}}
	r.set(conf, known, nil)
	want := []Seat{{Member: Member{"n2", "moved2", "new2"}, Voter: true}, {Member: Member{"n4", "addr4", "http4"}, Draining: true}}
	if got := r.all(); !slices.Equal(got, want) {
		t.Errorf("seats %+v, want %+v", got, want)
	}
	if got := r.addrsOf("n2"); !slices.Equal(got, []string{"moved2", "file2"}) {
		t.Errorf("addresses of n2: %v", got)
	}
	r.answered("n2", "file2")
	r.set(conf, known, nil)
	if got := r.addrsOf("n2"); !slices.Equal(got, []string{"file2", "moved2"}) {
		t.Errorf("addresses of n2 after it answered at the file's: %v", got)
	}
	known[0].Addr = "moved again"
	r.set(conf, known, nil)
	if got := r.addrsOf("n2"); !slices.Equal(got, []string{"moved again", "file2"}) {
		t.Errorf("addresses of n2 after it moved: %v", got)
	}
	if r.addrsOf("n1") != nil {
		t.Error("n1 has an address and no seat")
	}
}

// Members that move one right after the other find each other through one that
// has not: it hears where they are before anything can be committed.
func TestRoster_TwoMoveAtOnce(t *testing.T) {
	moved := map[string]string{}
	inCluster(t, movers(moved), three, func(t *testing.T, c *cluster) {
		c.mustGrant(c.leader())
		for _, id := range []string{"n1", "n2"} {
			moved[id] = id + "-elsewhere"
			c.crash(id)
		}
		for _, id := range []string{"n1", "n2"} {
			if err := c.start(id); err != nil {
				t.Fatal(err)
			}
		}
		c.mustGrant(c.leader())
		c.caughtUp()
		c.agree()
	})
}

// caughtUp waits until every running node is where the leader is. Raft asks a
// node that it has not reached for long again after ten seconds only.
func (c *cluster) caughtUp() {
	c.t.Helper()
	c.eventually("all are where the leader is", func() bool {
		for _, n := range c.others("") {
			if n.machine.Index() < c.leader().machine.Index() {
				return false
			}
		}
		return true
	})
}

// movers has each node that is named listen elsewhere; its own file says so, the
// others' do not.
func movers(moved map[string]string) func(*Config) {
	return func(c *Config) {
		c.Members = slices.Clone(c.Members)
		for i, m := range c.Members {
			if to := moved[m.ID]; to != "" && m.ID == c.ID {
				c.Members[i].Addr = to
				c.Listener.Close()
				c.Listener = c.Listener.(*listener).network.listen(to)
			}
		}
	}
}

// A node may listen elsewhere after each start: it reaches the others by what it
// knows of them, and they hear from the machine where it is.
func TestRoster_AddressesChangeOnRestart(t *testing.T) {
	moved := map[string]string{}
	inCluster(t, movers(moved), three, func(t *testing.T, c *cluster) {
		for _, id := range three {
			moved[id] = id + "-elsewhere"
			c.crash(id)
			c.mustGrant(c.leader())
			if err := c.start(id); err != nil {
				t.Fatal(err)
			}
			c.eventually("the others know where "+id+" is", func() bool {
				for _, n := range c.others("") {
					if !slices.ContainsFunc(n.Members(), func(s Seat) bool { return s.ID == id && s.Addr == moved[id] }) {
						return false
					}
				}
				return true
			})
			c.caughtUp()
			c.agree()
		}
		c.mustCredits(c.leader(), 13)
	})
}

// eventually waits in the bubble's time.
func (c *cluster) eventually(what string, holds func() bool) {
	c.t.Helper()
	for range 6000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatalf("not within a minute: %s", what)
}

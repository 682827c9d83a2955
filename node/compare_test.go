package node

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"stoker/fsm"
)

// leadAstray has one node's machine apply an entry that is in nobody's log.
func (c *cluster) leadAstray(id string) {
	m := c.node(id).machine
	forged := fsm.Batch{Proposals: []fsm.Proposal{fsm.Propose(fsm.SignIn{NewID: "nobody"})}}
	m.Apply([]fsm.Entry{{Index: m.Index() + 1, Term: 1, Data: forged.Encode()}})
}

// spend is a command that costs.
func (c *cluster) spend(n *Node, job string) error {
	_, err := Apply(c.t.Context(), n, fsm.CreateJob{User: "u1", ID: job, Preset: "interior", Items: 1})
	return err
}

func (c *cluster) exited(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exits[id]
}

// forgive takes away that a node ended, which otherwise fails the test at its end.
func (c *cluster) forgive(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.exits, id)
}

func (c *cluster) user() {
	if _, err := Apply(c.t.Context(), c.leader(), fsm.SignIn{NewID: "u1"}); err != nil {
		c.t.Fatal(err)
	}
}

// TestCompare_odd: a node whose state differs from the others' is found, whether
// it leads or not; it ends and does not come back; nothing is spent until an
// operator has looked.
func TestCompare_odd(t *testing.T) {
	for _, role := range []string{"follower", "leader"} {
		t.Run(role, func(t *testing.T) {
			inCluster(t, nil, three, func(t *testing.T, c *cluster) {
				c.user()
				time.Sleep(2 * time.Second)
				odd := c.leader()
				if role == "follower" {
					odd = c.others(odd.ID())[0]
				}
				id := odd.ID()
				before := odd.machine.Index()
				c.leadAstray(id)
				for range 3 { // an entry at the forged one's index may be lost on a leader: it has no answer to it
					Apply(t.Context(), c.others(id)[0], fsm.GrantCredits{User: "u1", Amount: 1, Reason: "test"})
				}
				found := time.Now()
				for c.exited(id) == nil && time.Since(found) < time.Minute {
					time.Sleep(time.Second)
				}
				if err := c.exited(id); err == nil || !strings.Contains(err.Error(), "quarantine") {
					t.Fatalf("a minute later the node that differs is up: %v", err)
				}
				c.crash(id)
				c.forgive(id)
				time.Sleep(5 * time.Second)

				healthy := c.others(id)[0]
				if err := c.spend(healthy, "j1"); !refusedWith(err, fsm.Diverged) {
					t.Errorf("a job was opened, or refused with %v", err)
				}
				v := healthy.Verify(t.Context(), false)
				if len(v.Alarms) != 1 || !slices.Equal(v.Alarms[0].Nodes, []string{id}) || v.Alarms[0].Index <= before || v.Alarms[0].Index > before+3 {
					t.Errorf("the alarm is %+v; it went wrong behind %d", v.Alarms, before)
				}
				if err := c.start(id); err == nil || !strings.Contains(err.Error(), "join it again under a new id") {
					t.Errorf("a node in quarantine started: %v", err)
				}
				if _, err := Apply(t.Context(), healthy, fsm.ClearAlarm{Kind: fsm.Divergence}); err != nil {
					t.Fatal(err)
				}
				if err := c.spend(healthy, "j1"); err != nil {
					t.Errorf("the alarm was cleared: %v", err)
				}
				if d := healthy.Divergence(); d.Compared == 0 {
					t.Errorf("nothing was counted: %+v", d)
				}
			})
		})
	}
}

// TestCompare_noMajority: of two nodes that differ neither is known to be right:
// both are named, none ends, nothing is spent, and the alarm comes back for as
// long as they differ.
func TestCompare_noMajority(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		c.user()
		c.crash("n3")
		time.Sleep(10 * time.Second)
		odd := c.others(c.leader().ID())[0]
		c.leadAstray(odd.ID())
		c.mustGrant(c.leader())
		c.mustGrant(c.leader())
		time.Sleep(20 * time.Second)
		if err := c.spend(c.leader(), "j1"); !refusedWith(err, fsm.Diverged) {
			t.Errorf("a job was opened, or refused with %v", err)
		}
		v := c.leader().Verify(t.Context(), false)
		slices.Sort(v.Odd)
		if !slices.Equal(v.Odd, []string{"n1", "n2"}) || len(v.Majority) > 0 || v.First == 0 || v.LastEqual == 0 || len(v.Entries) == 0 {
			t.Errorf("found %+v", v)
		}
		if c.exited("n1") != nil || c.exited("n2") != nil {
			t.Error("a node has ended, and nobody can know whether it was the right one")
		}
		if _, err := Apply(t.Context(), c.leader(), fsm.ClearAlarm{Kind: fsm.Divergence}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := c.spend(c.leader(), "j1"); !refusedWith(err, fsm.Diverged) {
			t.Errorf("the alarm was cleared, they differ still, and a job came to %v", err)
		}
	})
}

// TestScrub: a row that changed on the disk of one node, with a checksum that is
// right, is found by that node alone.
func TestScrub(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		c.user()
		time.Sleep(2 * time.Second) // everybody has applied it
		id := c.others(c.leader().ID())[0].ID()
		c.crash(id)
		addRow(t, filepath.Join(c.dir, id, stateDir, "state.bolt"))
		must(c.start(id))
		time.Sleep(time.Minute)
		if err := c.exited(id); err == nil || !strings.Contains(err.Error(), "its rows are not what it applied") {
			t.Errorf("a minute later the node came to %v", err)
		}
		if err := c.spend(c.leader(), "j1"); !refusedWith(err, fsm.Diverged) {
			t.Errorf("a job was opened, or refused with %v", err)
		}
		if v := c.leader().Verify(t.Context(), true); !slices.Equal(v.Odd, []string{id}) || len(v.Alarms) != 1 {
			t.Errorf("found %+v", v)
		}
		for _, n := range c.others(id) {
			if d := n.Divergence(); d.Scrubs == 0 || d.Rotten != 0 || c.exited(n.ID()) != nil {
				t.Errorf("%s: %+v, %v", n.ID(), d, c.exited(n.ID()))
			}
		}
		c.crash(id)
		c.forgive(id)
	})
}

// addRow copies a user's row to another key, as store would have written it.
func addRow(t *testing.T, path string) {
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("rows1"))
		k, v := b.Cursor().Seek([]byte("users\x00"))
		if !strings.HasPrefix(string(k), "users\x00") {
			return errors.New("there is no user")
		}
		key, val := append(slices.Clone(k[:len(k)-2]), "x\x00\x01"...), v[4:]
		sum := crc32.Checksum(append(slices.Clone(key), val...), crc32.MakeTable(crc32.Castagnoli))
		return b.Put(key, append(binary.LittleEndian.AppendUint32(nil, sum), val...))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestQuarantine_unreadable: a file that cannot be read keeps the node down too.
func TestQuarantine_unreadable(t *testing.T) {
	dir := t.TempDir()
	if err := readQuarantine(dir); err != nil {
		t.Errorf("without a file: %v", err)
	}
	must(os.WriteFile(filepath.Join(dir, quarantineName), []byte("{"), 0o600))
	if err := readQuarantine(dir); err == nil {
		t.Error("a file that nobody can read is no quarantine")
	}
}

// TestCompared_due: a difference is looked into twice a minute while it stays, and soon where the cluster could not be told of it.
func TestCompared_due(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c compared
		after := func(d time.Duration) bool { time.Sleep(d); return c.due() }
		if !after(0) || after(lookSoon) || after(lookAgain-lookSoon-time.Second) || !after(time.Second) {
			t.Error("a difference that is known is not looked into twice a minute")
		}
		c.unknown()
		if after(lookSoon-time.Millisecond) || !after(time.Millisecond) || after(lookSoon) {
			t.Error("one that the cluster does not know is not looked into again soon, once")
		}
	})
}

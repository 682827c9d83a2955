package node

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"stoker/fsm"
	"stoker/pki"
)

// signing gives a test cluster's Genesis the CA that its nodes' certificates are of.
func signing(c *Config) {
	first := c.Genesis
	c.Genesis = func() fsm.Genesis {
		g := first()
		key, err := pki.EncodeKey(testCA().key)
		must(err)
		g.SealedCA, err = Seal(c.SealKey, fsm.UseCA, key)
		must(err)
		return g
	}
}

// token makes a join token.
func (c *cluster) token(node string) pki.JoinToken { return c.tokenFor(node, time.Hour) }

func (c *cluster) tokenFor(node string, ttl time.Duration) pki.JoinToken {
	c.t.Helper()
	t := pki.NewJoinToken(node)
	if _, err := Apply(c.t.Context(), c.leader(), fsm.CreateJoinToken{ID: t.ID, Hash: t.Hash(), TTL: int64(ttl), For: node}); err != nil {
		c.t.Fatal(err)
	}
	t.CAs, t.Endpoints = c.leader().JoinPlace()
	return t
}

// ask has a node ask for a place; its host is its id, and so is its address.
func (c *cluster) ask(t pki.JoinToken, id string) (Joined, error) {
	dial := c.net.dialer(id)
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	return Join(ctx, JoinRequest{
		Token: t.String(), ID: id, Host: id, HTTP: 80, Cluster: 90, Dir: c.folder(id), Version: "test",
		Dial: func(ctx context.Context, addr string) (net.Conn, error) { return dial(ctx, addr) },
	})
}

// folder is a node's, or of one that goes by the id of a node that is there.
func (c *cluster) folder(id string) string {
	if _, err := os.Stat(filepath.Join(c.dir, id)); err == nil {
		return filepath.Join(c.dir, "another", id)
	}
	return filepath.Join(c.dir, id)
}

// admit brings a new node in and starts it.
func (c *cluster) admit(id string) {
	c.t.Helper()
	got, err := c.ask(c.token(id), id)
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	c.joined[id] = got
	c.members = append(c.members, Member{ID: id, Addr: id + ":90", HTTP: id + ":80"})
	c.mu.Unlock()
	if err := c.start(id); err != nil {
		c.t.Fatal(err)
	}
}

// voters waits until every running node knows these to have a vote, and nobody else.
func (c *cluster) voters(ids ...string) {
	c.t.Helper()
	want := strings.Join(ids, " ")
	c.eventually("the voters are "+want, func() bool {
		for _, n := range c.others("") {
			var got []string
			for _, s := range n.Members() {
				if s.Voter {
					got = append(got, s.ID)
				}
			}
			if strings.Join(got, " ") != want {
				return false
			}
		}
		return true
	})
}

// TestMembers_GrowFromOneToThreeAndReplace is the life of a cluster: it is one
// node, then three, then another three, and all that was written stays.
func TestMembers_GrowFromOneToThreeAndReplace(t *testing.T) {
	inCluster(t, signing, []string{"n1"}, func(t *testing.T, c *cluster) {
		want := int64(10)
		add := func() {
			for range 20 {
				c.mustGrant(c.leader())
				want++
			}
		}
		add()
		began := time.Now()
		c.admit("n2")
		c.eventually("n2 learns", func() bool { return len(c.node("n1").Members()) == 2 })
		if m := c.node("n1").Members(); m[1].Voter {
			t.Error("n2 has a vote before it has proved anything")
		}
		c.voters("n1", "n2")
		if took := time.Since(began); took < 10*time.Second {
			t.Errorf("n2 has a vote after %v", took)
		}
		c.admit("n3")
		c.voters("n1", "n2", "n3")
		add()
		c.agree()
		c.mustCredits(c.node("n3"), want)

		if _, err := c.node("n2").RemoveMember(t.Context(), "n1", false, false); !refusedWith(err, fsm.QuorumAtRisk) {
			t.Errorf("from three to two without force: %v", err)
		}
		c.admit("n4")
		c.voters("n1", "n2", "n3", "n4")
		for c.leader().cfg.ID != "n1" {
			if _, err := c.leader().TransferLeadership(t.Context(), "n1"); err != nil {
				t.Fatal(err)
			}
		}
		look, err := c.node("n4").RemoveMember(t.Context(), "n1", false, true)
		if err != nil || look.Done || !look.Leads || look.Voters != 3 || look.Tolerance != 1 || look.Refused != "" {
			t.Errorf("a look at the removal: %+v, %v", look, err)
		}
		if r, err := c.node("n4").RemoveMember(t.Context(), "n1", false, false); err != nil || !r.Done {
			t.Fatalf("the leader's removal: %+v, %v", r, err)
		}
		select {
		case <-c.node("n1").Removed():
		case <-time.After(time.Minute):
			t.Fatal("n1 was not told")
		}
		c.crash("n1")
		c.voters("n2", "n3", "n4")
		add()
		c.mustCredits(c.node("n4"), want)
		if err := c.start("n1"); !errors.Is(err, ErrRemoved) {
			t.Errorf("n1 again: %v", err)
		}
		if _, err := c.ask(c.token(""), "n1"); !refusedWith(err, fsm.MemberRemoved) {
			t.Errorf("n1 joins under its old id: %v", err)
		}
	})
}

// TestMembers_RefuseWhoMayNotJoin: nothing is left behind of a failure.
func TestMembers_RefuseWhoMayNotJoin(t *testing.T) {
	inCluster(t, signing, three, func(t *testing.T, c *cluster) {
		good := c.token("n4")
		wrong := func(change func(*pki.JoinToken)) pki.JoinToken {
			bad := good
			change(&bad)
			return bad
		}
		for name, try := range map[string]struct {
			token pki.JoinToken
			id    string
			says  string
		}{
			"a wrong secret": {wrong(func(t *pki.JoinToken) { t.Secret = make([]byte, 20) }), "n4", "secret is wrong"},
			"another CA":     {wrong(func(t *pki.JoinToken) { t.CAs = []string{strings.Repeat("00", 32)} }), "n4", "not of the cluster"},
			"an unknown one": {wrong(func(t *pki.JoinToken) { t.ID = "jt_none" }), "n4", "unknown"},
			"another node":   {good, "n5", "is for node n4"},
			"a taken id":     {c.token(""), "n2", "there is a member n2"},
			"nobody there":   {wrong(func(t *pki.JoinToken) { t.Endpoints = []string{"nowhere:1"} }), "n4", "no member let this node in"},
		} {
			_, err := c.ask(try.token, try.id)
			if err == nil || !strings.Contains(err.Error(), try.says) {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := os.Stat(filepath.Join(c.folder(try.id), raftDir)); err == nil {
				t.Errorf("%s: a folder is left behind", name)
			}
		}
		if _, err := c.ask(good, "n4"); err != nil {
			t.Fatal(err)
		}
		os.RemoveAll(filepath.Join(c.dir, "n4"))
		if _, err := c.ask(good, "n4"); !refusedWith(err, fsm.JoinRefused) {
			t.Errorf("the token a second time: %v", err)
		}
		old := c.tokenFor("", time.Minute)
		time.Sleep(time.Minute + time.Second)
		if _, err := c.ask(old, "n5"); !refusedWith(err, fsm.JoinRefused) {
			t.Errorf("an expired token: %v", err)
		}
	})
}

// TestMembers_AJoinedNodeThatLostItsDiskHasNoVote: neither with its whole folder
// gone nor with its log alone.
func TestMembers_AJoinedNodeThatLostItsDiskHasNoVote(t *testing.T) {
	inCluster(t, signing, three, func(t *testing.T, c *cluster) {
		c.admit("n4")
		c.voters("n1", "n2", "n3", "n4")
		c.crash("n4")
		for _, lost := range []string{filepath.Join("n4", raftDir, "raft.db"), "n4"} {
			if err := os.RemoveAll(filepath.Join(c.dir, lost)); err != nil {
				t.Fatal(err)
			}
			if err := c.start("n4"); err == nil || !strings.Contains(err.Error(), "under a new id") {
				t.Errorf("n4 without %s: %v", lost, err)
			}
		}
		c.mustGrant(c.leader())
	})
}

// TestMembers_ChangeUnderLoadWithLeadersKilled: members come and go while leaders
// die, and what was acknowledged is there once.
func TestMembers_ChangeUnderLoadWithLeadersKilled(t *testing.T) {
	inCluster(t, signing, three, func(t *testing.T, c *cluster) {
		ctx, cancel := context.WithCancel(t.Context())
		var load sync.WaitGroup
		var mu sync.Mutex
		acknowledged, unknown := int64(0), int64(0)
		for w := range 4 {
			load.Go(func() {
				for ctx.Err() == nil {
					nodes := append(c.others(""), c.leader())
					_, err := grant(context.WithoutCancel(ctx), nodes[w%len(nodes)])
					mu.Lock()
					switch {
					case err == nil:
						acknowledged++
					case !errors.Is(err, ErrUnavailable):
						unknown++
					}
					mu.Unlock()
					time.Sleep(80 * time.Millisecond)
				}
			})
		}
		gone := "n1"
		for round := range 3 {
			id := "n" + strconv.Itoa(4+round)
			c.admit(id)
			lead := c.leader().cfg.ID
			c.crash(lead)
			c.eventually("another leader", func() bool { return c.leader().cfg.ID != lead })
			if err := c.start(lead); err != nil {
				t.Fatal(err)
			}
			c.eventually(id+" has a vote", func() bool {
				for _, s := range c.leader().Members() {
					if s.ID == id {
						return s.Voter
					}
				}
				return false
			})
			if _, err := c.leader().RemoveMember(t.Context(), gone, false, false); err != nil {
				t.Fatalf("remove %s: %v", gone, err)
			}
			c.eventually(gone+" is told", func() bool {
				select {
				case <-c.node(gone).Removed():
					return true
				default:
					return false
				}
			})
			c.crash(gone)
			gone = "n" + strconv.Itoa(2+round)
		}
		cancel()
		load.Wait()
		c.voters("n4", "n5", "n6")
		c.agree()
		got, err := credits(t.Context(), c.leader(), Linearizable)
		if err != nil || got < 10+acknowledged || got > 10+acknowledged+unknown {
			t.Errorf("%d credits (%v), %d grants were acknowledged and %d are unknown", got, err, acknowledged, unknown)
		}
		if acknowledged < 100 {
			t.Errorf("only %d grants", acknowledged)
		}
	})
}

// TestMembers_OneThatCameWithASnapshotIsFound: a node that was cut off while another
// joined, and hears of it by a snapshot alone, serves when that one leads.
func TestMembers_OneThatCameWithASnapshotIsFound(t *testing.T) {
	edit := func(c *Config) { signing(c); small(c) }
	inCluster(t, edit, three, func(t *testing.T, c *cluster) {
		lead := c.leader()
		away := c.others(lead.cfg.ID)[0]
		c.net.isolate(away.cfg.ID, "n1", "n2", "n3", "n4")
		c.admit("n4")
		c.eventually("n4 has a vote", func() bool { m := lead.Members(); return len(m) == 4 && m[3].Voter })
		joined, want := lead.raft.LastIndex(), int64(10)
		for first := uint64(0); first <= joined; first, _ = lead.db.FirstIndex() { // until the log knows nothing of it any more
			c.mustGrant(lead)
			want++
			time.Sleep(20 * time.Millisecond)
		}
		c.net.heal()
		c.mustCredits(away, want)
		for c.leader().cfg.ID != "n4" {
			if _, err := lead.TransferLeadership(t.Context(), "n4"); err != nil {
				t.Fatal(err)
			}
		}
		c.mustGrant(away)
		c.mustCredits(away, want+1)
	})
}

// TestMembers_DrainAndTransfer: a node that is to be left alone does not lead.
func TestMembers_DrainAndTransfer(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		time.Sleep(2 * time.Second) // the probes
		lead := c.leader()
		if _, err := Apply(t.Context(), lead, fsm.DrainNode{ID: lead.cfg.ID, Draining: true}); err != nil {
			t.Fatal(err)
		}
		c.eventually("it leads no more", func() bool { return c.leader() != lead })
		if err := lead.AwaitDraining(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if _, err := c.leader().TransferLeadership(t.Context(), lead.cfg.ID); !refusedWith(err, fsm.Forbidden) {
			t.Errorf("leadership to a node that is left alone: %v", err)
		}
		if _, err := lead.TransferLeadership(t.Context(), "n9"); !refusedWith(err, fsm.NotFound) {
			t.Errorf("leadership to nobody: %v", err)
		}
		if _, err := Apply(t.Context(), lead, fsm.DrainNode{ID: lead.cfg.ID}); err != nil {
			t.Fatal(err)
		}
		c.eventually("leadership comes back", func() bool {
			to, err := c.node("n2").TransferLeadership(t.Context(), lead.cfg.ID)
			return err == nil && to == lead.cfg.ID
		})
	})
}

// TestMembers_DeadVotersAreRemovedOnlyWhenAskedAndDownToThree holds the report
// and what the leader does by itself.
func TestMembers_DeadVotersAreRemovedOnlyWhenAskedAndDownToThree(t *testing.T) {
	inCluster(t, nil, []string{"n1", "n2", "n3", "n4", "n5"}, func(t *testing.T, c *cluster) {
		time.Sleep(2 * time.Second)
		if a := c.leader().Autopilot(); !a.Healthy || a.Voters != 5 || a.Tolerance != 2 {
			t.Errorf("all are well: %+v", a)
		}
		var dead []string
		for range 2 {
			n := c.others(c.leader().cfg.ID)[0]
			dead = append(dead, n.cfg.ID)
			c.crash(n.cfg.ID)
		}
		time.Sleep(270 * time.Second)
		if a := c.leader().Autopilot(); a.Healthy || a.Tolerance != 0 || strings.Join(a.Failed, " ") != strings.Join(dead, " ") {
			t.Errorf("two are dead: %+v", a)
		}
		if _, err := c.leader().RemoveMember(t.Context(), c.leader().cfg.ID, true, false); !refusedWith(err, fsm.QuorumAtRisk) {
			t.Errorf("a living one of three, forced: %v", err)
		}
		if _, err := Apply(t.Context(), c.leader(), fsm.SetAutopilot{Autopilot: fsm.Autopilot{RemoveDeadAfter: int64(5 * time.Minute)}}); err != nil {
			t.Fatal(err)
		}
		c.eventually("three are left", func() bool { return c.leader().Autopilot().Voters == 3 })
		n := c.others(c.leader().cfg.ID)[0]
		c.crash(n.cfg.ID)
		time.Sleep(6 * time.Minute)
		if a := c.leader().Autopilot(); a.Voters != 3 || len(a.Failed) != 1 {
			t.Errorf("the third may not go: %+v", a)
		}
	})
}

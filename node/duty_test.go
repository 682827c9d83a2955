package node

import (
	"bytes"
	"context"
	"testing"
	"time"
)

func TestWhileLeader_RunsOnOneNodeOnceATermAndEndsWithIt(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		running := map[string]bool{}
		runs := 0
		for _, n := range c.others("") {
			n.WhileLeader("test", func(ctx context.Context, term uint64) {
				// A leadership may end before its duty has begun; its context has ended then.
				if now, _ := n.lead.current(); now != term && ctx.Err() == nil {
					t.Errorf("%s runs the duty of term %d in term %d", n.cfg.ID, term, now)
				}
				c.mu.Lock()
				running[n.cfg.ID] = true
				runs++
				c.mu.Unlock()
				<-ctx.Done()
				c.mu.Lock()
				delete(running, n.cfg.ID)
				c.mu.Unlock()
			})
		}
		for turn := range 3 {
			lead := c.leader()
			time.Sleep(time.Second)
			c.mu.Lock()
			if !running[lead.cfg.ID] || len(running) != 1 || runs != turn+1 {
				t.Errorf("turn %d: %s leads, running at %v, %d runs", turn, lead.cfg.ID, running, runs)
			}
			c.mu.Unlock()
			if err := lead.transferTo(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			for c.leader() == lead {
				time.Sleep(time.Millisecond)
			}
		}
	})
}

// A single voter sends no heartbeats, so hours pass in no time.
func TestTimers_FireWhenDueAndNotBefore(t *testing.T) {
	calm := func(c *Config) {
		c.Timing.Heartbeat, c.Timing.SnapshotEvery, c.Timing.Probe, c.Timing.Scrub = 10*time.Second, time.Hour, 10*time.Minute, time.Hour
	}
	inCluster(t, calm, []string{"n1"}, func(t *testing.T, c *cluster) {
		n := c.node("n1")
		due := n.nextTimer.at.Load()
		if due == 0 {
			t.Fatal("no timer after the first registration")
		}
		before := n.machine.Index()
		time.Sleep(time.Duration(due-n.clock.now()) - time.Second)
		if at := n.machine.Index(); at != before {
			t.Errorf("%d entries while nothing was due", at-before)
		}
		time.Sleep(2 * time.Second)
		if next := n.nextTimer.at.Load(); next <= due {
			t.Errorf("the timer due at %d has not fired (next %d)", due, next)
		}
		time.Sleep(8 * time.Hour)
		c.mustCredits(n, 10)
		c.mustGrant(n)
		if used := n.machine.Index() - before; used > 20 {
			t.Errorf("%d entries in idle hours", used)
		}
	})
}

func TestStatus_TellsWhoLeadsAndHowFarEachIs(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		c.mustGrant(c.node("n1"))
		c.agree()
		lead := c.leader()
		time.Sleep(2 * time.Second) // everybody has been probed
		c.crash(c.others(lead.cfg.ID)[0].cfg.ID)
		for range 10 {
			c.mustGrant(lead)
		}
		time.Sleep(10 * time.Second)
		s := lead.Status()
		if s.Role != "leader" || s.Leader != lead.cfg.ID || s.Epoch != 1 || s.Bytes == 0 || s.LogBytes == 0 || len(s.Members) != 3 {
			t.Errorf("%+v", s)
		}
		dead := 0
		for _, m := range s.Members {
			if !m.Voter || m.HTTP != "http-"+m.ID || m.Version != "test" {
				t.Errorf("%+v", m)
			}
			switch {
			case !m.Alive:
				dead++
				if m.Lag < 10 || m.Contact < 5*time.Second {
					t.Errorf("a dead member: %+v", m)
				}
			case m.Lag != 0 || m.Hash != s.Hash:
				t.Errorf("a live member: %+v", m)
			}
		}
		if dead != 1 {
			t.Errorf("%d members are dead", dead)
		}
		v, err := lead.Read(t.Context(), Linearizable)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		if m := v.Members(); len(m) != 3 || m[0] != c.introduced("n1", m[0].Since) || m[0].Since == 0 {
			t.Errorf("the machine knows the members as %+v", m)
		}
	})
}

func TestSeal_OpensOnlyWithItsKeyAndForItsPurpose(t *testing.T) {
	key, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	box, err := Seal(key, "jwt", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := Seal(key, "jwt", []byte("secret")); bytes.Equal(again, box) {
		t.Error("the same secret is sealed the same twice")
	}
	if plain, err := Unseal(key, "jwt", box); err != nil || string(plain) != "secret" {
		t.Errorf("%q, %v", plain, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"another key":     func() ([]byte, error) { return Unseal(other, "jwt", box) },
		"another purpose": func() ([]byte, error) { return Unseal(key, "ca", box) },
		"cut short":       func() ([]byte, error) { return Unseal(key, "jwt", box[:5]) },
		"no key":          func() ([]byte, error) { return Unseal(nil, "jwt", box) },
	} {
		if _, err := open(); err == nil {
			t.Errorf("%s opens the secret", name)
		}
	}
}

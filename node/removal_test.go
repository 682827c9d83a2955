package node

import (
	"context"
	"testing"
	"time"

	"stoker/fsm"
)

// A leader that does not hear of its successor must not say of a member that came since that there is none.
func TestRemoval_ADeposedLeaderSaysNothingOfTheMembers(t *testing.T) {
	inCluster(t, signing, three, func(t *testing.T, c *cluster) {
		for range 20 {
			time.Sleep(2 * time.Second) // nothing is on its way that would hold the transfer up
			old := c.leader()
			next := c.others(old.cfg.ID)[0]
			token := c.token("n4")
			for _, id := range three {
				c.net.cut(id, old.cfg.ID)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // less than the lease
			go old.transferTo(ctx, next.cfg.ID)
			c.mustGrant(next)
			if _, fooled := old.lead.current(); !fooled {
				cancel()
				c.net.heal()
				continue
			}
			token.Endpoints = []string{next.cfg.ID}
			if _, err := c.ask(token, "n4"); err != nil {
				t.Fatal(err)
			}
			if _, err := old.RemoveMember(ctx, "n4", false, false); err == nil || refusedWith(err, fsm.NotFound) {
				t.Errorf("the old leader says of a member that has joined: %v", err)
			}
			cancel()
			c.net.heal()
			c.eventually("it is removed", func() bool {
				r, err := old.RemoveMember(t.Context(), "n4", false, false)
				return err == nil && r.Done
			})
			return
		}
		t.Error("no transfer went as meant; this tests nothing")
	})
}

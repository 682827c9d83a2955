package node

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// A new leader holds all that was acknowledged, but it does not know how much of it is committed before an entry of its own is:
// until then it answers no read, however surely it leads.
func TestLead_ServesNothingBeforeItsOwnEntry(t *testing.T) {
	withDisks(t, three, func(t *testing.T, c *cluster, d *disks) {
		old := c.leader()
		next, third := c.others(old.cfg.ID)[0], c.others(old.cfg.ID)[1]
		c.agree()
		d.set(noRoom, third.cfg.ID) // it votes and is heard, and takes no entry
		time.Sleep(2 * time.Second)

		// The next leader has an entry, and does not hear that it is committed.
		c.net.cut(next.cfg.ID, old.cfg.ID)
		acknowledged := make(chan error)
		go func() {
			_, err := grant(t.Context(), old)
			acknowledged <- err
		}()
		time.Sleep(10 * time.Millisecond)
		c.net.cut(old.cfg.ID, next.cfg.ID)
		c.net.mend(next.cfg.ID, old.cfg.ID)
		if err := <-acknowledged; err != nil {
			t.Fatal(err)
		}
		c.net.isolate(old.cfg.ID, three...)
		for next.raft.State() != raft.Leader {
			time.Sleep(10 * time.Millisecond)
		}

		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if got, err := credits(ctx, next, Linearizable); err == nil && got != 11 {
			t.Errorf("a new leader reads %d credits, 11 were acknowledged", got)
		}
		d.set(1000, third.cfg.ID)
		c.net.heal()
		time.Sleep(30 * time.Second)
		c.mustCredits(next, 11)
		c.agree()
	})
}

package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"stoker/fsm"
)

// TestEscort: a companion shares the entry it was asked for and follows what the entry is made of; it is answered once, also where
// the leader cannot tell what has become of it, and happens once at most.
func TestEscort(t *testing.T) {
	inCluster(t, nil, three, func(t *testing.T, c *cluster) {
		gift := fsm.GrantCredits{User: "u", Amount: 100, Reason: "with it"}
		type answer struct {
			fsm.Outcome
			err error
		}
		answers := make(chan answer, 10)
		asked := map[string]int{}
		for _, n := range c.others("") {
			n.Escort(func(entry []fsm.Proposal) *Companion {
				if len(entry) != 1 || entry[0].RequestID != "escorted" {
					return nil
				}
				asked[n.cfg.ID]++
				return &Companion{Proposal: fsm.Propose(gift), Answered: func(o fsm.Outcome, err error) { answers <- answer{o, err} }}
			})
		}
		lead := c.leader()
		follower := c.others(lead.cfg.ID)[0]
		r, err := Apply(t.Context(), follower, fsm.GrantCredits{User: "u", Amount: 1, Reason: "alone"}, RequestID("escorted"))
		if err != nil {
			t.Fatal(err)
		}
		a := <-answers
		u, err := fsm.Answer(gift, a.Outcome)
		if a.err != nil || err != nil || a.Index != r.Index || u.Credits != r.Answer.Credits+100 {
			t.Fatalf("the companion of entry %d, after which there were %d credits: %+v, %+v %v", r.Index, r.Answer.Credits, a, u, err)
		}
		if len(asked) != 1 || asked[lead.cfg.ID] != 1 {
			t.Errorf("asked for a companion: %v, %s leads", asked, lead.cfg.ID)
		}
		had := u.Credits

		// A leader that reaches nobody does not know.
		c.net.isolate(lead.cfg.ID, three...)
		short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := Apply(short, lead, fsm.GrantCredits{User: "u", Amount: 1, Reason: "cut off"}, RequestID("escorted")); !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("a cut leader's write: %v", err)
		}
		time.Sleep(5 * time.Second)
		if a := <-answers; !errors.Is(a.err, errFateUnknown) {
			t.Errorf("its companion: %+v", a)
		}
		c.net.heal()
		now := c.mustGrant(c.leader()).Answer.Credits
		if gone := now - had; gone != 1 && gone != 102 {
			t.Errorf("%d credits are new: an entry and its companion happen together or not at all", gone)
		}
		if len(answers) > 0 {
			t.Errorf("answered once more: %+v", <-answers)
		}
		c.agree()
	})
}

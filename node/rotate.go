package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"stoker/fsm"
	"stoker/pki"
)

// RotateCA has a new CA take over, which goes on by itself (see fsm.Trust) and is
// done when every member has a certificate of it; members named in without are
// not waited for, and can no longer speak to the others when it is done. While
// one takes over already, only that list is changed, if one is given.
func (n *Node) RotateCA(ctx context.Context, without []string, opts ...Option) (fsm.Trust, error) {
	if err := n.canLeaveBehind(without); err != nil {
		return fsm.Trust{}, err
	}
	v, err := n.Read(ctx, Linearizable)
	if err != nil {
		return fsm.Trust{}, err
	}
	t, rotated := v.Trust()
	v.Close()
	if rotated && t.Phase != fsm.Settled {
		if len(without) == 0 || slices.Equal(without, t.Without) {
			return t, nil
		}
		r, err := Apply(ctx, n, fsm.StepCA{CA: fsm.AuthorityID(t.CA), To: t.Phase, Without: without}, opts...)
		return r.Answer, err
	}
	ca, err := pki.NewAuthority(n.cfg.Wall())
	if err != nil {
		return fsm.Trust{}, err
	}
	key, err := ca.KeyPEM()
	if err != nil {
		return fsm.Trust{}, err
	}
	c := fsm.RotateCA{Cert: ca.Cert.Raw, Without: without}
	if c.Sealed, c.SealKey, err = n.SealFor(fsm.UseCA, key); err != nil {
		return fsm.Trust{}, err
	}
	r, err := Apply(ctx, n, c, opts...)
	return r.Answer, err
}

// canLeaveBehind refuses names that are no members', and too many.
func (n *Node) canLeaveBehind(without []string) error {
	voters, left := 0, 0
	seats := n.Members()
	for _, s := range seats {
		if s.Voter {
			voters++
			if !slices.Contains(without, s.ID) {
				left++
			}
		}
	}
	for _, id := range without {
		if !slices.ContainsFunc(seats, func(s Seat) bool { return s.ID == id }) {
			return wrong("without", "%q is no member; `stoker cert status` lists them", id)
		}
	}
	if left <= voters/2 {
		return wrong("without", "%d of %d voters would be left, which is no majority: bring back what can be", left, voters)
	}
	return nil
}

// wrong refuses a request for one field.
func wrong(field, format string, args ...any) *fsm.Refusal {
	r := fsm.Refuse(fsm.ValidationFailed, field+": "+format, args...)
	r.Fields = []fsm.Field{{Field: field, Reason: fmt.Sprintf(format, args...)}}
	return r
}

// caCheck is how often the leader looks whether the CA itself runs out.
const caCheck = time.Hour

// replaceCA is the leader's duty: it takes a new CA from phase to phase, and
// brings one in good time before the present one ends.
func (n *Node) replaceCA(ctx context.Context, _ uint64) {
	told, checked := "", time.Time{}
	for ctx.Err() == nil {
		v := n.machine.View()
		t, rotated := v.Trust()
		v.Close()
		switch {
		case rotated && t.Phase != fsm.Settled:
			if late := strings.Join(n.late(t), ", "); late != "" {
				if late != told {
					n.log.Info("a new CA is taking over", "phase", t.Phase, "waiting_for", late)
				}
				told = late
			} else if _, err := Apply(ctx, n, fsm.StepCA{CA: fsm.AuthorityID(t.CA), To: after(t.Phase), Without: t.Without}, By("system")); err != nil {
				n.log.Warn("the new CA's next phase", "phase", after(t.Phase), "err", err)
			} else {
				n.log.Info("a new CA is taking over", "phase", after(t.Phase))
			}
		case time.Since(checked) >= caCheck:
			checked = time.Now()
			if err := n.renewCA(ctx); err != nil && ctx.Err() == nil {
				n.log.Warn("the cluster's CA runs out and is not replaced; see `stoker cert status`", "err", err)
			}
		}
		select {
		case <-time.After(n.cfg.Timing.Probe):
		case <-ctx.Done():
		}
	}
}

func after(p fsm.Phase) fsm.Phase {
	if p == fsm.Trusting {
		return fsm.Signing
	}
	return fsm.Settled
}

// late are the members that a new CA waits for: those that have not done their
// part of its phase, and those that do not answer.
func (n *Node) late(t fsm.Trust) (ids []string) {
	ca := fsm.AuthorityID(t.CA)
	for _, s := range n.Members() {
		if slices.Contains(t.Without, s.ID) {
			continue
		}
		r, fresh := n.heardOf(s.ID)
		ready := slices.Contains(r.Trusts, ca)
		if t.Phase == fsm.Signing {
			ready = r.Issuer == ca
		}
		if !fresh || !ready {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// heardOf is what a member said of itself lately; this node too.
func (n *Node) heardOf(id string) (report, bool) {
	if id == n.cfg.ID {
		return n.report(), true
	}
	h, fresh := n.peers.get(id, freshFor*n.cfg.Timing.Probe)
	return h.report, fresh
}

// renewCA brings a new CA when the present one would cut short the certificates
// that it signs a certificate's life from now.
func (n *Node) renewCA(ctx context.Context) error {
	ca, err := n.authority()
	if err != nil || ca.Cert.NotAfter.Sub(n.cfg.Wall()) > 2*n.cfg.Timing.CertLife {
		return nil // without a CA of its own the cluster renews nothing, and says so elsewhere
	}
	_, err = n.RotateCA(ctx, nil, By("system"))
	return err
}

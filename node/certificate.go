package node

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"stoker/fsm"
	"stoker/pki"
)

// pathSign is where the leader signs members' certificates.
const pathSign = "/node/sign"

// slowest is how long a node waits at most before it tries again to have its
// certificate renewed.
const slowest = time.Minute

// tendIdentity keeps this node's certificate from running out and follows the
// cluster from one CA to the next, until ctx ends.
func (n *Node) tendIdentity(ctx context.Context) {
	pause := n.cfg.Timing.Probe
	for {
		if err := n.tend(ctx); err == nil {
			pause = n.cfg.Timing.Probe
		} else if ctx.Err() == nil {
			n.log.Warn("this node's certificate is not renewed", "until", n.cfg.TLS.show().Leaf.NotAfter, "err", err)
			pause = min(2*pause, slowest)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// tend does what is due. The order is what makes it safe: a CA is believed
// before anybody shows a certificate of it, and the old one is dropped when
// nobody shows one any more (see fsm.Trust, whose phases say when that is).
func (n *Node) tend(ctx context.Context) error {
	v := n.machine.View()
	t, rotated := v.Trust()
	v.Close()
	var ca *x509.Certificate
	if rotated {
		var err error
		if ca, err = x509.ParseCertificate(t.CA); err != nil {
			return fmt.Errorf("node: the new CA: %w", err)
		}
		if cas := n.cfg.TLS.trusted(); !slices.ContainsFunc(cas, ca.Equal) {
			if err := n.cfg.TLS.trust(append(slices.Clone(cas), ca)); err != nil {
				return err
			}
			n.log.Info("another CA is believed", "ca", pki.Fingerprint(ca))
		}
	}
	mine := n.cfg.TLS.now.Load()
	if mine.runsOut(n.cfg.Wall()) || rotated && t.Phase != fsm.Trusting && !mine.from(ca) {
		if err := n.renew(ctx); err != nil {
			return err
		}
	}
	if mine = n.cfg.TLS.now.Load(); rotated && t.Phase == fsm.Settled && mine.from(ca) && len(mine.cas) > 1 {
		if err := n.cfg.TLS.trust([]*x509.Certificate{ca}); err != nil {
			return err
		}
		n.log.Info("older CAs are believed no more", "ca", pki.Fingerprint(ca))
	}
	return nil
}

// runsOut says whether less than a third of the certificate's life is left, and
// another one would last longer.
func (c *credentials) runsOut(now time.Time) bool {
	leaf := c.cert.Leaf
	return now.After(pki.RenewAt(leaf)) && (c.issuer == nil || c.issuer.NotAfter.After(leaf.NotAfter))
}

// from says whether ca has signed the certificate.
func (c *credentials) from(ca *x509.Certificate) bool { return c.issuer != nil && c.issuer.Equal(ca) }

// renew has the leader sign a certificate for a new key, and takes it.
func (n *Node) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Timing.Patience)
	defer cancel()
	key, err := pki.NewKey()
	if err != nil {
		return err
	}
	request, err := pki.Request(key, n.cfg.ID)
	if err != nil {
		return err
	}
	leader, err := n.leader.await(ctx)
	if err != nil {
		return unavailable("no leader", err)
	}
	var signed []byte
	if leader == n.cfg.ID {
		signed, err = n.signNode(request, n.cfg.ID)
	} else {
		signed, err = n.ask(ctx, leader, pathSign, request)
	}
	if err != nil {
		return err
	}
	keyPEM, err := pki.EncodeKey(key)
	if err != nil {
		return err
	}
	if err := n.cfg.TLS.replace(n.cfg.ID, signed, keyPEM); err != nil {
		return err
	}
	now := n.cfg.TLS.show().Leaf
	n.log.Info("this node has a new certificate", "serial", now.SerialNumber.Text(16), "until", now.NotAfter)
	return nil
}

const maxRequest = 16 << 10 // bytes of a certificate request

// serveSign signs a member's certificate: its own, by the certificate it came with.
func (n *Node) serveSign(w http.ResponseWriter, r *http.Request) {
	request, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	signed, err := n.signNode(request, Caller(r))
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Write(signed)
}

// IssueCertificate signs a certificate for a member that cannot have its own
// renewed: it was away for too long. It gives the CAs to be believed as well.
func (n *Node) IssueCertificate(ctx context.Context, request []byte, id string, opts ...Option) (certPEM, caPEM []byte, err error) {
	if !slices.ContainsFunc(n.Members(), func(s Seat) bool { return s.ID == id }) {
		return nil, nil, fsm.Refuse(fsm.NotFound, "no member %.80q", id)
	}
	if _, err := pki.CheckRequest(request); err != nil {
		return nil, nil, wrong("request", "%v", err)
	}
	// In the audit log before it exists; and this node has seen which CA signs now.
	if _, err := Apply(ctx, n, fsm.Note{Action: "IssueCertificate", Subject: id}, opts...); err != nil {
		return nil, nil, err
	}
	v, err := n.Read(ctx, Linearizable)
	if err != nil {
		return nil, nil, err
	}
	v.Close()
	if certPEM, err = n.signNode(request, id); err != nil {
		return nil, nil, err
	}
	return certPEM, pki.EncodeCerts(n.cfg.TLS.trusted()...), nil
}

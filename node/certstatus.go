package node

import (
	"crypto/x509"
	"time"

	"stoker/fsm"
	"stoker/pki"
)

// Certificates is how the cluster stands with its certificates.
type Certificates struct {
	CA         string        `json:"ca"` // fingerprint of the one that signs; "": the cluster has none of its own
	CANotAfter *time.Time    `json:"ca_not_after"`
	CAPEM      string        `json:"ca_pem"`      // all that are believed on this node
	Phase      fsm.Phase     `json:"phase"`       // of a new CA; "settled" when none is taking over
	Next       string        `json:"next"`        // fingerprint of the one that is taking over
	Since      *time.Time    `json:"since"`       // of the phase; null while no CA was ever replaced
	Without    []string      `json:"without"`     // members that are not waited for
	WaitingFor []string      `json:"waiting_for"` // members that are
	Nodes      []Certificate `json:"nodes"`
}

// Certificate is a member's, as it said of itself.
type Certificate struct {
	ID       string     `json:"id"`
	Alive    bool       `json:"alive"`
	Subject  string     `json:"subject"`
	Serial   string     `json:"serial"`    // hex
	Issuer   string     `json:"issuer"`    // fingerprint of the CA
	NotAfter *time.Time `json:"not_after"` // null for a member that was never heard of
	Trusts   []string   `json:"trusts"`    // fingerprints of CAs
}

// certified is a certificate in a report.
func (c *credentials) certified() (der []byte, issuer string, trusts []string) {
	if len(c.cert.Certificate) > 0 {
		der = c.cert.Certificate[0]
	}
	if c.issuer != nil {
		issuer = pki.Fingerprint(c.issuer)
	}
	for _, ca := range c.cas {
		trusts = append(trusts, pki.Fingerprint(ca))
	}
	return der, issuer, trusts
}

// Certificates gathers. It asks nobody: of the others it says what they last said.
func (n *Node) Certificates() Certificates {
	v := n.machine.View()
	t, rotated := v.Trust()
	v.Close()
	out := Certificates{
		Phase: fsm.Settled, CAPEM: string(pki.EncodeCerts(n.cfg.TLS.trusted()...)),
		Without: []string{}, WaitingFor: []string{}, Nodes: []Certificate{},
	}
	if ca, err := n.authority(); err == nil {
		out.CA, out.CANotAfter = pki.Fingerprint(ca.Cert), &ca.Cert.NotAfter
	}
	if rotated {
		since := time.Unix(0, t.Since).UTC()
		out.Phase, out.Since = t.Phase, &since
		if t.Phase != fsm.Settled {
			out.Next = fsm.AuthorityID(t.CA)
			out.Without = append(out.Without, t.Without...)
			out.WaitingFor = append(out.WaitingFor, n.late(t)...)
		}
	}
	for _, s := range n.Members() {
		r, fresh := n.heardOf(s.ID)
		c := Certificate{ID: s.ID, Alive: fresh, Issuer: r.Issuer, Trusts: append([]string{}, r.Trusts...)}
		if leaf, err := x509.ParseCertificate(r.Cert); err == nil {
			c.Subject, c.Serial, c.NotAfter = leaf.Subject.String(), leaf.SerialNumber.Text(16), &leaf.NotAfter
		}
		out.Nodes = append(out.Nodes, c)
	}
	return out
}

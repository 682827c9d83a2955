package node

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync/atomic"

	"stoker/pki"
)

// Identity is who this node is on the cluster port, and whom it believes there.
// It changes while the node runs: a handshake takes what holds at that moment,
// and connections that stand go on.
type Identity struct {
	files *IdentityFiles // where it is kept; nil: nowhere
	now   atomic.Pointer[credentials]
}

// credentials never change; an Identity is given others.
type credentials struct {
	cert   tls.Certificate
	issuer *x509.Certificate // which of cas has signed it; nil: one in between has, or it is not theirs
	cas    []*x509.Certificate
	pool   *x509.CertPool
}

// ParseTLS makes Config.TLS of PEM, kept nowhere: the cluster's CA certificates, the node's
// certificate (URI stoker://node/<id>, for server and client authentication)
// and its key.
func ParseTLS(caPEM, certPEM, keyPEM []byte) (*Identity, error) {
	cas, err := pki.ParseCerts(caPEM)
	if err != nil {
		return nil, fmt.Errorf("node: the CA file: %w", err)
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("node: certificate and key: %w", err)
	}
	if _, err := pki.NodeID(cert.Leaf); err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	return newIdentity(cert, cas), nil
}

func newIdentity(cert tls.Certificate, cas []*x509.Certificate) *Identity {
	i := &Identity{}
	i.set(cert, cas)
	return i
}

func (i *Identity) set(cert tls.Certificate, cas []*x509.Certificate) {
	c := &credentials{cert: cert, cas: cas, pool: x509.NewCertPool()}
	for _, ca := range cas {
		c.pool.AddCert(ca)
		if cert.Leaf != nil && cert.Leaf.CheckSignatureFrom(ca) == nil {
			c.issuer = ca
		}
	}
	i.now.Store(c)
}

// trusted are the CAs whose nodes are let in.
func (i *Identity) trusted() []*x509.Certificate { return i.now.Load().cas }

// trustedPEM is what the CA file of a member holds.
func (i *Identity) trustedPEM() []byte { return pki.EncodeCerts(i.trusted()...) }

// show is the certificate for a handshake.
func (i *Identity) show() *tls.Certificate { return &i.now.Load().cert }

// believe checks the other side's certificate: a CA that is trusted now has
// signed it, for this use, and for the node role. It gives the node's id.
func (i *Identity) believe(chain []*x509.Certificate, use x509.ExtKeyUsage) (string, error) {
	inter := x509.NewCertPool()
	for _, c := range chain[1:] {
		inter.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         i.now.Load().pool,
		Intermediates: inter,
		KeyUsages:     []x509.ExtKeyUsage{use},
	}); err != nil {
		return "", err
	}
	id, err := pki.NodeID(chain[0])
	if err != nil {
		return "", fmt.Errorf("node: %w", err)
	}
	return id, nil
}

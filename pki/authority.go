package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"slices"
	"time"
)

// How long certificates hold. A node's is renewed when a third of its life is
// left, so that a cluster may be off for months; see docs/certificates.md for
// longer.
const (
	CALife   = 10 * 365 * 24 * time.Hour
	NodeLife = 365 * 24 * time.Hour
)

// backdated is how far in the past a certificate begins: clocks differ by less.
const backdated = time.Hour

// Authority is a CA with its key.
type Authority struct {
	Cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes a CA that holds from now on for CALife.
func NewAuthority(now time.Time) (*Authority, error) {
	key, err := NewKey()
	if err != nil {
		return nil, fmt.Errorf("cluster CA: %w", err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Stoker cluster CA"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(CALife),
	}
	cert, err := sign(template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("cluster CA: %w", err)
	}
	return &Authority{Cert: cert, key: key}, nil
}

// OpenAuthority joins a CA's key (PKCS #8 PEM) with its certificate, which it
// finds among certs.
func OpenAuthority(keyPEM []byte, certs []*x509.Certificate) (*Authority, error) {
	key, err := ParseKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("the CA's key: %w", err)
	}
	for _, c := range certs {
		if key.PublicKey.Equal(c.PublicKey) {
			return &Authority{Cert: c, key: key}, nil
		}
	}
	return nil, errors.New("the CA's key belongs to none of the CA certificates at hand")
}

// KeyPEM is the CA's private key.
func (a *Authority) KeyPEM() ([]byte, error) { return EncodeKey(a.key) }

// SignNode makes the certificate of node id for its public key. hosts are the
// names and addresses it is reached at.
func (a *Authority) SignNode(public crypto.PublicKey, id string, hosts []string, now time.Time, life time.Duration) (*x509.Certificate, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: id},
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		URIs:                  []*url.URL{{Scheme: "stoker", Host: "node", Path: "/" + id}},
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(life),
	}
	if template.NotAfter.After(a.Cert.NotAfter) {
		template.NotAfter = a.Cert.NotAfter
	}
	if !template.NotAfter.After(now) {
		return nil, fmt.Errorf("the cluster's CA has expired on %s", a.Cert.NotAfter.Format(time.DateOnly))
	}
	for _, host := range hosts {
		ip := net.ParseIP(host)
		switch {
		case ip == nil && !slices.Contains(template.DNSNames, host):
			template.DNSNames = append(template.DNSNames, host)
		case ip != nil && !slices.ContainsFunc(template.IPAddresses, ip.Equal):
			template.IPAddresses = append(template.IPAddresses, ip)
		}
	}
	return sign(template, a.Cert, public, a.key)
}

// sign gives the template a random serial number and signs it.
// Issue makes a key, in PEM, and node id's certificate for it: for whoever holds CA and node in one hand.
func (a *Authority) Issue(id string, hosts []string, now time.Time, life time.Duration) (cert *x509.Certificate, key []byte, err error) {
	private, err := NewKey()
	if err != nil {
		return nil, nil, err
	}
	if cert, err = a.SignNode(&private.PublicKey, id, hosts, now, life); err != nil {
		return nil, nil, err
	}
	key, err = EncodeKey(private)
	return cert, key, err
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// RenewAt is when a third of a certificate's life is left.
func RenewAt(c *x509.Certificate) time.Time {
	life := c.NotAfter.Sub(c.NotBefore.Add(backdated))
	return c.NotAfter.Add(-life / 3)
}

// NodeID is the id in a certificate's node role.
func NodeID(cert *x509.Certificate) (string, error) {
	for _, u := range cert.URIs {
		if u.Scheme == "stoker" && u.Host == "node" && len(u.Path) > 1 {
			return u.Path[1:], nil
		}
	}
	return "", fmt.Errorf("the certificate of %q does not carry the node role (URI stoker://node/<id>)", cert.Subject.CommonName)
}

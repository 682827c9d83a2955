package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"sync"
	"time"

	"stoker/fsm"
	"stoker/pki"
)

// authority signs certificates that hold inside a bubble, where it is the year 2000.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

var testCA = sync.OnceValue(func() *authority { return newAuthority("test CA") })

func newAuthority(name string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, key.Public(), key)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// sealed is the key as Genesis carries it, under a seal key of zeros.
func (a *authority) sealed() []byte {
	k, err := pki.EncodeKey(a.key)
	must(err)
	sealed, err := Seal(make([]byte, 32), fsm.UseCA, k)
	must(err)
	return sealed
}

// issue gives certificate and key in PEM, for a role URI.
func (a *authority) issue(role string) (certPEM, keyPEM []byte) {
	return a.issueFor(role, time.Unix(0, 0), time.Unix(1<<33, 0))
}

func (a *authority) issueFor(role string, from, until time.Time) (certPEM, keyPEM []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	u, err := url.Parse(role)
	must(err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: role}, URIs: []*url.URL{u},
		NotBefore: from, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, key.Public(), a.key)
	must(err)
	k, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k})
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

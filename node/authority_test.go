package node

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"stoker/pki"
)

func TestSignNode_TakesTheKeyAndNothingElseOfARequest(t *testing.T) {
	inCluster(t, nil, []string{"n1"}, func(t *testing.T, c *cluster) {
		key, err := pki.NewKey()
		must(err)
		asks, err := pki.Request(key, "n2") // the name in a request is not looked at
		must(err)
		n := c.node("n1")
		signed, err := n.signNode(asks, "n1")
		if err != nil {
			t.Fatal(err)
		}
		certs, err := pki.ParseCerts(signed)
		must(err)
		cert := certs[0]
		if id, err := pki.NodeID(cert); id != "n1" || err != nil || cert.Subject.CommonName != "n1" {
			t.Errorf("it is for %q (%v, %s)", id, err, cert.Subject)
		}
		if !key.PublicKey.Equal(cert.PublicKey) || cert.IsCA {
			t.Error("another key, or a CA")
		}
		if life := cert.NotAfter.Sub(time.Now()).Round(time.Hour); life != pki.NodeLife || time.Since(cert.NotBefore) < time.Hour {
			t.Errorf("it holds from %s to %s", cert.NotBefore, cert.NotAfter)
		}
		chain := []*x509.Certificate{cert}
		for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
			if _, err := testTLS("n1").believe(chain, use); err != nil {
				t.Error(err)
			}
		}
		asks[len(asks)-1] ^= 1
		if _, err := n.signNode(asks, "n1"); err == nil || !strings.Contains(err.Error(), "request") {
			t.Errorf("a request with a broken signature: %v", err)
		}
	})
}

//go:build slow

package acceptance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stoker/cli/local"
	"stoker/pki"
)

// TestSlowCert_RotateUnderWrites: every request that is sent while a new CA takes over is answered, by every node.
func TestSlowCert_RotateUnderWrites(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, binary)
	c.begin(t)
	tellers := []*teller{c.hire(t, 0), c.hire(t, 1), c.hire(t, 2)}
	working, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, k := range tellers {
		all.Go(func() { k.work(working) })
	}
	defer all.Wait()
	defer stop()

	old := c.caOf(t, 0)
	for range 2 { // the second begins where the first one ended
		advance(t, tellers, 3)
		if said := c.told(t, "", "cert", "rotate"); !strings.Contains(said, "has taken over on every node") {
			t.Errorf("rotate: %s", said)
		}
	}
	advance(t, tellers, 3)
	stop()
	all.Wait()
	for _, k := range tellers {
		k.audit(t)
		for _, g := range k.grants {
			if g.heard != yes {
				t.Errorf("%s: answered with %.200s", g.reason, g.answer)
			}
		}
	}
	eventually(t, "every folder holds the new CA alone", func() bool {
		for node := range c.Nodes {
			if now := c.caOf(t, node); strings.Count(now, "BEGIN") != 1 || now == old || now != c.caOf(t, 0) {
				return false
			}
		}
		return true
	})
	if printed := c.told(t, "", "cert", "ca"); printed+"\n" != c.caOf(t, 0) {
		t.Errorf("cert ca: %s", printed)
	}
	for node := range c.Nodes { // what is in the folders is enough to come back with
		c.bounce(t, node)
	}
	c.agree(t)
}

// caOf is what a node's folder believes.
func (c *cluster) caOf(t *testing.T, node int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.Dir, c.Nodes[node].ID, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSlowCert_LeftBehindAndBroughtBack: a node that a rotation did not wait for is let in again by `stoker cert issue`, and one
// whose whole cluster is down signs for itself.
func TestSlowCert_LeftBehindAndBroughtBack(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, binary)
	c.begin(t)
	u := c.user(t)
	gone := (c.leader(t) + 1) % 3
	id := c.Nodes[gone].ID
	c.Nodes[gone].Kill()
	if waiting := c.fails(t, "cert", "rotate", "--wait", "2s", "--operator", filepath.Join(c.Dir, "operator.toml")); !strings.Contains(waiting, "goes on by itself") {
		t.Errorf("it did not wait: %s", waiting)
	}
	c.told(t, "", "cert", "rotate", "--without", id)
	folder := filepath.Join(c.Dir, id)
	c.told(t, "", "cert", "issue", id, "--out", folder)
	if err := c.Nodes[gone].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	u.me(t, gone)
	c.agree(t)
	eventually(t, "all three have a certificate that is in order", func() bool {
		return strings.Count(c.told(t, "", "cert", "status"), " ok ") == 3
	})

	if err := c.Stop(t.Context()); err != nil { // in order, so that the states on disk know the new CA
		t.Fatal(err)
	}
	for _, n := range c.Nodes {
		path := filepath.Join(c.Dir, n.ID, "node.crt")
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c.told(t, "", "cert", "sign", "--config", filepath.Join(c.Dir, n.ID, "stoker.toml"))
		if is, err := os.ReadFile(path); err != nil || string(is) == string(was) {
			t.Errorf("%s has no new certificate (%v)", n.ID, err)
		}
	}
	c.begin(t)
	u.me(t, 0)
}

// TestSlowCert_PublicTLSOutOfFiles: a certificate that is replaced is shown a moment later.
func TestSlowCert_PublicTLSOutOfFiles(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1, binary)
	n := c.Nodes[0]
	dir := filepath.Join(c.Dir, n.ID)
	roots := x509.NewCertPool()
	issue := func() *x509.Certificate {
		ca, err := pki.NewAuthority(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		cert, key, err := ca.Issue("public", nil, time.Now(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(os.WriteFile(filepath.Join(dir, "public.key"), key, 0o600),
			os.WriteFile(filepath.Join(dir, "public.crt"), pki.EncodeCerts(cert), 0o600))
		if err != nil {
			t.Fatal(err)
		}
		roots.AddCert(ca.Cert)
		return cert
	}
	first := issue()
	p, err := local.Launch(local.Command{
		Name: n.ID, Path: binary, Log: filepath.Join(c.Dir, "tls.log"),
		Args: []string{"serve", "--config", filepath.Join(dir, "stoker.toml"), "--tls-cert", filepath.Join(dir, "public.crt"), "--tls-key", filepath.Join(dir, "public.key")},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	shown := func() (serial, hsts string) {
		client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}}
		res, err := client.Get("https://" + strings.TrimPrefix(n.HTTP, "http://") + "/ready")
		if err != nil {
			return "", ""
		}
		defer res.Body.Close()
		if res.StatusCode != 200 {
			return "", ""
		}
		return res.TLS.PeerCertificates[0].SerialNumber.String(), res.Header.Get("Strict-Transport-Security")
	}
	eventually(t, "the node answers over TLS", func() bool {
		serial, hsts := shown()
		return serial == first.SerialNumber.String() && hsts != ""
	})
	second := issue()
	eventually(t, "the new certificate is shown", func() bool { serial, _ := shown(); return serial == second.SerialNumber.String() })
}

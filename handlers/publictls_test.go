package handlers

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/fsm"
	"stoker/pki"
)

// publicPair writes a certificate for localhost and its key, of a CA of its own.
func publicPair(t *testing.T, dir string) *x509.Certificate {
	t.Helper()
	ca, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Issue("public", nil, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(-time.Duration(cert.SerialNumber.Bytes()[0]) * time.Minute) // file systems' clocks are coarse
	for name, text := range map[string][]byte{"tls.crt": pki.EncodeCerts(cert), "tls.key": key} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, later, later); err != nil {
			t.Fatal(err)
		}
	}
	return ca.Cert
}

// trusting is a client that believes one CA, and opens a connection for each request.
func trusting(ca *x509.Certificate, name string) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: name},
	}}
}

func TestTLS_OfFiles(t *testing.T) {
	dir := t.TempDir()
	ca := publicPair(t, dir)
	h := newHouse(t, func(_ *fsm.Settings, c *Config) {
		c.TLS = TLS{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	})
	h.base, h.client = "https://"+h.server.Addr(), trusting(ca, "localhost")
	health := h.do(ask{method: "GET", path: "/health"})
	if got := health.header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("HSTS is %q", got)
	}
	_, job := h.signUp("free").newJob(1)
	if url := job.Data["presigned_urls"].([]any)[0].(map[string]any)["url"].(string); !strings.HasPrefix(url, "https://") {
		t.Errorf("a presigned URL is %s", url)
	}
	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	if conn, err := tls.Dial("tcp", h.server.Addr(), old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
	if res, err := http.Get("http://" + h.server.Addr() + "/health"); err == nil {
		res.Body.Close()
		if res.StatusCode < 400 {
			t.Errorf("plain HTTP is answered with %d", res.StatusCode)
		}
	}
}

// TestPairFiles_AreReadAgainWhenTheyChange: a pair that does not fit changes nothing.
func TestPairFiles_AreReadAgainWhenTheyChange(t *testing.T) {
	dir := t.TempDir()
	p := &pairFiles{cert: filepath.Join(dir, "tls.crt"), key: filepath.Join(dir, "tls.key"), log: slog.New(slog.DiscardHandler)}
	if err := p.load(); err == nil {
		t.Error("loaded what is not there")
	}
	shown := func() string {
		p.looked = time.Time{} // some time has gone by
		c, err := p.certificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.SerialNumber.String()
	}
	publicPair(t, dir)
	if err := p.load(); err != nil {
		t.Fatal(err)
	}
	first := shown()
	if again := shown(); again != first {
		t.Error("another certificate, out of the same files")
	}
	key, err := os.ReadFile(p.key)
	if err != nil {
		t.Fatal(err)
	}
	publicPair(t, dir)
	next, err := os.ReadFile(p.key)
	if err != nil {
		t.Fatal(err)
	}
	// The certificate has been replaced and the key not yet.
	if err := os.WriteFile(p.key, key, 0o600); err != nil {
		t.Fatal(err)
	}
	if shown() != first {
		t.Error("a pair that does not fit was taken")
	}
	if err := os.WriteFile(p.key, append(next, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if shown() == first {
		t.Error("the new pair was not taken")
	}
	if err := os.Remove(p.cert); err != nil {
		t.Fatal(err)
	}
	shown()
}

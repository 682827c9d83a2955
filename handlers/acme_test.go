package handlers

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/acme"

	"stoker/fsm"
	"stoker/pki"
)

// directory is an ACME directory (RFC 8555) that issues for whoever passes its
// challenge TLS-ALPN-01 (RFC 8737), which it really makes: it dials the port and
// looks at the certificate. It checks no signatures of requests; the client of
// x/crypto makes them, and real directories check them.
type directory struct {
	t    *testing.T
	url  string
	dial string // where its challenges are answered
	ca   *pki.Authority
	key  *ecdsa.PrivateKey

	mu      sync.Mutex
	account crypto.PublicKey
	domain  string
	passed  bool
	chain   []byte
	orders  int
}

const token = "token-of-the-challenge"

func newDirectory(t *testing.T) *directory {
	ca, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text, err := ca.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	d := &directory{t: t, ca: ca}
	if d.key, err = pki.ParseKey(text); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(d)
	t.Cleanup(s.Close)
	d.url = s.URL
	return d
}

// posted is a request's body; its parts are base64url.
type posted struct{ Protected, Payload string }

func part[T any](text string) (v T) {
	raw, _ := base64.RawURLEncoding.DecodeString(text)
	json.Unmarshal(raw, &v) // nothing, for a POST that only reads
	return v
}

func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var in posted
	json.NewDecoder(r.Body).Decode(&in)
	w.Header().Set("Replay-Nonce", rand.Text())
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v)
	}
	switch r.URL.Path {
	case "/":
		answer(200, m{"newNonce": d.url + "/nonce", "newAccount": d.url + "/account", "newOrder": d.url + "/order", "revokeCert": d.url + "/revoke", "keyChange": d.url + "/key"})
	case "/nonce":
	case "/account":
		head := part[struct {
			JWK struct{ X, Y string }
		}](in.Protected)
		d.account = &ecdsa.PublicKey{Curve: elliptic.P256(), X: number64(head.JWK.X), Y: number64(head.JWK.Y)}
		w.Header().Set("Location", d.url+"/account/1")
		answer(201, m{"status": "valid"})
	case "/order":
		d.domain = part[struct{ Identifiers []struct{ Value string } }](in.Payload).Identifiers[0].Value
		d.orders, d.passed, d.chain = d.orders+1, false, nil
		w.Header().Set("Location", d.url+"/order/1")
		answer(201, d.order())
	case "/order/1":
		w.Header().Set("Location", d.url+"/order/1")
		answer(200, d.order())
	case "/authz/1":
		answer(200, d.authorization())
	case "/challenge/1":
		if err := d.challenge(r.Context()); err != nil {
			d.t.Errorf("the challenge: %v", err)
		} else {
			d.passed = true
		}
		answer(200, d.challenged())
	case "/finalize/1":
		if err := d.issue(part[struct{ CSR string }](in.Payload).CSR); err != nil {
			d.t.Error(err)
		}
		w.Header().Set("Location", d.url+"/order/1")
		answer(200, d.order())
	case "/cert/1":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		w.Write(d.chain)
	default:
		http.NotFound(w, r)
	}
}

func number64(text string) *big.Int {
	raw, _ := base64.RawURLEncoding.DecodeString(text)
	return new(big.Int).SetBytes(raw)
}

func (d *directory) order() m {
	o := m{"status": "pending", "identifiers": []m{{"type": "dns", "value": d.domain}}, "authorizations": []string{d.url + "/authz/1"}, "finalize": d.url + "/finalize/1"}
	switch {
	case d.chain != nil:
		o["status"], o["certificate"] = "valid", d.url+"/cert/1"
	case d.passed:
		o["status"] = "ready"
	}
	return o
}

func (d *directory) status() string {
	if d.passed {
		return "valid"
	}
	return "pending"
}

func (d *directory) authorization() m {
	return m{"status": d.status(), "identifier": m{"type": "dns", "value": d.domain}, "challenges": []m{d.challenged()}}
}

func (d *directory) challenged() m {
	return m{"type": "tls-alpn-01", "url": d.url + "/challenge/1", "token": token, "status": d.status()}
}

// challenge asks the port for the domain's proof.
func (d *directory) challenge(ctx context.Context) error {
	thumb, err := acme.JWKThumbprint(d.account)
	if err != nil {
		return err
	}
	dialer := &tls.Dialer{Config: &tls.Config{ServerName: d.domain, NextProtos: []string{acme.ALPNProto}, InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(ctx, "tcp", d.dial)
	if err != nil {
		return err
	}
	defer conn.Close()
	state := conn.(*tls.Conn).ConnectionState()
	leaf := state.PeerCertificates[0]
	if state.NegotiatedProtocol != acme.ALPNProto || len(leaf.DNSNames) != 1 || leaf.DNSNames[0] != d.domain {
		return fmt.Errorf("protocol %q, names %v", state.NegotiatedProtocol, leaf.DNSNames)
	}
	want := sha256.Sum256([]byte(token + "." + thumb))
	for _, x := range leaf.Extensions {
		var got []byte
		if _, err := asn1.Unmarshal(x.Value, &got); err == nil && x.Critical && x.Id.String() == "1.3.6.1.5.5.7.1.31" && string(got) == string(want[:]) {
			return nil
		}
	}
	return fmt.Errorf("the certificate does not hold the key authorization")
}

func (d *directory) issue(csr string) error {
	raw, err := base64.RawURLEncoding.DecodeString(csr)
	if err != nil {
		return err
	}
	req, err := x509.ParseCertificateRequest(raw)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(int64(d.orders)), Subject: pkix.Name{CommonName: d.domain}, DNSNames: req.DNSNames,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, d.ca.Cert, req.PublicKey, d.key)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	d.chain = pki.EncodeCerts(leaf, d.ca.Cert)
	return nil
}

// TestTLS_ByACME: a port whose domain was never seen gets a certificate, and the
// next node, or this one after a restart, finds it in the machine.
func TestTLS_ByACME(t *testing.T) {
	d := newDirectory(t)
	const domain = "photos.example.org"
	secured := TLS{Domains: []string{domain}, Email: "ops@example.org", Directory: d.url + "/"}
	h := newHouse(t, func(_ *fsm.Settings, c *Config) { c.TLS = secured })
	d.dial = h.server.Addr()
	if conn, err := tls.Dial("tcp", d.dial, &tls.Config{ServerName: "stranger.example.org", InsecureSkipVerify: true}); err == nil {
		conn.Close()
		t.Error("a certificate for a name that is not ours")
	}
	h.base, h.client = "https://"+h.server.Addr(), trusting(d.ca.Cert, domain)
	h.do(ask{method: "GET", path: "/health"})

	v := h.node.View()
	defer v.Close()
	kept, ok := v.ACME(domain)
	if !ok || strings.Contains(string(kept.Sealed), "PRIVATE KEY") {
		t.Error("the certificate is not in the machine, or not sealed there")
	}
	another, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conf, err := secured.secure(h.node, h.server.log)
	if err != nil {
		t.Fatal(err)
	}
	second := &http.Server{Handler: http.NotFoundHandler()}
	go second.Serve(tls.NewListener(another, conf))
	defer second.Close()
	res, err := trusting(d.ca.Cert, domain).Get("https://" + another.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if d.mu.Lock(); d.orders != 1 {
		t.Errorf("%d orders for one certificate", d.orders)
	}
	d.mu.Unlock()
}

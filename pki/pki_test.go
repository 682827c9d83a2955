package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"
	"time"
)

func authority(t *testing.T, now time.Time) *Authority {
	t.Helper()
	ca, err := NewAuthority(now)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func key(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSignNode_NeverOutlivesItsCA(t *testing.T) {
	now := time.Now()
	ca, public := authority(t, now), &key(t, elliptic.P256()).PublicKey
	for age, want := range map[time.Duration]time.Time{0: now.Add(NodeLife), CALife - time.Hour: ca.Cert.NotAfter} {
		cert, err := ca.SignNode(public, "n1", []string{"10.0.0.1", "db.example.org", "127.0.0.1"}, now.Add(age), NodeLife)
		if err != nil {
			t.Fatal(err)
		}
		if d := cert.NotAfter.Sub(want); d > time.Second || d < -time.Second {
			t.Errorf("signed %s into the CA's life it ends %s, want %s", age, cert.NotAfter, want)
		}
		if len(cert.IPAddresses) != 3 || len(cert.DNSNames) != 2 {
			t.Errorf("names %v %v", cert.DNSNames, cert.IPAddresses)
		}
	}
	if _, err := ca.SignNode(public, "n1", nil, now.Add(CALife+time.Hour), NodeLife); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("a CA that has ended signs: %v", err)
	}
}

func TestRenewAt_IsWhenAThirdIsLeft(t *testing.T) {
	now := time.Now()
	cert, err := authority(t, now).SignNode(&key(t, elliptic.P256()).PublicKey, "n1", nil, now, 90*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if d := RenewAt(cert).Sub(now.Add(time.Hour)); d > 2*time.Second || d < -2*time.Second {
		t.Errorf("%s off", d)
	}
}

func TestOpenAuthority_FindsItsCertificate(t *testing.T) {
	a, b := authority(t, time.Now()), authority(t, time.Now())
	text, err := b.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	certs, err := ParseCerts(EncodeCerts(a.Cert, b.Cert))
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenAuthority(text, certs)
	if err != nil || Fingerprint(got.Cert) != Fingerprint(b.Cert) {
		t.Errorf("%v", err)
	}
	if _, err := OpenAuthority(text, certs[:1]); err == nil {
		t.Error("another CA's certificate was taken for its own")
	}
	if _, err := OpenAuthority([]byte("no key"), certs); err == nil {
		t.Error("opened without a key")
	}
}

func TestAuthority_CannotMakeAnother(t *testing.T) {
	now := time.Now()
	ca, k := authority(t, now), key(t, elliptic.P256())
	node, err := ca.SignNode(&k.PublicKey, "n1", nil, now, NodeLife)
	if err != nil {
		t.Fatal(err)
	}
	forged := Authority{Cert: node, key: k}
	leaf, err := forged.SignNode(&key(t, elliptic.P256()).PublicKey, "n2", nil, now, NodeLife)
	if err != nil {
		t.Fatal(err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(ca.Cert)
	between.AddCert(node)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil {
		t.Error("a node's certificate signs others")
	}
}

func TestCheckRequest(t *testing.T) {
	k := key(t, elliptic.P256())
	good, err := Request(k, "n1")
	if err != nil {
		t.Fatal(err)
	}
	if public, err := CheckRequest(good); err != nil || !k.PublicKey.Equal(public) {
		t.Errorf("%v", err)
	}
	other, err := Request(key(t, elliptic.P384()), "n1")
	if err != nil {
		t.Fatal(err)
	}
	forged := append([]byte{}, good...)
	forged[len(forged)-1] ^= 1
	for name, der := range map[string][]byte{"another curve": other, "a forged signature": forged, "nothing": nil, "rubbish": []byte("rubbish")} {
		if _, err := CheckRequest(der); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestNodeID_WantsTheRole(t *testing.T) {
	if _, err := NodeID(authority(t, time.Now()).Cert); err == nil {
		t.Error("the CA passes for a node")
	}
	if _, err := ParseCerts([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")); err == nil {
		t.Error("rubbish in PEM was taken")
	}
}

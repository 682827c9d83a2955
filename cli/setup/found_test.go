package setup

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stoker/cli/config"
	"stoker/client"
	"stoker/pki"
)

var three = []Node{
	{ID: "n1", Host: "10.0.0.1", HTTP: 8080, Cluster: 9080},
	{ID: "n2", Host: "db2.example.org", HTTP: 8080, Cluster: 9080},
	{ID: "n3", Host: "fd00::3", HTTP: 80, Cluster: 81},
}

func found(t *testing.T, p Plan) Cluster {
	t.Helper()
	c, err := Found(p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFound_NodesLoadAndTrustEachOther(t *testing.T) {
	c := found(t, Plan{Nodes: three, Out: filepath.Join(t.TempDir(), "cluster")})
	operator, err := client.LoadOperator(c.Operator)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"http://10.0.0.1:8080", "http://db2.example.org:8080", "http://[fd00::3]:80"}; !slices.Equal(operator.Endpoints, want) {
		t.Errorf("endpoints %v", operator.Endpoints)
	}
	if !strings.HasPrefix(operator.AdminToken, "adm_") || !strings.HasPrefix(operator.WorkerToken, "wrk_") {
		t.Errorf("tokens %q %q", operator.AdminToken, operator.WorkerToken)
	}
	var sealKey []byte
	for _, n := range three {
		conf, err := config.Load(config.Source{File: c.Config(n.ID)})
		if err != nil {
			t.Fatal(err)
		}
		secrets, err := conf.Secrets()
		if err != nil {
			t.Fatal(err)
		}
		if conf.ID != n.ID || len(conf.Members) != 3 || conf.Members[2].Cluster != "[fd00::3]:81" {
			t.Errorf("%s: %+v", n.ID, conf)
		}
		if secrets.AdminToken != sha256.Sum256([]byte(operator.AdminToken)) || secrets.WorkerToken != sha256.Sum256([]byte(operator.WorkerToken)) {
			t.Errorf("%s: the hashes are not those of the operator's tokens", n.ID)
		}
		if sealKey != nil && !bytes.Equal(sealKey, secrets.SealKey) {
			t.Errorf("%s has another seal key", n.ID)
		}
		sealKey = secrets.SealKey
		if string(fileOf(t, conf.CA)) != operator.CAPEM {
			t.Errorf("%s has another CA than the operator", n.ID)
		}
		checkCertificate(t, n, conf)
		checkAuthorityKey(t, secrets, fileOf(t, conf.CA))
	}
}

func fileOf(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// checkCertificate opens a mutual TLS 1.3 connection of the node to itself.
func checkCertificate(t *testing.T, n Node, c config.Config) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		t.Fatal(err)
	}
	leaf := pair.Leaf
	if len(leaf.URIs) != 1 || leaf.URIs[0].String() != "stoker://node/"+n.ID || leaf.IsCA {
		t.Errorf("%s: URIs %v, CA %v", n.ID, leaf.URIs, leaf.IsCA)
	}
	if d := time.Until(leaf.NotAfter); d < pki.NodeLife-time.Hour || d > pki.NodeLife {
		t.Errorf("%s: ends in %s", n.ID, d)
	}
	for _, host := range []string{n.Host, "localhost", "127.0.0.1"} {
		if err := leaf.VerifyHostname(host); err != nil {
			t.Errorf("%s: %v", n.ID, err)
		}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(fileOf(t, c.CA)) {
		t.Fatal("no CA")
	}
	a, b := net.Pipe()
	server := tls.Server(a, &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13})
	dialler := tls.Client(b, &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, ServerName: n.Host})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := dialler.Handshake(); err != nil {
		t.Errorf("%s: as a client: %v", n.ID, err)
	}
	if err := <-done; err != nil {
		t.Errorf("%s: as a server: %v", n.ID, err)
	}
}

// checkAuthorityKey unseals the CA's key and holds it against its certificate.
func checkAuthorityKey(t *testing.T, s config.Secrets, ca []byte) {
	t.Helper()
	block, err := aes.NewCipher(s.SealKey)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := aead.Open(nil, s.SealedCA[:12], s.SealedCA[12:], []byte("ca"))
	if err != nil {
		t.Fatal(err)
	}
	keyBlock, _ := pem.Decode(plain)
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	certBlock, _ := pem.Decode(ca)
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !cert.IsCA || !key.(*ecdsa.PrivateKey).PublicKey.Equal(cert.PublicKey) {
		t.Error("the sealed key is not the CA's")
	}
}

func TestFound_SecretsAreTheOwnersOnly(t *testing.T) {
	c := found(t, Plan{Nodes: three[:1], Out: filepath.Join(t.TempDir(), "cluster")})
	for path, want := range map[string]os.FileMode{
		c.Operator: 0o600, c.Config("n1"): 0o600, filepath.Join(c.Out, "n1", "node.key"): 0o600,
		filepath.Join(c.Out, "n1", "seal.key"): 0o600, c.Out: 0o700, filepath.Join(c.Out, "n1"): 0o700,
	} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode().Perm(), err, want)
		}
	}
	files, err := os.ReadDir(filepath.Join(c.Out, "n1"))
	if err != nil || len(files) != 5 {
		t.Errorf("left over: %v, %v", files, err)
	}
}

func TestFound_DoesNotOverwrite(t *testing.T) {
	p := Plan{Nodes: three[:1], Out: t.TempDir()}
	c := found(t, p)
	before, err := os.ReadFile(c.Operator)
	if err != nil {
		t.Fatal(err)
	}
	p.Nodes = three[:2]
	if _, err := Found(p); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("a second init: %v", err)
	}
	if _, err := os.Stat(filepath.Join(p.Out, "n2")); err == nil {
		t.Error("a refused init has written something")
	}
	if after, err := os.ReadFile(c.Operator); err != nil || !bytes.Equal(before, after) {
		t.Error("a refused init changed operator.toml")
	}
	p.Force = true
	found(t, p)
	if after, err := os.ReadFile(c.Operator); err != nil || bytes.Equal(before, after) {
		t.Error("a forced init kept the old tokens")
	}
	if err := os.Mkdir(filepath.Join(p.Out, "n1", "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Found(p); err == nil || !strings.Contains(err.Error(), "holds a node's data") {
		t.Errorf("force over a node's data: %v", err)
	}
}

func TestFound_RefusesPlansThatCannotWork(t *testing.T) {
	for name, nodes := range map[string][]Node{
		"at least one --node": nil,
		"named twice":         {three[0], {ID: "n1", Host: "10.0.0.2", HTTP: 1, Cluster: 2}},
		"ports of their own":  {three[0], {ID: "n2", Host: "10.0.0.1", HTTP: 8080, Cluster: 9081}},
		"is taken by node n1": {{ID: "n1", Host: "h", HTTP: 1, Cluster: 1}},
		"node id":             {{ID: "../n1", Host: "h", HTTP: 1, Cluster: 2}},
	} {
		if _, err := Found(Plan{Nodes: nodes, Out: t.TempDir()}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseNode(t *testing.T) {
	for text, want := range map[string]Node{
		"n1=10.0.0.1":            {ID: "n1", Host: "10.0.0.1", HTTP: 8080, Cluster: 9080},
		"n1=10.0.0.1:80":         {ID: "n1", Host: "10.0.0.1", HTTP: 80, Cluster: 9080},
		"eu-1=a.example:80:8443": {ID: "eu-1", Host: "a.example", HTTP: 80, Cluster: 8443},
		"n1=[::1]":               {ID: "n1", Host: "::1", HTTP: 8080, Cluster: 9080},
		"n1=[fd00::1]:1:2":       {ID: "n1", Host: "fd00::1", HTTP: 1, Cluster: 2},
	} {
		if got, err := ParseNode(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "n1", "n1=", "=h", "N1=h", "n1=h:", "n1=h:0", "n1=h:65536", "n1=h:x", "n1=h:1:2:3", "n1=fd00::1", "n1=[h]", "n1=[::1]x", "n1=h/x", "n1=h\"", "n1=:1",
	} {
		if got, err := ParseNode(text); err == nil {
			t.Errorf("%q was taken as %+v", text, got)
		}
	}
}

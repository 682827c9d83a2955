package objects

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"stoker/fsm"
	"stoker/node"
)

// member is one real node with its store and its public port.
type member struct {
	id    string
	node  *node.Node
	store *Store
	base  string // of its public port
	pace  Pace
	stop  func()
	news  chan struct{} // of its whole cluster: entries that were applied, walks that were done
}

// startCluster starts n nodes over TCP on this machine. Two of them come to hold
// each object, unless alter says otherwise.
func startCluster(t *testing.T, n int, alter func(*fsm.Settings)) []*member {
	t.Helper()
	return startPaced(t, n, Pace{}, alter)
}

// startPaced starts nodes that look after their blobs at another pace.
func startPaced(t *testing.T, n int, pace Pace, alter func(*fsm.Settings)) []*member {
	t.Helper()
	ca := newAuthority(t)
	sealKey := bytes.Repeat([]byte{7}, 32)
	settings := fsm.DefaultSettings()
	settings.Replicas = 2
	if alter != nil {
		alter(&settings)
	}
	var conf []node.Member
	var cluster, public []net.Listener
	for i := range n {
		cluster, public = append(cluster, listen(t)), append(public, listen(t))
		conf = append(conf, node.Member{ID: fmt.Sprint("n", i+1), Addr: cluster[i].Addr().String(), HTTP: public[i].Addr().String()})
	}
	members := make([]*member, n)
	news := make(chan struct{}, 1)
	failures := make(chan error, n)
	for i, m := range conf {
		members[i] = &member{id: m.ID, pace: pace, base: "http://" + m.HTTP, news: news}
		c := node.Config{
			ID: m.ID, Dir: filepath.Join(t.TempDir(), m.ID), Members: conf, TLS: ca.issue(t, m.ID), Listener: cluster[i],
			SealKey: sealKey, Exit: func(err error) { panic(err) },
			Genesis: func() fsm.Genesis {
				key, err := NewKey(sealKey)
				if err != nil {
					panic(err)
				}
				return fsm.Genesis{ClusterID: "test", JWTKeys: []fsm.Secret{{ID: "k1"}}, ObjectKey: key, FirstSettings: settings}
			},
		}
		go func() { failures <- members[i].start(t, c, public[i]) }()
	}
	for range n {
		if err := <-failures; err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range members {
		t.Cleanup(m.stop)
		m.begun(t)
	}
	return members
}

func (m *member) start(t *testing.T, c node.Config, public net.Listener) error {
	var err error
	if m.node, err = node.Start(t.Context(), c); err != nil {
		return err
	}
	if m.store, err = New(m.node, Config{Dir: filepath.Join(c.Dir, "objects"), Reserve: 1, Pace: m.pace, walked: func() { ring(m.news) }}); err != nil {
		return err
	}
	m.node.Subscribe(func(fsm.Changes) { ring(m.news) })
	server := &fasthttp.Server{Handler: func(http *fasthttp.RequestCtx) { m.store.Serve(t.Context(), http) }, StreamRequestBody: true, DisablePreParseMultipartForm: true, MaxRequestBodySize: 1 << 20}
	go server.Serve(public)
	stopped := false
	m.stop = func() {
		if !stopped {
			stopped = true
			public.Close()
			m.node.Stop(context.Background())
		}
	}
	return nil
}

// begun waits until the node knows of the cluster's Genesis.
func (m *member) begun(t *testing.T) {
	t.Helper()
	m.eventually(t, func() string {
		if !m.store.begun() {
			return m.id + " has not begun"
		}
		return ""
	})
}

// eventually waits for a condition, looking again whenever something has happened in the cluster; what says what is still
// wrong, "" nothing.
func (m *member) eventually(t *testing.T, what func() string) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		wrong := what()
		if wrong == "" {
			return
		}
		select {
		case <-m.news:
		case <-limit:
			t.Fatal(wrong)
		}
	}
}

// presign signs a URL for this member's own host.
func (m *member) presign(t testing.TB, method, key string, fence uint64) string {
	t.Helper()
	u, err := m.store.Presign(Ask{Method: method, Base: m.base, Key: key, Expires: time.Hour, Fence: fence})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request; pairs are headers.
func do(t testing.TB, method, url, body string, pairs ...string) reply {
	t.Helper()
	var stream io.Reader
	if body != "" {
		stream = bytes.NewReader([]byte(body))
	}
	req, err := http.NewRequest(method, url, stream)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		req.Header.Set(pairs[i], pairs[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return reply{resp.StatusCode, resp.Header, string(got)}
}

func (r reply) want(t testing.TB, status int, code Code) {
	t.Helper()
	if r.status != status || code != "" && !bytes.Contains([]byte(r.body), []byte("<Code>"+string(code)+"</Code>")) {
		t.Errorf("%d %s, want %d %s", r.status, r.body, status, code)
	}
}

// apply has the cluster do a command that must succeed.
func apply[A any](t testing.TB, m *member, c fsm.Command[A]) A {
	t.Helper()
	r, err := node.Apply(t.Context(), m.node, c)
	if err != nil {
		t.Fatal(err)
	}
	return r.Answer
}

// newJob opens a job that waits for two uploads.
func newJob(t testing.TB, m *member, id string) fsm.Job {
	t.Helper()
	u := apply(t, m, fsm.SignIn{NewID: "u_" + id})
	return apply(t, m, fsm.CreateJob{User: u.User.ID, ID: "j_" + id, Preset: "interior", Items: 2})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// authority is a cluster CA for the length of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

func (a authority) issue(t *testing.T, id string) *node.Identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: id}, NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		URIs:        []*url.URL{{Scheme: "stoker", Host: "node", Path: "/" + id}},
	}, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	c, err := node.ParseTLS(block("CERTIFICATE", a.cert.Raw), block("CERTIFICATE", der), block("PRIVATE KEY", raw))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// blobs lists the files that a member holds, drafts included.
func (m *member) blobs(t testing.TB) []string { return files(t, m.store.disk) }

// loseBlobs empties a member's folder while it runs.
func (m *member) loseBlobs(t testing.TB) {
	t.Helper()
	for _, f := range m.blobs(t) {
		if err := os.Remove(filepath.Join(m.store.disk.dir, f)); err != nil {
			t.Fatal(err)
		}
	}
}

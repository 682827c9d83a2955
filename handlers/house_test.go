package handlers

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"stoker/fsm"
	"stoker/node"
	"stoker/objects"
	"stoker/queue"
	"stoker/webhook"
)

const (
	workerToken = "wrk_test"
	adminToken  = "adm_test"
)

// house is a whole node on this machine: log, machine, objects, queue and the
// public port, with nothing mocked.
type house struct {
	t       testing.TB
	cluster string
	node    *node.Node
	server  *Server
	base    string // http://host:port
	sealer  []byte
	dir     string // of the node's data
	client  *http.Client
}

// newHouse starts a house; change adapts what it begins with.
func newHouse(t testing.TB, change ...func(*fsm.Settings, *Config)) *house {
	t.Helper()
	return newHouseOutside(t, nil, change...)
}

// newHouseOutside is one whose pictures are in a store outside, if that is not nil.
func newHouseOutside(t testing.TB, outside *objects.Outside, change ...func(*fsm.Settings, *Config)) *house {
	t.Helper()
	return newCell(t, "test", outside, change...)
}

// newCell is one whose cluster has this id.
func newCell(t testing.TB, id string, outside *objects.Outside, change ...func(*fsm.Settings, *Config)) *house {
	t.Helper()
	h := &house{t: t, cluster: id, sealer: bytes.Repeat([]byte{7}, 32), client: &http.Client{Timeout: 30 * time.Second}}
	set, cfg := fsm.DefaultSettings(), Config{Version: "test"}
	for _, c := range change {
		c(&set, &cfg)
	}
	dir := t.TempDir()
	h.dir = dir
	public, cluster := listen(t), listen(t)
	var err error
	h.node, err = node.Start(t.Context(), node.Config{
		ID: "n1", Dir: dir, Listener: cluster, TLS: certify(t, "n1"), SealKey: h.sealer,
		Members: []node.Member{{ID: "n1", Addr: cluster.Addr().String(), HTTP: public.Addr().String()}},
		Genesis: func() fsm.Genesis { return h.genesis(set) },
		Exit:    func(err error) { t.Errorf("the node ends itself: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Node, cfg.Listener, cfg.Queue = h.node, public, queue.New(h.node, nil)
	if cfg.Objects, err = objects.New(h.node, objects.Config{Dir: dir + "/blobs", Outside: outside}); err != nil {
		t.Fatal(err)
	}
	cfg.Webhooks = webhook.Start(h.node, "test", slog.New(slog.DiscardHandler))
	if h.server, err = Start(cfg); err != nil {
		t.Fatal(err)
	}
	h.base = "http://" + h.server.Addr()
	t.Cleanup(h.stop)
	h.begin()
	return h
}

// begin waits for Genesis, which follows the election.
func (h *house) begin() {
	h.t.Helper()
	for {
		v, err := h.node.Read(h.t.Context(), node.Linearizable)
		if err != nil {
			h.t.Fatal(err)
		}
		epoch := v.Epoch()
		v.Close()
		if epoch > 0 {
			return
		}
	}
}

func (h *house) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	h.client.CloseIdleConnections()
	if err := h.server.Shutdown(ctx); err != nil {
		h.t.Error(err)
	}
	if err := h.node.Stop(ctx); err != nil {
		h.t.Error(err)
	}
}

func (h *house) genesis(set fsm.Settings) fsm.Genesis {
	seal := func(purpose, id, secret string) fsm.Secret {
		sealed, err := node.Seal(h.sealer, purpose, []byte(secret))
		if err != nil {
			h.t.Error(err)
		}
		return fsm.Secret{ID: id, Sealed: sealed}
	}
	return fsm.Genesis{
		ClusterID: h.cluster, FirstSettings: set,
		JWTKeys:      []fsm.Secret{seal("jwt", "k1", "0123456789abcdef0123456789abcdef")},
		ObjectKey:    seal("object", "STOKERTEST", "object-secret"),
		AdminTokens:  [][32]byte{sha256.Sum256([]byte(adminToken))},
		WorkerTokens: [][32]byte{sha256.Sum256([]byte(workerToken))},
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// certify makes a certificate that is its own authority, for the cluster port.
func certify(t testing.TB, id string) *node.Identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: id},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		URIs: []*url.URL{{Scheme: "stoker", Host: "node", Path: "/" + id}},
		IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: id}}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	c, err := node.ParseTLS(cert, cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ask is a request as tests write it.
type ask struct {
	method string
	path   string // with query
	token  string // bearer; "" sends none
	body   any    // a string is sent as it is, nil sends nothing, else JSON
	header map[string]string
}

// answer is what came back.
type answer struct {
	status  int
	header  http.Header
	closes  bool // the connection, after it
	text    []byte
	Success bool           `json:"success"`
	Data    map[string]any `json:"-"`
	List    []any          `json:"-"`
	Error   *errorV        `json:"error"`
	Meta    meta           `json:"meta"`
}

// do sends a request and holds the answer against openapi.json.
func (h *house) do(a ask) answer {
	h.t.Helper()
	req := h.request(a)
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Fatalf("%s %s: %v", a.method, a.path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatalf("%s %s: %v", a.method, a.path, err)
	}
	conforms(h.t, req, res, text)
	out := answer{status: res.StatusCode, header: res.Header, closes: res.Close, text: text}
	if len(text) == 0 || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		return out
	}
	var whole struct {
		answer
		Data any `json:"data"`
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		h.t.Fatalf("%s %s: %v in %s", a.method, a.path, err, text)
	}
	out.Success, out.Error, out.Meta = whole.Success, whole.Error, whole.Meta
	out.Data, _ = whole.Data.(map[string]any)
	out.List, _ = whole.Data.([]any)
	return out
}

func (h *house) request(a ask) *http.Request {
	h.t.Helper()
	var body io.Reader
	switch b := a.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			h.t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), a.method, h.base+a.path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	for name, value := range a.header {
		req.Header.Set(name, value)
	}
	return req
}

// good sends a request that must succeed with the status.
func (h *house) good(status int, a ask) answer {
	h.t.Helper()
	out := h.do(a)
	if out.status != status {
		h.t.Fatalf("%s %s: %d %s, want %d", a.method, a.path, out.status, out.text, status)
	}
	return out
}

// bad sends a request that must be refused with the code.
func (h *house) bad(code fsm.Code, a ask) answer {
	h.t.Helper()
	out := h.do(a)
	if out.Error == nil || out.Error.Code != code || out.status != statusOf[code] {
		h.t.Fatalf("%s %s: %d %s, want %d %s", a.method, a.path, out.status, out.text, statusOf[code], code)
	}
	return out
}

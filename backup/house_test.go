package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/fsm"
	"stoker/node"
	"stoker/objects"
	"stoker/pki"
)

var sealKey = bytes.Repeat([]byte{7}, 32)

const token = "adm_test"

// house is a cluster of one, with a user, a job and its pictures.
type house struct {
	t     *testing.T
	node  *node.Node
	store *objects.Store
	data  string
}

// newHouse starts a node on a data folder, an empty or a restored one.
func newHouse(t *testing.T, id, data string) *house {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, data: data}
	h.node, err = node.Start(t.Context(), node.Config{
		ID: id, Dir: data, Listener: ln, TLS: certify(t, id), SealKey: sealKey, Version: "test",
		Members: []node.Member{{ID: id, Addr: ln.Addr().String(), HTTP: "127.0.0.1:1"}},
		Genesis: genesis, Exit: func(err error) { t.Errorf("the node ends itself: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.node.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	if h.store, err = objects.New(h.node, objects.Config{Dir: filepath.Join(data, "blobs"), Reserve: 1}); err != nil {
		t.Fatal(err)
	}
	if err := h.node.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

func certify(t *testing.T, id string) *node.Identity {
	t.Helper()
	now := time.Now()
	ca, err := pki.NewAuthority(now)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Issue(id, nil, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := node.ParseTLS(pki.EncodeCerts(ca.Cert), pki.EncodeCerts(cert), key)
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func genesis() fsm.Genesis {
	seal := func(purpose, text string) []byte {
		sealed, err := node.Seal(sealKey, purpose, []byte(text))
		if err != nil {
			panic(err)
		}
		return sealed
	}
	return fsm.Genesis{
		ClusterID: "c_test", SealedCA: seal(fsm.UseCA, "ca"), JWTKeys: []fsm.Secret{{ID: "k1", Sealed: seal(fsm.UseJWT, "jwt")}},
		ObjectKey: fsm.Secret{ID: "STOKERTEST", Sealed: seal(fsm.UseObject, "secret")}, AdminTokens: [][32]byte{sha256.Sum256([]byte(token))},
		FirstSettings: fsm.DefaultSettings(), Level: fsm.Level,
	}
}

// apply does a command that may not be refused.
func apply[A any](h *house, c fsm.Command[A]) A {
	h.t.Helper()
	r, err := node.Apply(h.t.Context(), h.node, c)
	if err != nil {
		h.t.Fatalf("%T: %v", c, err)
	}
	return r.Answer
}

// populate makes a user whose job of n pictures waits for a worker.
func (h *house) populate(n int) {
	h.t.Helper()
	apply(h, fsm.SignIn{NewID: "u1"})
	apply(h, fsm.CreateJob{User: "u1", ID: "j1", Preset: "interior", Items: int64(n)})
	for i := range n {
		h.upload(fsm.Job{ID: "j1", User: "u1"}.InputKey(i), picture(i))
	}
	apply(h, fsm.ConfirmUpload{User: "u1", Job: "j1"})
	apply(h, fsm.ExecuteJob{User: "u1", Job: "j1", Concepts: map[string]fsm.Concept{"Wall": {Action: "recolor", Value: "white"}}})
}

func (h *house) upload(key, body string) {
	h.t.Helper()
	if _, err := h.store.Put(h.t.Context(), objects.PutRequest{Bucket: "photos", Key: key, Size: int64(len(body)), Body: strings.NewReader(body)}); err != nil {
		h.t.Fatal(err)
	}
}

// picture has a length that no block size divides.
func picture(i int) string { return aPicture + strings.Repeat(string(rune('a'+i)), 700+i) }

// view sees all that was acknowledged.
func (h *house) view() *fsm.View {
	h.t.Helper()
	v, err := h.node.Read(h.t.Context(), node.Linearizable)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(v.Close)
	return v
}

// archive writes a backup into memory.
func (h *house) archive(mode Blobs) []byte {
	h.t.Helper()
	p, err := Pin(h.t.Context(), h.node, h.store, mode)
	if err != nil {
		h.t.Fatal(err)
	}
	defer p.Close()
	var b bytes.Buffer
	if err := p.Write(h.t.Context(), &b); err != nil {
		h.t.Fatal(err)
	}
	return b.Bytes()
}

// aPicture is the first 33 bytes of a PNG of one pixel: all that is looked at.
const aPicture = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55"

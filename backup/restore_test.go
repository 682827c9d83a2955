package backup

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/fsm"
	"stoker/node"
)

// planned is a plan for one node in a folder of its own.
func planned(t *testing.T, id string) Plan {
	t.Helper()
	return Plan{Nodes: []Target{{ID: id, Data: filepath.Join(t.TempDir(), "data")}}, SealKeys: [][]byte{sealKey}, Now: time.Now()}
}

// TestRestore_goesOn: another node under another name goes on from the backup,
// in another epoch.
func TestRestore_goesOn(t *testing.T) {
	old := newHouse(t, "n1", t.TempDir())
	old.populate(3)
	lease := apply(old, fsm.Lease{Wants: []fsm.Want{{Worker: "w1", Poll: "p", Max: 2}}}).Grants[0].Lease
	before := old.view()
	p := planned(t, "m7")
	p.Begin.AdminTokens = [][32]byte{sha256.Sum256([]byte("another"))}
	r, err := Restore(bytes.NewReader(old.archive(Included)), p)
	if err != nil {
		t.Fatal(err)
	}
	if r.Epoch.Epoch != 2 || r.Epoch.From != before.Index() || r.Epoch.Hash != before.Hash() || r.Blobs != 3 || len(r.Missing) > 0 {
		t.Fatalf("%+v", r)
	}
	h := newHouse(t, "m7", p.Nodes[0].Data)
	v := h.view()
	was, _ := before.User("u1")
	if u, ok := v.User("u1"); !ok || u.Credits != was.Credits || u.ActiveJobs != 1 {
		t.Errorf("the user is %+v, was %+v", u, was)
	}
	for _, text := range []string{token, "another"} {
		if tok, ok := v.Token(sha256.Sum256([]byte(text))); !ok || !tok.Allows(fsm.ScopeAdmin) {
			t.Errorf("token %s opens nothing: %+v", text, tok)
		}
	}
	if e := v.Epochs(); len(e) != 1 || e[0] != r.Epoch {
		t.Errorf("epochs %+v", e)
	}
	for i := range 3 {
		o, _ := v.Object("photos", fsm.Job{ID: "j1", User: "u1"}.InputKey(i))
		body, err := h.store.Open(o, 0, o.Size)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(body)
		if body.Close(); err != nil || string(text) != picture(i) || len(o.Nodes) != 1 || o.Nodes[0] != "m7" {
			t.Errorf("picture %d on %v: %v", i, o.Nodes, err)
		}
	}
	if _, err := node.Apply(t.Context(), h.node, fsm.Report{Fence: lease.Fence, Results: []fsm.ItemResult{{Idx: 0, Done: true}}}); err == nil || !strings.Contains(err.Error(), string(fsm.LeaseLost)) {
		t.Errorf("a worker of the old epoch reports: %v", err)
	}
	if g := apply(h, fsm.Lease{Wants: []fsm.Want{{Worker: "w1", Poll: "q", Max: 9}}}).Grants[0]; len(g.Lease.Granted) != 3 || g.Lease.Fence <= lease.Fence+1<<31 {
		t.Errorf("granted %+v after fence %d", g.Lease, lease.Fence)
	}
	if _, err := h.node.Read(t.Context(), node.AtLeast(before.Index(), before.Epoch())); err == nil || !strings.Contains(err.Error(), string(fsm.ValidationFailed)) {
		t.Errorf("a read token of the old epoch: %v", err)
	}
}

// TestRestore_referenced: pictures come from an old node's folder, if they are whole there.
func TestRestore_referenced(t *testing.T) {
	old := newHouse(t, "n1", t.TempDir())
	old.populate(3)
	b := old.archive(Referenced)
	p := planned(t, "n1")
	r, err := Restore(bytes.NewReader(b), p)
	if err != nil || len(r.Missing) != 3 || r.Blobs != 0 {
		t.Fatalf("without a folder: %+v, %v", r, err)
	}
	lost := string(r.Missing[0])
	blobs := filepath.Join(old.data, "blobs")
	if err := os.WriteFile(filepath.Join(blobs, lost[:2], lost[2:4], lost), []byte("rot"), 0o600); err != nil {
		t.Fatal(err)
	}
	p = planned(t, "n1")
	p.BlobsFrom = []string{t.TempDir(), blobs}
	r, err = Restore(bytes.NewReader(b), p)
	if err != nil || len(r.Missing) != 1 || string(r.Missing[0]) != lost || r.Blobs != 2 {
		t.Errorf("from a folder: %+v, %v", r, err)
	}
}

// TestRestore_refuses: a folder with data, a running node, another seal key, a
// torn archive; and nothing is left of the attempt.
func TestRestore_refuses(t *testing.T) {
	h := newHouse(t, "n1", t.TempDir())
	h.populate(1)
	whole := h.archive(Included)
	try := func(said string, b []byte, p Plan) {
		t.Helper()
		if _, err := Restore(bytes.NewReader(b), p); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("want %q, got %v", said, err)
		}
		left, err := os.ReadDir(filepath.Dir(p.Nodes[0].Data))
		for _, f := range left {
			if f.Name() != filepath.Base(p.Nodes[0].Data) {
				t.Errorf("%s: left over: %s %v", said, f.Name(), err)
			}
		}
	}
	other := planned(t, "n1")
	other.SealKeys = [][]byte{bytes.Repeat([]byte{8}, 32)}
	try("the seal key does not open", whole, other)
	try("was cut", whole[:len(whole)/2], planned(t, "n1"))
	try(blobFolder, altered(t, whole, blobFolder), planned(t, "n1"))

	full := planned(t, "n1")
	if err := os.MkdirAll(filepath.Join(full.Nodes[0].Data, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	try("--force", whole, full)
	full.Force = true
	r, err := Restore(bytes.NewReader(whole), full)
	if err != nil || len(r.Aside) != 1 {
		t.Fatal(r.Aside, err)
	}
	if _, err := os.Stat(filepath.Join(r.Aside[0], "state")); err != nil {
		t.Error(err)
	}
	running := planned(t, "n1")
	running.Nodes[0].Data, running.Force = h.data, true
	if _, err := Restore(bytes.NewReader(whole), running); err == nil || !strings.Contains(err.Error(), "stop the node") {
		t.Errorf("over a running node: %v", err)
	}
}

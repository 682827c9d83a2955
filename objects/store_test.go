package objects

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"stoker/fsm"
)

// An acknowledged upload is on two nodes; a read on any node works, also where
// there is no copy, also when the node that took it is gone.
func TestCluster_NodeTakesNoPictureAlong(t *testing.T) {
	members := startCluster(t, 3, nil)
	for i, m := range members { // a few on each, so that every pair of holders comes up
		for k := range 3 {
			key := fmt.Sprintf("etc/%d-%d", i, k)
			do(t, "PUT", m.presign(t, "PUT", key, 0), "body of "+key).want(t, 200, "")
			o, err := m.store.Head(t.Context(), "photos", key)
			if err != nil || len(o.Nodes) != 2 || o.Nodes[0] != m.id || o.Nodes[1] == m.id {
				t.Fatalf("%s is on %v, %v", key, o.Nodes, err)
			}
			for _, other := range members {
				if got := do(t, "GET", other.presign(t, "GET", key, 0), ""); got.body != "body of "+key {
					t.Errorf("%s on %s: %d %q", key, other.id, got.status, got.body)
				}
				if got := do(t, "GET", other.presign(t, "GET", key, 0), "", "Range", "bytes=5-6"); got.status != 206 || got.body != "of" {
					t.Errorf("a range of %s on %s: %d %q", key, other.id, got.status, got.body)
				}
			}
		}
	}
	members[0].stop()
	for _, m := range members[1:] {
		for k := range 3 {
			key := fmt.Sprintf("etc/0-%d", k)
			if got := do(t, "GET", m.presign(t, "GET", key, 0), ""); got.body != "body of "+key {
				t.Errorf("%s on %s without n1: %d %q", key, m.id, got.status, got.body)
			}
		}
	}
	// With one node gone the other two still take uploads.
	do(t, "PUT", members[1].presign(t, "PUT", "etc/later", 0), "later").want(t, 200, "")
	// The folder of one of them is deleted while it runs.
	members[1].loseBlobs(t)
	if got := do(t, "GET", members[1].presign(t, "GET", "etc/later", 0), ""); got.body != "later" {
		t.Errorf("after the loss: %d %q", got.status, got.body)
	}
}

// A record that is a copy (a kicked job's input) shares the file of the key its
// bytes were uploaded under; handlers fetch one through the new job's URL.
func TestBlobOf_CopySharesTheFile(t *testing.T) {
	first := fsm.Object{Bucket: "photos", Key: "etc/a", Upload: "u1"}
	copied := first
	copied.Key, copied.File = "etc/b", "etc/a"
	if BlobOf(copied) != BlobOf(first) {
		t.Errorf("the copy is named %s, the file %s", BlobOf(copied), BlobOf(first))
	}
	copied.File = ""
	if BlobOf(copied) == BlobOf(first) {
		t.Error("another key's own file has the same name")
	}
}

// A URL that one node signed is good on the others.
func TestCluster_AnyNodesURL(t *testing.T) {
	members := startCluster(t, 3, nil)
	put := members[0].presign(t, "PUT", "etc/a", 0)
	elsewhere := strings.Replace(put, members[0].base, members[2].base, 1)
	do(t, "PUT", elsewhere, "a").want(t, 200, "")
	get := members[1].presign(t, "GET", "etc/a", 0)
	for _, m := range members {
		do(t, "GET", strings.Replace(get, members[1].base, m.base, 1), "").want(t, 200, "")
	}
}

// Where nobody else can take a copy, nothing is stored anywhere.
func TestCluster_NoSecondCopy(t *testing.T) {
	members := startCluster(t, 3, nil)
	for _, m := range members[1:] {
		m.store.disk.free = func(string) (int64, error) { return 0, nil }
	}
	do(t, "PUT", members[0].presign(t, "PUT", "etc/a", 0), "a").want(t, 507, StorageFull)
	members[2].store.disk.free = freeBytes // one is enough
	do(t, "PUT", members[0].presign(t, "PUT", "etc/b", 0), "b").want(t, 200, "")
	do(t, "GET", members[0].presign(t, "GET", "etc/a", 0), "").want(t, 404, NoSuchKey)
	for i, want := range []int{1, 0, 1} {
		if got := members[i].blobs(t); len(got) != want {
			t.Errorf("%s holds %v, want %d", members[i].id, got, want)
		}
	}
}

// Where the others have room and fail to take a copy, as far as anybody knows, nothing is stored either.
func TestCluster_SecondCopyFails(t *testing.T) {
	members := startCluster(t, 3, nil)
	call := members[0].store.peers.call
	members[0].store.peers.call = func(ctx context.Context, member string, r *http.Request) (*http.Response, error) {
		if r.Method == "PUT" {
			return nil, errors.New("broken")
		}
		return call(ctx, member, r)
	}
	do(t, "PUT", members[0].presign(t, "PUT", "etc/a", 0), "a").want(t, 503, ServiceUnavailable)
	do(t, "GET", members[1].presign(t, "GET", "etc/a", 0), "").want(t, 404, NoSuchKey)
	for _, m := range members {
		if got := m.blobs(t); len(got) != 0 {
			t.Errorf("%s holds %v", m.id, got)
		}
	}
}

// An upload that the machine refuses after its bytes were sent leaves no copy.
func TestCluster_RefusedAtTheEnd(t *testing.T) {
	members := startCluster(t, 3, nil)
	j := newJob(t, members[1], "1")
	body, feed := io.Pipe()
	result := make(chan error, 1)
	go func() {
		_, err := members[0].store.Put(t.Context(), PutRequest{Bucket: "photos", Key: j.InputKey(0), Body: body, Size: 4})
		result <- err
	}()
	if _, err := io.WriteString(feed, "ha"); err != nil { // it was admitted
		t.Fatal(err)
	}
	apply(t, members[2], fsm.CancelJob{User: j.User, Job: j.ID})
	if _, err := io.WriteString(feed, "lf"); err != nil {
		t.Fatal(err)
	}
	feed.Close()
	wantCode(t, <-result, Code(fsm.Forbidden))
	for _, m := range members {
		if got := m.blobs(t); len(got) != 0 {
			t.Errorf("%s holds %v", m.id, got)
		}
	}
}

// A copy that rotted is never taken for a complete one.
func TestCluster_DamagedCopy(t *testing.T) {
	members := startCluster(t, 3, nil)
	do(t, "PUT", members[0].presign(t, "PUT", "etc/a", 0), "body").want(t, 200, "")
	o, err := members[0].store.Head(t.Context(), "photos", "etc/a")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		for _, f := range m.blobs(t) {
			if err := os.WriteFile(filepath.Join(m.store.disk.dir, f), []byte("BODY"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, m := range members {
		if len(m.blobs(t)) > 0 {
			continue
		}
		r, err := m.store.Open(o, 0, o.Size)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err == nil || len(got) == 4 {
			t.Errorf("read %q, %v", got, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Memory is flat whatever the size: 64 MB are uploaded on one node, copied to
// another and downloaded from one that has no copy, all in this process.
func TestCluster_FlatMemory(t *testing.T) {
	const size = 64 << 20
	members := startCluster(t, 3, func(s *fsm.Settings) { s.MaxUpload = size })
	seed := [32]byte{1}
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(rand.NewChaCha8(seed), size)); err != nil {
		t.Fatal(err)
	}
	peak := watchHeap(t)
	req, err := http.NewRequest("PUT", members[0].presign(t, "PUT", "etc/big", 0), io.LimitReader(rand.NewChaCha8(seed), size))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = size
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	o, err := members[0].store.Head(t.Context(), "photos", "etc/big")
	if err != nil || string(o.SHA256) != string(h.Sum(nil)) {
		t.Fatalf("recorded %x, %v", o.SHA256, err)
	}
	for _, m := range members {
		h.Reset()
		resp, err := http.Get(m.presign(t, "GET", "etc/big", 0))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(h, resp.Body); err != nil || string(h.Sum(nil)) != string(o.SHA256) {
			t.Errorf("read on %s: %v", m.id, err)
		}
		resp.Body.Close()
	}
	if grown := peak(); grown > 24<<20 {
		t.Errorf("the heap grew by %d MB for objects of %d MB", grown>>20, size>>20)
	}
}

// watchHeap gives a function that says by how much the live heap has grown at most.
func watchHeap(t *testing.T) func() uint64 {
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := live(), uint64(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, live())
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	end := sync.OnceFunc(func() { close(stop); <-stopped })
	t.Cleanup(end)
	return func() uint64 { end(); return most - min(most, before) }
}

// Fetching goes on at another member when one fails in the middle.
func TestFetch_GoesOnElsewhere(t *testing.T) {
	body := strings.Repeat("0123456789", 50_000)
	breaks := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(body)-1, len(body)))
		w.WriteHeader(http.StatusPartialContent)
		io.WriteString(w, body[:200_000])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	o, p := startOthers(t, map[string]http.Handler{"n2": breaks, "n3": nil})
	sums := write(t, o.disks["n3"], someBlob, body)
	members := p.byLikelihood(someBlob, []string{"n1", "n2"}, p.others())
	r, err := p.fetchFrom(someBlob, sums.Size, sums.SHA256[:], 0, sums.Size, members, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != body {
		t.Errorf("%d bytes of %d, %v", len(got), len(body), err)
	}
	if fmt.Sprint(o.calls) != "[GET n2 GET n3]" {
		t.Errorf("asked %v", o.calls)
	}
}

func TestFetch_NobodyHasIt(t *testing.T) {
	_, p := startOthers(t, map[string]http.Handler{"n2": nil, "n3": nil})
	_, err := p.fetchFrom(someBlob, 1, nil, 0, 1, p.others(), nil)
	if err == nil || !strings.Contains(err.Error(), string(ServiceUnavailable)) {
		t.Errorf("%v", err)
	}
	if len(p.failed) != 0 {
		t.Errorf("members are blamed for having lost a copy: %v", p.failed)
	}
}

package handlers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"stoker/fsm"
	"stoker/objects"
)

// bucket is as much of an S3 outside as jobs need. It takes no request whose
// signature (AWS Signature Version 4) is not right.
type bucket struct {
	*httptest.Server
	t        *testing.T
	verifier *objects.Verifier

	mu      sync.Mutex
	objects map[string][]byte // by key
	down    bool
	secret  string
}

func newBucket(t *testing.T) *bucket {
	b := &bucket{t: t, objects: map[string][]byte{}, secret: "first"}
	b.verifier = &objects.Verifier{Keys: func(access string) (objects.Key, bool, error) {
		return objects.Key{Secret: b.secret}, access == "AK", nil
	}}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.verifier.Verify(objects.Request{
		Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Host: r.Host, Secure: true,
		Header: func(name string) []string {
			if name == "host" {
				return []string{r.Host}
			}
			return r.Header.Values(name)
		},
	})
	switch key, mine := strings.CutPrefix(r.URL.Path, "/elsewhere"); {
	case b.down:
		w.WriteHeader(http.StatusBadGateway)
	case err != nil:
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, "<Error><Code>SignatureDoesNotMatch</Code></Error>")
	case !mine:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "<Error><Code>NoSuchBucket</Code></Error>")
	case key == "" || key == "/":
	case r.Method == http.MethodPut:
		b.objects[key[1:]] = body
	case b.objects[key[1:]] == nil:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "<Error><Code>NoSuchKey</Code></Error>")
	default:
		w.Header().Set("ETag", `"e"`)
		http.ServeContent(w, r, "", time.Unix(1e9, 0), bytes.NewReader(b.objects[key[1:]]))
	}
}

func (b *bucket) with(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func (b *bucket) keys() (all []string) {
	b.with(func() {
		for key := range b.objects {
			all = append(all, key)
		}
	})
	return all
}

// newOutsideHouse is a house whose pictures are in a bucket elsewhere.
func newOutsideHouse(t *testing.T) (*house, *bucket) {
	t.Helper()
	b := newBucket(t)
	outside, err := objects.NewOutside(objects.OutsideConfig{
		Endpoint: b.URL, Bucket: "elsewhere", AccessKey: "AK", Secret: func(context.Context) (string, error) { return "first", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return newHouseOutside(t, outside, func(s *fsm.Settings, _ *Config) { s.MaxUpload = 1000 }), b
}

// A whole job whose pictures never touch this cluster's own store.
func TestOutside_WholeJob(t *testing.T) {
	h, b := newOutsideHouse(t)
	p := h.signUp("free")
	id, made := p.newJob(5)
	if url := uploadURL(made, 0); !strings.HasPrefix(url, b.URL+"/elsewhere/inputs/") {
		t.Fatalf("uploads go to %s", url)
	}
	h.put(uploadURL(made, 0), aPicture)
	h.put(uploadURL(made, 1), "<!DOCTYPE html>")
	h.put(uploadURL(made, 3), aPicture+strings.Repeat("x", 1000))
	h.put(uploadURL(made, 4), "")
	confirm := p.ask("POST", "/jobs/"+id+"/confirm-upload", nil)
	e := h.bad(fsm.UploadIncomplete, confirm).Error
	if fmt.Sprint(e.Missing) != "[1 2 3 4]" || len(e.Invalid) != 3 || e.Invalid[0].Idx != 1 || !strings.Contains(e.Invalid[1].Reason, "1000 bytes") || !strings.Contains(e.Invalid[2].Reason, "octet-stream") {
		t.Errorf("%v %v", e.Missing, e.Invalid)
	}
	for _, idx := range e.Missing {
		h.put(uploadURL(made, idx), aPicture)
	}
	if status, _ := h.raw("PUT", strings.Replace(uploadURL(made, 0), "X-Amz-Signature=", "X-Amz-Signature=0", 1), "x"); status != 403 {
		t.Errorf("a forged URL: %d", status)
	}
	if a := h.good(200, confirm); a.Data["status"] != "uploaded" {
		t.Errorf("%v", a.Data)
	}
	h.bad(fsm.JobInvalidTransition, confirm)
	h.good(202, p.ask("POST", "/jobs/"+id+"/execute", m{"concepts": walls}))
	work := h.leased("w", 5)
	item := work["items"].([]any)[0].(map[string]any)
	if status, text := h.raw("GET", item["input_url"].(string), ""); status != 200 || text != aPicture {
		t.Errorf("input: %d %q", status, text)
	}
	if want := fsm.Job.OutputKey(fsm.Job{ID: id, User: p.id}, 0); item["output_key"] != want {
		t.Errorf("output_key %v, the contract's is %s", item["output_key"], want)
	}
	for i := range 5 {
		h.finish(work, i)
	}
	shown := p.get("/jobs/" + id).Data["job"].(map[string]any)
	first := shown["download_urls"].([]any)[0].(map[string]any)
	for url, want := range map[string]string{first["output_url"].(string): "a result", first["preview_url"].(string): "a preview"} {
		if status, text := h.raw("GET", url, ""); status != 200 || text != want || !strings.HasPrefix(url, b.URL) {
			t.Errorf("download %s: %d %s", url, status, text)
		}
	}
	if status := shown["status"]; status != "done" {
		t.Error(status)
	}
}

// A worker that lost its lease overwrites nothing: its URLs are for a place of
// its own, which nobody names.
func TestOutside_StaleWorker(t *testing.T) {
	h, _ := newOutsideHouse(t)
	p := h.signUp("free")
	id := p.queued(1)
	stale := h.leased("w1", 1)
	h.good(200, h.work("/queue/leases/"+stale["lease_id"].(string)+"/release", m{"reason": "drain"}))
	holder := h.leased("w2", 1)
	url := func(work map[string]any) string {
		return work["items"].([]any)[0].(map[string]any)["output_url"].(string)
	}
	h.put(url(holder), "the holder's")
	h.put(url(stale), "the late one's")
	h.bad(fsm.LeaseLost, h.work("/queue/leases/"+stale["lease_id"].(string)+"/results", m{"results": []m{{"idx": 0, "status": "done"}}}))
	h.good(200, h.work("/queue/leases/"+holder["lease_id"].(string)+"/results", m{"results": []m{{"idx": 0, "status": "done"}}}))
	h.put(url(stale), "later still")
	download := p.get("/jobs/" + id).Data["job"].(map[string]any)["download_urls"].([]any)[0].(map[string]any)
	if status, text := h.raw("GET", download["output_url"].(string), ""); status != 200 || text != "the holder's" {
		t.Errorf("download: %d %q", status, text)
	}
	if download["preview_url"] != "" {
		t.Errorf("a preview that nobody made: %v", download)
	}
}

// A worker with a storage client of its own writes to the usual keys, and calls
// back without a lease: they stand.
func TestOutside_WorkerWithItsOwnClient(t *testing.T) {
	h, b := newOutsideHouse(t)
	p := h.signUp("free")
	id := p.queued(2)
	work := h.leased("w", 2)
	usual := fsm.Job{ID: id, User: p.id}
	b.with(func() { b.objects[usual.OutputKey(0)] = []byte("its own") })
	h.good(200, h.work("/jobs/"+id+"/callback", m{"idx": 0, "status": "completed", "output_key": usual.OutputKey(0)}))
	h.put(work["items"].([]any)[1].(map[string]any)["output_url"].(string), "by URL")
	h.good(200, h.work("/jobs/"+id+"/callback", m{"idx": 1, "status": "completed", "output_key": usual.OutputKey(1)}))
	for i, want := range []string{"its own", "by URL"} {
		d := p.get("/jobs/" + id).Data["job"].(map[string]any)["download_urls"].([]any)[i].(map[string]any)
		if status, text := h.raw("GET", d["output_url"].(string), ""); status != 200 || text != want {
			t.Errorf("item %d: %d %q", i, status, text)
		}
	}
}

// While the store cannot be asked nothing changes, and everybody can see why.
func TestOutside_Down(t *testing.T) {
	h, b := newOutsideHouse(t)
	p := h.signUp("free")
	id, made := p.newJob(1)
	h.put(uploadURL(made, 0), aPicture)
	b.with(func() { b.down = true })
	confirm := p.ask("POST", "/jobs/"+id+"/confirm-upload", nil)
	a := h.bad(fsm.Unavailable, confirm)
	if !strings.Contains(a.Error.Message, b.URL) || strings.Contains(string(a.text), "X-Amz") || a.header.Get("Retry-After") == "" {
		t.Errorf("%s", a.text)
	}
	if p.status(id) != "created" {
		t.Error(p.status(id))
	}
	ready := h.good(200, ask{method: "GET", path: "/ready"})
	if text, _ := ready.Data["objects"].(string); ready.Data["ready"] != true || !strings.Contains(text, "cannot be used") {
		t.Errorf("ready: %v", ready.Data)
	}
	status := h.good(200, h.operate("GET", "/admin/status", nil))
	if store := status.Data["objects"].(map[string]any); store["at"] != b.URL+"/elsewhere" || store["trouble"] == "" {
		t.Errorf("status: %v", store)
	}
	b.with(func() { b.down = false })
	h.good(200, confirm)
}

// What an S3 outside cannot do is said, not left out.
func TestOutside_WhatIsRefused(t *testing.T) {
	h, b := newOutsideHouse(t)
	p := h.signUp("free")
	e := h.bad(fsm.ValidationFailed, p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 1, "auto_confirm": true})).Error
	if len(e.Fields) != 1 || e.Fields[0].Field != "auto_confirm" {
		t.Errorf("%v", e)
	}
	h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/queue/kick", m{"job_id": "j_1"}))
	h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/jobs/j_1/retry", nil))
	h.bad(fsm.JobNotFound, p.ask("POST", "/jobs/j_none/confirm-upload", nil))
	if keys := b.keys(); len(keys) != 0 {
		t.Errorf("stored: %v", keys)
	}
}

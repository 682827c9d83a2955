package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"stoker/objects"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// bucketServer is as much of S3 as an upload in parts and a deletion need. It
// takes no request whose signature (AWS Signature Version 4) is not right.
type bucketServer struct {
	t        *testing.T
	verifier *objects.Verifier

	mu      sync.Mutex
	uploads map[string][][]byte // under way, by id
	objects map[string][]byte
}

func (s *bucketServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, err := s.verifier.Verify(objects.Request{
		Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Host: r.Host, Secure: true,
		Header: func(name string) []string {
			if name == "host" {
				return []string{r.Host}
			}
			return r.Header.Values(name)
		},
	})
	if err != nil {
		s.t.Logf("%s %s: %v", r.Method, r.URL, err)
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	query := r.URL.Query()
	id := query.Get("uploadId")
	switch {
	case r.Method == http.MethodPost && query.Has("uploads"):
		id = fmt.Sprint("u", len(s.uploads)+1)
		s.uploads[id] = [][]byte{}
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case r.Method == http.MethodPut && id != "":
		s.uploads[id] = append(s.uploads[id], body)
		w.Header().Set("ETag", fmt.Sprintf("%q", fmt.Sprint("e", len(s.uploads[id]))))
	case r.Method == http.MethodPost && id != "":
		s.objects[r.URL.Path] = slices.Concat(s.uploads[id]...)
		delete(s.uploads, id)
		fmt.Fprint(w, "<CompleteMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><ETag>\"e\"</ETag></CompleteMultipartUploadResult>")
	case r.Method == http.MethodDelete && id != "":
		delete(s.uploads, id)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodDelete:
		delete(s.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	default:
		s.t.Errorf("%s %s", r.Method, r.URL)
		http.Error(w, "not here", http.StatusNotImplemented)
	}
}

// TestBucket_allOrNothing: an upload appears when its archive was read to its
// end, one that fails leaves neither an object nor parts, and a deletion deletes.
func TestBucket_allOrNothing(t *testing.T) {
	s := &bucketServer{t: t, uploads: map[string][][]byte{}, objects: map[string][]byte{}}
	s.verifier = &objects.Verifier{Keys: func(key string) (objects.Key, bool, error) {
		return objects.Key{Secret: "secret"}, key == "access", nil
	}}
	server := httptest.NewTLSServer(s)
	defer server.Close()
	place, err := newBucket("backups/stoker", S3{Endpoint: server.URL, AccessKey: "access", SecretKey: "secret"}, server.Client().Transport)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, "n1", t.TempDir())
	h.populate(2)
	whole := h.archive(Included)
	if _, err := Save(t.Context(), place, "b.tar", bytes.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.objects["/backups/stoker/b.tar"], whole) || place.String() != "s3://backups/stoker" {
		t.Errorf("the bucket holds %d bytes, sent %d", len(s.objects["/backups/stoker/b.tar"]), len(whole))
	}
	gone := errors.New("the node went away")
	for _, from := range []io.Reader{
		bytes.NewReader(altered(t, whole, blobFolder)), io.MultiReader(bytes.NewReader(whole[:4000]), failing{gone}),
	} {
		if _, err := Save(t.Context(), place, "bad.tar", from); err == nil {
			t.Error("a broken archive was uploaded")
		}
	}
	if len(s.objects) != 1 || len(s.uploads) != 0 {
		t.Errorf("left over: %d objects, %d uploads", len(s.objects), len(s.uploads))
	}
	if err := place.Delete(t.Context(), "b.tar"); err != nil || len(s.objects) != 0 {
		t.Errorf("deleted: %v, %d are left", err, len(s.objects))
	}
	stranger, err := newBucket("backups", S3{Endpoint: server.URL, AccessKey: "access", SecretKey: "guessed"}, server.Client().Transport)
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Put(t.Context(), "x", strings.NewReader("x")); err == nil {
		t.Error("a wrong key opened the bucket")
	}
}

func TestParsePlace(t *testing.T) {
	keys := S3{AccessKey: "a", SecretKey: "s"}
	for text, want := range map[string]string{"/var/b/": "/var/b", "s3://b": "s3://b", "s3://b/p/q/": "s3://b/p/q"} {
		p, err := ParsePlace(text, keys)
		if err != nil || p.String() != want {
			t.Errorf("%s: %v, %v", text, p, err)
		}
	}
	for text, s3 := range map[string]S3{
		"": keys, "s3://": keys, "ftp://x/y": keys, "s3://b": {}, "s3://b/p": {Endpoint: "s3.example.org", AccessKey: "a", SecretKey: "s"},
	} {
		if p, err := ParsePlace(text, s3); err == nil {
			t.Errorf("%q was taken as %s", text, p)
		}
	}
}

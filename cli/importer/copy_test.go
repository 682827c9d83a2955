package importer

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// bucket is as much of an S3 as a copy needs.
type bucket struct {
	mu    sync.Mutex
	holds map[string][]byte
	lies  map[string]int  // so many times it gives other bytes than it says
	shut  map[string]bool // it takes no such object
	puts  int
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/photos"), "/")
	if key == "" {
		b.list(w, r.URL.Query().Get("prefix"))
		return
	}
	body, there := b.holds[key]
	switch {
	case r.Method == http.MethodPut && b.shut[key]:
		w.WriteHeader(403)
		fmt.Fprint(w, `<Error><Code>AccessDenied</Code><Message>there is no such job</Message></Error>`)
	case r.Method == http.MethodPut:
		b.puts++
		b.holds[key] = unchunked(r.Body)
		w.Header().Set("ETag", etag(b.holds[key]))
	case r.Method == http.MethodDelete:
		delete(b.holds, key)
		w.WriteHeader(204)
	case !there:
		w.WriteHeader(404)
	default:
		w.Header().Set("ETag", etag(body))
		w.Header().Set("Last-Modified", time.Unix(1710000000, 0).UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		if r.Method == http.MethodGet && b.lies[key] > 0 {
			b.lies[key]--
			body = slices.Repeat([]byte("!"), len(body))
		}
		if r.Method == http.MethodGet {
			w.Write(body)
		}
	}
}

func (b *bucket) list(w http.ResponseWriter, prefix string) {
	fmt.Fprint(w, `<ListBucketResult><Name>photos</Name><IsTruncated>false</IsTruncated>`)
	for key, body := range b.holds {
		if strings.HasPrefix(key, prefix) {
			fmt.Fprintf(w, `<Contents><Key>%s</Key><ETag>%s</ETag><Size>%d</Size><LastModified>2024-03-10T10:00:00.000Z</LastModified></Contents>`, key, etag(body), len(body))
		}
	}
	fmt.Fprint(w, `</ListBucketResult>`)
}

func etag(body []byte) string {
	sum := md5.Sum(body)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// unchunked takes the signatures out of a body that was sent in signed chunks.
func unchunked(in io.Reader) (out []byte) {
	r := bufio.NewReader(in)
	for {
		var n int
		line, err := r.ReadString('\n')
		if _, bad := fmt.Sscanf(line, "%x;", &n); err != nil || bad != nil || n == 0 {
			io.Copy(io.Discard, r)
			return out
		}
		piece := make([]byte, n+2)
		if _, err := io.ReadFull(r, piece); err != nil {
			return out
		}
		out = append(out, piece[:n]...)
	}
}

func served(t *testing.T, b *bucket) Bucket {
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	c, err := minio.New(strings.TrimPrefix(server.URL, "http://"), &minio.Options{Creds: credentials.NewStaticV4("key", "secret-of-the-key", ""), Region: "auto", BucketLookup: minio.BucketLookupPath})
	if err != nil {
		t.Fatal(err)
	}
	return Bucket{Client: c, Name: "photos"}
}

// TestCopy: what is whole there is left out, what came broken is asked for again, and what is refused is told of and stops nothing.
func TestCopy(t *testing.T) {
	from := &bucket{holds: map[string][]byte{}, lies: map[string]int{"a/1": 1, "a/2": 9}}
	to := &bucket{holds: map[string][]byte{"a/5": []byte("picture 5"), "a/6": []byte("pictur e6")}, shut: map[string]bool{"a/3": true}}
	for i := range 20 {
		from.holds[fmt.Sprintf("a/%d", i)] = fmt.Appendf(nil, "picture %d", i)
	}
	from.holds["b/1"] = []byte("not asked for")
	old, here := served(t, from), served(t, to)
	old.Prefix = "a/"
	p := NewProgress(t.Output(), false)
	defer p.Close()
	dry, err := Copy(t.Context(), old, Bucket{}, true, p)
	if err != nil || dry.Found != 20 || to.puts > 0 {
		t.Fatalf("%v %+v, %d puts", err, dry, to.puts)
	}
	got, err := Copy(t.Context(), old, here, false, p)
	if err != nil || got.Found != 20 || got.Copied != 17 || got.There != 1 || got.Failed != 2 || got.Unproven != 0 {
		t.Fatalf("%v %+v", err, got)
	}
	why := map[string]string{}
	for _, f := range got.Failures {
		why[f.Key] = f.Why
	}
	if !strings.Contains(why["a/2"], "the old bucket says") || !strings.Contains(why["a/3"], "no such job") {
		t.Errorf("failures: %v", why)
	}
	if string(to.holds["a/1"]) != "picture 1" || string(to.holds["a/6"]) != "picture 6" || to.holds["a/2"] != nil || to.holds["b/1"] != nil {
		t.Errorf("here is %q", to.holds)
	}
	to.shut, from.lies, to.puts = nil, nil, 0
	if got, err = Copy(t.Context(), old, here, false, p); err != nil || got.Copied != 2 || got.There != 18 || got.Failed != 0 || to.puts != 2 {
		t.Errorf("again: %v %+v, %d puts", err, got, to.puts)
	}
}

//go:build slow

package acceptance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stoker/client"
	"stoker/objects"
)

// bucket is an S3 outside: it checks every signature and keeps what is put.
type bucket struct {
	verifier *objects.Verifier

	mu   sync.Mutex
	kept map[string][]byte
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, err := b.verifier.Verify(objects.Request{
		Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Host: r.Host, Secure: true,
		Header: func(name string) []string {
			if name == "host" {
				return []string{r.Host}
			}
			return r.Header.Values(name)
		},
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	picture, there := b.kept[r.URL.Path]
	switch {
	case err != nil:
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, "<Error><Code>SignatureDoesNotMatch</Code></Error>")
	case r.Method == http.MethodPut:
		b.kept[r.URL.Path] = body
	case there:
		http.ServeContent(w, r, "", time.Unix(1e9, 0), bytes.NewReader(picture))
	case strings.Trim(r.URL.Path, "/") != "elsewhere":
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "<Error><Code>NoSuchKey</Code></Error>")
	}
}

// A whole job over three real nodes whose pictures are in an S3 outside, opened with a secret of the cluster.
func TestSlowOutside_WholeJob(t *testing.T) {
	t.Parallel()
	b := &bucket{kept: map[string][]byte{}}
	b.verifier = &objects.Verifier{Keys: func(key string) (objects.Key, bool, error) {
		return objects.Key{Secret: "kept sealed"}, key == "AK", nil
	}}
	store := httptest.NewServer(b)
	defer store.Close()

	c := newCluster(t, 3, binary)
	for _, n := range c.Nodes {
		rewritten(t, filepath.Join(c.Dir, n.ID, "stoker.toml"), func(text string) string {
			return text + fmt.Sprintf("\n[objects]\nendpoint = %q\nbucket = \"elsewhere\"\naccess_key = \"AK\"\n", store.URL)
		})
	}
	c.begin(t)
	if text := c.told(t, "", "status"); !strings.Contains(text, "stoker secret put objects.secret") {
		t.Errorf("without its secret the status says:\n%s", text)
	}
	c.told(t, "kept sealed", "secret", "put", "objects.secret")

	u := c.user(t)
	ticket := u.created(t, 0, 3)
	put := func(idx int, body string) {
		t.Helper()
		if err := u.any.Upload(t.Context(), ticket.PresignedURLs[idx].URL, strings.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	}
	put(0, string(pictureOf(ticket.JobID, 0)))
	put(1, "<html>")
	var refused *client.Error
	if err := u.at[1].ConfirmUpload(t.Context(), ticket.JobID); !errors.As(err, &refused) || fmt.Sprint(refused.Missing) != "[1 2]" || len(refused.Invalid) != 1 || refused.Invalid[0].Idx != 1 {
		t.Fatalf("confirm: %v", err)
	}
	put(1, string(pictureOf(ticket.JobID, 1)))
	put(2, string(pictureOf(ticket.JobID, 2)))
	if err := u.at[1].ConfirmUpload(t.Context(), ticket.JobID); err != nil {
		t.Fatal(err)
	}
	if err := u.at[2].Execute(t.Context(), ticket.JobID, wall); err != nil {
		t.Fatal(err)
	}
	g := c.lease(t, 0, 3, ticket.JobID)
	var input bytes.Buffer
	if _, err := c.any.Download(t.Context(), g.Items[0].InputURL, &input); err != nil || !bytes.Equal(input.Bytes(), pictureOf(ticket.JobID, 0)) {
		t.Errorf("input: %d bytes, %v", input.Len(), err)
	}
	c.finished(t, 1, g, "made outside")
	j := u.job(t, 2, ticket.JobID)
	if j.Status != client.Done || len(j.DownloadURLs) != 3 {
		t.Fatalf("%+v", j)
	}
	for _, d := range j.DownloadURLs {
		var out bytes.Buffer
		if _, err := c.any.Download(t.Context(), d.OutputURL, &out); err != nil || out.String() != "made outside" || !strings.HasPrefix(d.OutputURL, store.URL) {
			t.Errorf("%s: %q, %v", d.OutputURL, out.String(), err)
		}
	}
	// A node that was asked before the secret was there believes what it heard for 10 s.
	eventually(t, "a status that says where the pictures are", func() bool {
		return strings.Contains(c.told(t, "", "status"), "objects: outside, "+store.URL+"/elsewhere")
	})
}

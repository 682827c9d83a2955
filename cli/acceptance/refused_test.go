package acceptance

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"stoker/objects/refusals"
)

// TestRefused sends the table of package refusals to the port of the real binary: no
// line of it is let in, changes what a listing says, or leaves a file.
func TestRefused(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1, binary)
	c.begin(t)
	access, secret := c.key(t, "refused")
	s := refusals.Signer{Access: access, Secret: secret, Host: c.Nodes[0].HTTP, Bucket: "photos", Now: time.Now()}
	bucket := s3(t, s.Host, access, secret)
	state := func() string {
		t.Helper()
		var lines []string
		for o := range bucket.ListObjects(t.Context(), s.Bucket, minio.ListObjectsOptions{Recursive: true}) {
			if o.Err != nil {
				t.Fatal(o.Err)
			}
			lines = append(lines, fmt.Sprint(o.Key, o.Size, o.ETag, o.LastModified))
		}
		err := filepath.WalkDir(c.blobDir(0), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				lines = append(lines, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "\n")
	}
	if _, err := bucket.PutObject(t.Context(), s.Bucket, refusals.Kept, strings.NewReader("it is there"), 11, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	before := state()
	want := func(what, code string, a refusals.Answer, err error) {
		t.Helper()
		if err != nil || !slices.Contains(strings.Split(code, " or "), a.Code) {
			t.Errorf("%s: %d %q, want %s; %v", what, a.Status, a.Code, code, err)
		}
	}
	for _, line := range refusals.Cases {
		a, err := line.Send(s)
		want(string(line.Form)+", "+line.Name, line.Code, a, err)
	}
	for _, f := range refusals.Altered {
		f.Each(s, func(altered string, a refusals.Answer, err error) {
			want(fmt.Sprintf("%s, %s altered to %q", f.Form, f.Name, altered), f.Code, a, err)
		})
	}
	if after := state(); after != before {
		t.Errorf("something was stored:\n%s\nbefore:\n%s", after, before)
	}
	for _, f := range []refusals.Form{refusals.Header, refusals.URL, refusals.Chunks} {
		if a, err := refusals.Honest(f, s); err != nil || a.Status != 200 {
			t.Errorf("nobody has altered this one, signed in %s: %+v %v", f, a, err)
		}
	}
}

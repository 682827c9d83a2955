package objects

import (
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"stoker/fsm"
)

// TestArchive_outOfReach: the bucket of the archive can be neither read, listed,
// written, copied from nor made by any S3 client, whatever its key may do.
func TestArchive_outOfReach(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	body := "a segment"
	if _, err := m.store.Put(t.Context(), PutRequest{Bucket: fsm.ArchiveBucket, Key: "jobs/1", Body: strings.NewReader(body), Size: int64(len(body))}); err != nil {
		t.Fatal(err)
	}
	for _, e := range []struct{ method, path, body string }{
		{"GET", "/_archive/jobs/1", ""}, {"PUT", "/_archive/jobs/1", "another"}, {"DELETE", "/_archive/jobs/1", ""},
		{"GET", "/_archive", ""}, {"PUT", "/_archive", ""}, {"DELETE", "/_archive", ""},
		{"GET", "/%5Farchive/jobs/1", ""}, {"GET", "/photos/../_archive/jobs/1", ""},
	} {
		if got := do(t, e.method, sign(t, m, e.method, e.path), e.body); got.status/100 != 4 || strings.Contains(got.body, body) {
			t.Errorf("%s %s: %d %s", e.method, e.path, got.status, got.body)
		}
	}
	c := m.client(t)
	_, err := c.CopyObject(t.Context(), fsm.ArchiveBucket, "jobs/1", "photos", "mine", nil, minio.CopySrcOptions{}, minio.PutObjectOptions{})
	if code := codeOf(err); code != NoSuchBucket {
		t.Errorf("a copy: %v", err)
	}
	list, err := c.ListObjectsV2("photos", "", "", "", "", 1000)
	if err != nil || len(list.Contents) != 0 {
		t.Errorf("the list has %+v, %v", list.Contents, err)
	}
	o, err := m.store.Head(t.Context(), fsm.ArchiveBucket, "jobs/1")
	if err != nil || o.Size != int64(len(body)) {
		t.Errorf("the segment is %+v, %v", o, err)
	}
}

package objects

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"

	"stoker/fsm"
)

// What an upload may demand of the object that it replaces, as S3 has it.
func TestServe_ConditionalPut(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	put := func(body string, headers ...string) reply {
		t.Helper()
		return do(t, "PUT", m.presign(t, "PUT", "etc/a", 0), body, headers...)
	}
	put("x", "If-Match", `"d41d8cd98f00b204e9800998ecf8427e"`).want(t, 404, NoSuchKey)
	put("x", "If-Match", "*").want(t, 404, NoSuchKey)
	one := put("one", "If-None-Match", "*")
	one.want(t, 200, "")
	put("two", "If-None-Match", "*").want(t, 412, PreconditionFailed)
	put("two", "If-Match", `"d41d8cd98f00b204e9800998ecf8427e"`).want(t, 412, PreconditionFailed)
	two := put("two", "If-Match", one.header.Get("ETag"))
	two.want(t, 200, "")
	put("three", "If-Match", one.header.Get("ETag")).want(t, 412, PreconditionFailed)
	put("three", "If-Match", strings.Trim(two.header.Get("ETag"), `"`)).want(t, 200, "")
	for _, headers := range [][]string{
		{"If-None-Match", `"d41d8cd98f00b204e9800998ecf8427e"`}, {"If-Match", `"a", "b"`}, {"If-Match", `W/"a"`},
	} {
		put("four", headers...).want(t, 501, NotImplemented)
	}
	put("four", "If-Match", "*", "If-None-Match", "*").want(t, 400, InvalidArgument)
	put("four", "If-Match", `""`).want(t, 400, InvalidArgument)
	do(t, "DELETE", sign(t, m, "DELETE", "/photos/etc/a"), "", "If-Match", "*").want(t, 501, NotImplemented)
	if got := do(t, "GET", m.presign(t, "GET", "etc/a", 0), ""); got.body != "three" {
		t.Errorf("read %q", got.body)
	}
	if got := m.blobs(t); len(got) != 3 {
		t.Errorf("what was refused left files: %v", got)
	}
}

// An upload in parts, and a copy, may demand the same when they make their object.
func TestServe_ConditionalComplete(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	ctx, c := t.Context(), m.client(t)
	const key = "etc/a"
	id := must[string](t)(c.NewMultipartUpload(ctx, "photos", key, minio.PutObjectOptions{}))
	body := bodyOf(int(fsm.MinPart), 1)
	part := must[minio.ObjectPart](t)(c.PutObjectPart(ctx, "photos", key, id, 1, bytes.NewReader(body), int64(len(body)), minio.PutObjectPartOptions{}))
	parts := []minio.CompletePart{{PartNumber: 1, ETag: part.ETag}}
	tag := strings.Trim(do(t, "PUT", m.presign(t, "PUT", key, 0), "in the way").header.Get("ETag"), `"`)
	var absent, other, this minio.PutObjectOptions
	absent.SetMatchETagExcept("*")
	other.SetMatchETag(part.ETag)
	this.SetMatchETag(tag)
	_, err := c.CompleteMultipartUpload(ctx, "photos", key, id, parts, absent)
	refusedWith(t, "there is one", err, PreconditionFailed)
	_, err = c.CompleteMultipartUpload(ctx, "photos", key, id, parts, other)
	refusedWith(t, "there is another", err, PreconditionFailed)
	done := must[minio.UploadInfo](t)(c.CompleteMultipartUpload(ctx, "photos", key, id, parts, this))
	again := must[minio.UploadInfo](t)(c.CompleteMultipartUpload(ctx, "photos", key, id, parts, this))
	if again.ETag != done.ETag {
		t.Errorf("asked again: %+v", again)
	}
	do(t, "PUT", m.presign(t, "PUT", key, 0), "after", "If-Match", done.ETag).want(t, 200, "")
}

// Two nodes take uploads of one key at the same moment, each of which demands that
// there be none: exactly one is stored, and all nodes read that one.
func TestCluster_OneWinner(t *testing.T) {
	members := startCluster(t, 3, nil)
	for round := range 5 {
		key := fmt.Sprintf("etc/%d", round)
		var wins, losses []string
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 16 {
			m, body := members[i%2], fmt.Sprintf("upload %d of %s", i, key)
			url := m.presign(t, "PUT", key, 0)
			all.Go(func() {
				got := do(t, "PUT", url, body, "If-None-Match", "*")
				mu.Lock()
				defer mu.Unlock()
				switch got.status {
				case 200:
					wins = append(wins, body)
				case 412:
					losses = append(losses, body)
				default:
					t.Errorf("%d %s", got.status, got.body)
				}
			})
		}
		all.Wait()
		if len(wins) != 1 || len(losses) != 15 {
			t.Fatalf("%d were stored, %d refused", len(wins), len(losses))
		}
		for _, m := range members {
			if got := do(t, "GET", m.presign(t, "GET", key, 0), ""); got.body != wins[0] {
				t.Errorf("%s reads %q, %q was acknowledged", m.id, got.body, wins[0])
			}
		}
	}
	files := map[string]bool{}
	for _, m := range members {
		for _, f := range m.blobs(t) {
			files[f] = true
		}
	}
	if len(files) != 5 {
		t.Errorf("what lost left files: %v", files)
	}
}

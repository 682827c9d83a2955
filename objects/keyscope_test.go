package objects

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/minio/minio-go/v7"

	"stoker/fsm"
)

// What names more than one object asks for each: a listing for its prefix, a copy for its
// source and its target, deleting many for every key.
func TestKeys_ScopesOfMany(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	ctx, all := t.Context(), m.client(t)
	for _, key := range []string{"site/a", "site/sub/b", "other/a", "sitemap"} {
		do(t, "PUT", m.presign(t, "PUT", key, 0), "body of "+key).want(t, 200, "")
	}
	site := func(access fsm.KeyAccess) *minio.Core {
		id := fmt.Sprintf("KEY%dSITE", len(access))
		return m.s3(t, firstOf(m.operator(t, id, access, "site/")), secondOf(m.operator(t, id, access, "site/")))
	}
	reads, writes, both := site(fsm.KeyRead), site(fsm.KeyWrite), site(fsm.KeyReadWrite)
	want := func(what string, err error, code Code) {
		t.Helper()
		if got := codeOf(err); got != code {
			t.Errorf("%s: %v, want %q", what, err, code)
		}
	}

	for prefix, code := range map[string]Code{"site/": "", "site/sub/": "", "": AccessDenied, "site": AccessDenied, "sit": AccessDenied, "other/": AccessDenied} {
		_, err := reads.ListObjectsV2("photos", prefix, "", "", "/", 100)
		want("list "+prefix, err, code)
		_, err = reads.ListObjects("photos", prefix, "", "/", 100)
		want("list as before "+prefix, err, code)
		_, err = writes.ListObjectsV2("photos", prefix, "", "", "/", 100)
		want("list with a key that only writes "+prefix, err, AccessDenied)
		_, err = writes.ListMultipartUploads(ctx, "photos", prefix, "", "", "/", 100)
		want("list uploads "+prefix, err, code)
		_, err = reads.ListMultipartUploads(ctx, "photos", prefix, "", "", "/", 100)
		want("list uploads with a key that only reads "+prefix, err, AccessDenied)
	}
	page := must[minio.ListBucketV2Result](t)(reads.ListObjectsV2("photos", "site/", "", "", "", 100))
	if len(page.Contents) != 2 {
		t.Errorf("listed %+v", page.Contents)
	}
	// Where a page begins is no way around the prefix.
	page = must[minio.ListBucketV2Result](t)(reads.ListObjectsV2("photos", "site/", "a", "", "", 100))
	if len(page.Contents) != 2 {
		t.Errorf("listed behind a %+v", page.Contents)
	}

	for _, e := range []struct {
		what     string
		client   *minio.Core
		from, to string
		code     Code
	}{
		{"within", both, "site/a", "site/copy", ""},
		{"out of it", both, "site/a", "other/copy", AccessDenied},
		{"into it", both, "other/a", "site/stolen", AccessDenied},
		{"into it, of what is not there", both, "other/none", "site/stolen", AccessDenied},
		{"with a key that only reads", reads, "site/a", "site/copy2", AccessDenied},
		{"with a key that only writes", writes, "site/a", "site/copy2", AccessDenied},
	} {
		_, err := e.client.CopyObject(ctx, "photos", e.from, "photos", e.to, nil, minio.CopySrcOptions{}, minio.PutObjectOptions{})
		want("copy "+e.what, err, e.code)
	}
	id := must[string](t)(both.NewMultipartUpload(ctx, "photos", "site/parts", minio.PutObjectOptions{}))
	_, err := both.CopyObjectPart(ctx, "photos", "other/a", "photos", "site/parts", id, 1, 0, 4, nil)
	want("a part of what it may not read", err, AccessDenied)
	_, err = reads.PutObjectPart(ctx, "photos", "site/parts", id, 1, bytes.NewReader([]byte("x")), 1, minio.PutObjectPartOptions{})
	want("a part with a key that only reads", err, AccessDenied)
	_, err = both.NewMultipartUpload(ctx, "photos", "other/parts", minio.PutObjectOptions{})
	want("an upload in parts elsewhere", err, AccessDenied)

	doomed := make(chan minio.ObjectInfo, 4)
	for _, key := range []string{"site/copy", "other/a", "sitemap", "site/sub/b"} {
		doomed <- minio.ObjectInfo{Key: key}
	}
	close(doomed)
	spared := map[string]string{}
	for e := range both.RemoveObjects(ctx, "photos", doomed, minio.RemoveObjectsOptions{}) {
		spared[e.ObjectName] = minio.ToErrorResponse(e.Err).Code
	}
	if len(spared) != 2 || spared["other/a"] != string(AccessDenied) || spared["sitemap"] != string(AccessDenied) {
		t.Errorf("refused: %v", spared)
	}
	left := must[minio.ListBucketV2Result](t)(all.ListObjectsV2("photos", "", "", "", "", 100))
	var keys []string
	for _, o := range left.Contents {
		keys = append(keys, o.Key)
	}
	if fmt.Sprint(keys) != "[other/a site/a sitemap]" {
		t.Errorf("left: %v", keys)
	}
}

package objects

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"stoker/fsm"
)

// client speaks S3 to a member, one call at a time.
func (m *member) client(t *testing.T) *minio.Core {
	t.Helper()
	access, secret := m.credentials(t)
	c, err := minio.NewCore(strings.TrimPrefix(m.base, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(access, secret, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func must[A any](t *testing.T) func(A, error) A {
	return func(a A, err error) A {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

func refusedWith(t *testing.T, what string, err error, code Code) {
	t.Helper()
	if got := minio.ToErrorResponse(err).Code; got != string(code) {
		t.Errorf("%s: %q (%v), want %s", what, got, err, code)
	}
}

// bodyOf makes n bytes that are nowhere the same.
func bodyOf(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i) ^ byte(i>>8)*31 ^ byte(i>>16)*7 ^ seed
	}
	return b
}

func TestServe_Listing(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	ctx, c := t.Context(), m.client(t)
	var want []string
	for i := range 250 { // recorded as uploads are; their bytes are nobody's business here
		key := fmt.Sprintf("list/%d/%03d 사진+&<.jpg", i%3, i)
		want = append(want, key)
		apply(t, m, fsm.PutObject{Object: fsm.Object{Bucket: "photos", Key: key, Upload: fmt.Sprint("u", i), MD5: make([]byte, 16), Nodes: []string{m.id}}})
	}
	slices.Sort(want)
	var got []string
	token := ""
	for {
		page := must[minio.ListBucketV2Result](t)(c.ListObjectsV2("photos", "list/", "", token, "", 100))
		for _, o := range page.Contents {
			got = append(got, o.Key)
		}
		if token = page.NextContinuationToken; !page.IsTruncated {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("version 2 lists %d keys: %.3q", len(got), got)
	}
	got = nil
	for o := range c.Client.ListObjects(ctx, "photos", minio.ListObjectsOptions{Prefix: "list/", Recursive: true, UseV1: true, MaxKeys: 99}) {
		got = append(got, o.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("version 1 lists %d keys", len(got))
	}
	got = nil
	for o := range c.Client.ListObjects(ctx, "photos", minio.ListObjectsOptions{Prefix: "list/", MaxKeys: 1}) {
		got = append(got, o.Key)
	}
	if !slices.Equal(got, []string{"list/0/", "list/1/", "list/2/"}) {
		t.Errorf("folders %q", got)
	}
	got = nil
	for o := range c.Client.ListObjects(ctx, "photos", minio.ListObjectsOptions{Prefix: "list/", MaxKeys: 1, UseV1: true}) {
		got = append(got, o.Key)
	}
	if !slices.Equal(got, []string{"list/0/", "list/1/", "list/2/"}) {
		t.Errorf("folders in version 1 %q", got)
	}
	page := must[minio.ListBucketV2Result](t)(c.ListObjectsV2("photos", "", want[248], "", "/", 0))
	if len(page.Contents) != 0 || len(page.CommonPrefixes) != 1 {
		t.Errorf("behind the last but one: %+v", page)
	}
	for query, code := range map[string]Code{"continuation-token=!": InvalidArgument, "max-keys=x": InvalidArgument, "max-keys=-1": InvalidArgument, "encoding-type=x": InvalidArgument, "list-type=3": InvalidArgument, "policy-of=x": NotImplemented} {
		name, value, _ := strings.Cut(query, "=")
		fields := []field{{"list-type", "2"}, {name, value}}
		if name == "list-type" {
			fields = fields[1:]
		}
		do(t, "GET", sign(t, m, "GET", "/photos", fields...), "").want(t, code.status(), code)
	}
	// Deleting many is one entry, with an answer for each key.
	before := m.index(t)
	failed := 0
	keys := make(chan minio.ObjectInfo, len(want)+2)
	for _, key := range append(want, "list/never", "a//b") {
		keys <- minio.ObjectInfo{Key: key}
	}
	close(keys)
	for e := range c.RemoveObjects(ctx, "photos", keys, minio.RemoveObjectsOptions{}) {
		failed++
		if e.ObjectName != "a//b" || minio.ToErrorResponse(e.Err).Code != string(InvalidURI) {
			t.Errorf("%s: %v", e.ObjectName, e.Err)
		}
	}
	if failed != 1 {
		t.Errorf("%d keys failed", failed)
	}
	if n := m.index(t) - before; n == 0 || n > 5 { // the node's own housekeeping may fall among them
		t.Errorf("%d entries for %d keys", n, len(want)+2)
	}
	left := must[minio.ListBucketV2Result](t)(c.ListObjectsV2("photos", "", "", "", "", 1000))
	if len(left.Contents) != 0 {
		t.Errorf("left %v", left.Contents)
	}
}

// index is the last entry that a member has applied.
func (m *member) index(t *testing.T) uint64 {
	t.Helper()
	v, err := m.store.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	return v.Index()
}

func (c Code) status() int { return status[c] }

func TestServe_Copies(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	ctx, c := t.Context(), m.client(t)
	put := must[minio.UploadInfo](t)(c.PutObject(ctx, "photos", "a/1", strings.NewReader("one"), 3, "", "", minio.PutObjectOptions{
		ContentType: "text/plain", UserMetadata: map[string]string{"k": "v"},
	}))
	copied := func(to string, src minio.CopySrcOptions, meta map[string]string) error {
		_, err := c.CopyObject(ctx, "photos", "a/1", "photos", to, meta, src, minio.PutObjectOptions{})
		return err
	}
	if err := copied("b/1", minio.CopySrcOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := copied("b/2", minio.CopySrcOptions{}, map[string]string{"x-amz-metadata-directive": "REPLACE", "content-type": "image/png", "x-amz-meta-new": "w"}); err != nil {
		t.Fatal(err)
	}
	if n := len(m.blobs(t)); n != 1 {
		t.Errorf("%d files of one upload and two copies", n)
	}
	one, two := do(t, "GET", m.presign(t, "GET", "b/1", 0), ""), do(t, "GET", m.presign(t, "GET", "b/2", 0), "")
	if one.body != "one" || one.header.Get("Content-Type") != "text/plain" || one.header.Get("x-amz-meta-k") != "v" {
		t.Errorf("copy %q %v", one.body, one.header)
	}
	if two.body != "one" || two.header.Get("Content-Type") != "image/png" || two.header.Get("x-amz-meta-k") != "" || two.header.Get("x-amz-meta-new") != "w" {
		t.Errorf("copy with other words %q %v", two.body, two.header)
	}
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for name, e := range map[string]struct {
		headers map[string]string
		code    Code
	}{
		"the tag":          {map[string]string{"x-amz-copy-source-if-match": put.ETag}, ""},
		"another tag":      {map[string]string{"x-amz-copy-source-if-match": "x"}, PreconditionFailed},
		"not the tag":      {map[string]string{"x-amz-copy-source-if-none-match": put.ETag}, PreconditionFailed},
		"not another":      {map[string]string{"x-amz-copy-source-if-none-match": "x"}, ""},
		"newer than past":  {map[string]string{"x-amz-copy-source-if-modified-since": past.UTC().Format(http.TimeFormat)}, ""},
		"newer than later": {map[string]string{"x-amz-copy-source-if-modified-since": future.UTC().Format(http.TimeFormat)}, PreconditionFailed},
		"older than past":  {map[string]string{"x-amz-copy-source-if-unmodified-since": past.UTC().Format(http.TimeFormat)}, PreconditionFailed},
		"older than later": {map[string]string{"x-amz-copy-source-if-unmodified-since": future.UTC().Format(http.TimeFormat)}, ""},
		"no directive":     {map[string]string{"x-amz-metadata-directive": "KEEP"}, InvalidArgument},
	} {
		refusedWith(t, name, copied("b/3", minio.CopySrcOptions{}, e.headers), e.code)
	}
	refusedWith(t, "onto itself", copied("a/1", minio.CopySrcOptions{}, nil), InvalidRequest)
	_, err := c.CopyObject(ctx, "photos", "a/2", "photos", "b/4", nil, minio.CopySrcOptions{}, minio.PutObjectOptions{})
	refusedWith(t, "of nothing", err, NoSuchKey)
	_, err = c.CopyObject(ctx, "videos", "a/1", "photos", "b/4", nil, minio.CopySrcOptions{}, minio.PutObjectOptions{})
	refusedWith(t, "of another bucket", err, NoSuchBucket)
	_, err = c.CopyObject(ctx, "photos", "../x", "photos", "b/4", nil, minio.CopySrcOptions{}, minio.PutObjectOptions{})
	refusedWith(t, "of no key", err, InvalidArgument)
	// The source may go; what was uploaded stays for its copies.
	if err := c.RemoveObject(ctx, "photos", "a/1", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := do(t, "GET", m.presign(t, "GET", "b/1", 0), ""); got.body != "one" {
		t.Errorf("%d %q", got.status, got.body)
	}
}

func TestServe_Buckets(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	ctx, c := t.Context(), m.client(t)
	list := must[[]minio.BucketInfo](t)(c.ListBuckets(ctx))
	if len(list) != 1 || list[0].Name != "photos" {
		t.Errorf("buckets %+v", list)
	}
	if there := must[bool](t)(c.BucketExists(ctx, "photos")); !there {
		t.Error("the bucket is not there")
	}
	if there := must[bool](t)(c.BucketExists(ctx, "videos")); there {
		t.Error("another bucket is there")
	}
	if err := c.MakeBucket(ctx, "photos", minio.MakeBucketOptions{}); err != nil {
		t.Errorf("the bucket that is there: %v", err)
	}
	refusedWith(t, "another bucket", c.MakeBucket(ctx, "videos", minio.MakeBucketOptions{}), TooManyBuckets)
	refusedWith(t, "deleting it", c.RemoveBucket(ctx, "photos"), BucketNotEmpty)
	do(t, "PUT", m.presign(t, "PUT", "a", 0), "x").want(t, 200, "")
	for _, e := range []struct {
		method, path, query string
		code                Code
		says                string
	}{
		{"GET", "/photos", "location", "", ">auto</LocationConstraint>"},
		{"GET", "/photos/", "versioning", "", "<VersioningConfiguration "},
		{"GET", "/photos", "acl", "", "FULL_CONTROL"},
		{"GET", "/photos/a", "acl", "", "FULL_CONTROL"},
		{"GET", "/photos/a", "tagging", "", "<TagSet></TagSet>"},
		{"GET", "/photos/b", "tagging", NoSuchKey, ""},
		{"GET", "/photos", "lifecycle", NoSuchLifecycle, ""},
		{"GET", "/photos", "policy", NoSuchBucketPolicy, ""},
		{"GET", "/photos", "inventory", NotImplemented, ""},
		{"PUT", "/photos", "versioning", NotImplemented, ""},
		{"PUT", "/photos/a", "tagging", NotImplemented, ""},
		{"PUT", "/photos/a", "acl", NotImplemented, ""},
		{"DELETE", "/photos/a", "tagging", NotImplemented, ""},
		{"POST", "/photos", "x", NotImplemented, ""},
		{"POST", "/", "x", MethodNotAllowed, ""},
		{"GET", "/videos/a", "tagging", NoSuchBucket, ""},
	} {
		status := 200
		if e.code != "" {
			status = e.code.status()
		}
		got := do(t, e.method, sign(t, m, e.method, e.path, field{e.query, ""}), "")
		if got.want(t, status, e.code); !strings.Contains(got.body, e.says) {
			t.Errorf("%s %s?%s says %s", e.method, e.path, e.query, got.body)
		}
	}
	if got := do(t, "GET", m.presign(t, "GET", "a", 0), ""); got.body != "x" {
		t.Errorf("what was not understood has changed the object: %q", got.body)
	}
}

func TestServe_Documents(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	c := m.client(t)
	id := must[string](t)(c.NewMultipartUpload(t.Context(), "photos", "a", minio.PutObjectOptions{}))
	for _, e := range []struct {
		path, query, value, body string
		code                     Code
	}{
		{"/photos", "delete", "", "", MalformedXML},
		{"/photos", "delete", "", "<Delete></Delete>", MalformedXML},
		{"/photos", "delete", "", "<Delete><Object>", MalformedXML},
		{"/photos", "delete", "", "<Other/>", MalformedXML},
		{"/photos", "delete", "", "<Delete>" + strings.Repeat("<Object><Key>a</Key></Object>", 1001) + "</Delete>", MalformedXML},
		{"/photos/a", "uploadId", id, "", MalformedXML},
		{"/photos/a", "uploadId", id, "<CompleteMultipartUpload/>", MalformedXML},
		{"/photos/a", "uploadId", id, "<CompleteMultipartUpload><Part><PartNumber>x</PartNumber></Part></CompleteMultipartUpload>", MalformedXML},
		{"/photos/a", "uploadId", id, "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>", InvalidPart},
		{"/photos/a", "uploadId", "x", "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>00</ETag></Part></CompleteMultipartUpload>", NoSuchUpload},
	} {
		got := do(t, "POST", sign(t, m, "POST", e.path, field{e.query, e.value}), e.body)
		got.want(t, e.code.status(), e.code)
	}
	for number, code := range map[string]Code{"0": InvalidArgument, "10001": InvalidArgument, "x": InvalidArgument, "": InvalidArgument} {
		do(t, "PUT", sign(t, m, "PUT", "/photos/a", field{"partNumber", number}, field{"uploadId", id}), "x").want(t, code.status(), code)
	}
	if got := m.blobs(t); len(got) != 0 {
		t.Errorf("files %v", got)
	}
}

// A signed URL may say how its object is to be shown; conditions by date hold.
func TestServe_Shown(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	do(t, "PUT", m.presign(t, "PUT", "a", 0), "x", "Content-Type", "text/plain", "Cache-Control", "max-age=9", "Content-Encoding", "br").want(t, 200, "")
	got := do(t, "GET", sign(t, m, "GET", "/photos/a", field{"response-content-type", "image/png"}, field{"response-content-disposition", `attachment; filename="b"`}), "")
	h := got.header
	if h.Get("Content-Type") != "image/png" || h.Get("Content-Disposition") != `attachment; filename="b"` || h.Get("Cache-Control") != "max-age=9" || h.Get("Content-Encoding") != "br" {
		t.Errorf("headers %v", h)
	}
	do(t, "GET", sign(t, m, "GET", "/photos/a", field{"response-content-type", "a\r\nX: b"}), "").want(t, 400, InvalidArgument)
	url := m.presign(t, "GET", "a", 0)
	do(t, "GET", url+"&response-content-type=text/html", "").want(t, 403, SignatureMismatch)
	at := h.Get("Last-Modified")
	do(t, "GET", url, "", "If-Modified-Since", at).want(t, 304, "")
	do(t, "GET", url, "", "If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT").want(t, 200, "")
	do(t, "GET", url, "", "If-Modified-Since", "yesterday").want(t, 200, "")
	do(t, "GET", url, "", "If-Unmodified-Since", at).want(t, 200, "")
	do(t, "GET", url, "", "If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT").want(t, 412, PreconditionFailed)
	do(t, "GET", url, "", "If-None-Match", `"x"`, "If-Modified-Since", at).want(t, 200, "")
}

package objects

import (
	"bufio"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"stoker/fsm"
	"stoker/node"
)

func TestServe_PutGetHeadDelete(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	const key, body = "etc/살롱 a+b~c.jpg", "0123456789"
	put := do(t, "PUT", m.presign(t, "PUT", key, 0), body, "Content-Type", "image/jpeg")
	put.want(t, 200, "")
	sum := md5.Sum([]byte(body))
	tag := `"` + hex.EncodeToString(sum[:]) + `"`
	if got := put.header.Get("ETag"); got != tag {
		t.Errorf("ETag %s, want %s", got, tag)
	}
	get := m.presign(t, "GET", key, 0)
	for _, e := range []struct {
		name    string
		headers []string
		status  int
		body    string
		rng     string
	}{
		{"all", nil, 200, body, ""},
		{"a range", []string{"Range", "bytes=2-4"}, 206, "234", "bytes 2-4/10"},
		{"from", []string{"Range", "bytes=8-"}, 206, "89", "bytes 8-9/10"},
		{"the end", []string{"Range", "bytes=-3"}, 206, "789", "bytes 7-9/10"},
		{"all as a range", []string{"Range", "bytes=0-"}, 206, body, "bytes 0-9/10"},
		{"the same still", []string{"Range", "bytes=0-0", "If-Range", tag}, 206, "0", "bytes 0-0/10"},
		{"another by now", []string{"Range", "bytes=0-0", "If-Range", `"x"`}, 200, body, ""},
		{"the client has it", []string{"If-None-Match", tag}, 304, "", ""},
		{"the client has another", []string{"If-None-Match", `"x"`}, 200, body, ""},
		{"only this one", []string{"If-Match", tag}, 200, body, ""},
	} {
		got := do(t, "GET", get, "", e.headers...)
		if got.status != e.status || got.body != e.body || got.header.Get("Content-Range") != e.rng || got.header.Get("ETag") != tag {
			t.Errorf("%s: %d %q %v", e.name, got.status, got.body, got.header)
		}
		if e.status != 304 && got.header.Get("Content-Type") != "image/jpeg" {
			t.Errorf("%s: content type %q", e.name, got.header.Get("Content-Type"))
		}
	}
	do(t, "GET", get, "", "If-Match", `"x"`).want(t, 412, PreconditionFailed)
	do(t, "GET", get, "", "Range", "bytes=0-1,4-5").want(t, 416, InvalidRange)
	beyond := do(t, "GET", get, "", "Range", "bytes=10-")
	beyond.want(t, 416, InvalidRange)
	if got := beyond.header.Get("Content-Range"); got != "bytes */10" {
		t.Errorf("Content-Range %q", got)
	}
	head := do(t, "HEAD", m.presign(t, "HEAD", key, 0), "")
	if head.status != 200 || head.header.Get("Content-Length") != "10" || head.header.Get("Content-Type") != "image/jpeg" || head.header.Get("Last-Modified") == "" {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
	for range 2 { // deleting what is not there is no error
		if status := signed(t, m, "DELETE", key, ""); status != 204 {
			t.Errorf("DELETE: %d", status)
		}
	}
	do(t, "GET", get, "").want(t, 404, NoSuchKey)
}

// signed sends a request signed in its headers, as SDKs do.
func signed(t *testing.T, m *member, method, key, body string) int {
	t.Helper()
	r, err := http.NewRequest(method, m.base, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Path = "/photos/" + key
	r.URL.RawPath = escape(r.URL.Path, true)
	sum := sha256.Sum256([]byte(body))
	stamp := time.Now().UTC().Format(stampFormat)
	access, secret := m.credentials(t)
	s := scope{stamp[:8], "us-east-1"}
	c := canonical{
		method: method, path: r.URL.Path, payload: hex.EncodeToString(sum[:]),
		headers: []field{{"host", r.URL.Host}, {"x-amz-content-sha256", hex.EncodeToString(sum[:])}, {"x-amz-date", stamp}},
	}
	r.Header.Set("X-Amz-Date", stamp)
	r.Header.Set("X-Amz-Content-Sha256", c.payload)
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		algorithm, access, s, c.signedHeaders(), c.sign(signingKey(secret, s), stamp, s)))
	if body == "lie" { // sends other bytes than it signed
		r.Body = readCloser{strings.NewReader("LIE")}
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// credentials are an operator's, made for everything at the first call.
func (m *member) credentials(t testing.TB) (access, secret string) {
	t.Helper()
	return m.operator(t, "STOKERTESTALL", fsm.KeyReadWrite, "")
}

// operator makes an access key, or finds it again.
func (m *member) operator(t testing.TB, id string, access fsm.KeyAccess, prefix string) (key, secret string) {
	t.Helper()
	secret = "secret of " + id
	sealed, by, err := m.node.SealFor(node.KeyPurpose(id), []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	apply(t, m, fsm.CreateKey{ID: id, Name: id, Access: access, Prefix: prefix, Sealed: sealed, SealKey: by})
	return id, secret
}

func TestServe_SignedBody(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	if status := signed(t, m, "PUT", "etc/a", "truth"); status != 200 {
		t.Errorf("an honest upload: %d", status)
	}
	if status := signed(t, m, "PUT", "etc/b", "lie"); status != 400 {
		t.Errorf("other bytes than were signed: %d", status)
	}
	if got := m.blobs(t); len(got) != 1 {
		t.Errorf("files %v", got)
	}
}

// What package refusals has not: whatever is refused has stored nothing, no record,
// no file, no draft, and its answer names the request.
func TestServe_Refusals(t *testing.T) {
	m := startCluster(t, 1, func(s *fsm.Settings) { s.MaxUpload = 100 })[0]
	good := m.presign(t, "PUT", "etc/a", 0)
	own := func() (string, string) { return m.own(t) }
	for _, e := range []struct {
		name, method, url, body string
		headers                 []string
		status                  int
		code                    Code
	}{
		{"not signed, no such bucket", "GET", m.base + "/nothing/etc/a", "", nil, 403, AccessDenied},
		{"over the limit of pictures", "PUT", m.presign(t, "PUT", "inputs/u_1/j_1/0.jpg", 0), strings.Repeat("x", 101), nil, 400, EntityTooLarge},
		{"a subresource", "PUT", sign(t, m, "PUT", "/photos/etc/a", field{"tagging", ""}), "x", nil, 501, NotImplemented},
		{"an endless type", "PUT", good, "x", []string{"Content-Type", strings.Repeat("t", 256)}, 400, InvalidArgument},
		{"two fences", "PUT", signAs(t, m, own, "PUT", "/photos/a", field{FenceParam, "1"}, field{FenceParam, "2"}), "x", nil, 400, InvalidArgument},
		{"fence is no number", "PUT", signAs(t, m, own, "PUT", "/photos/a", field{FenceParam, "-1"}), "x", nil, 400, InvalidArgument},
		{"post", "POST", sign(t, m, "POST", "/photos/a"), "x", nil, 501, NotImplemented},
		{"patch", "PATCH", sign(t, m, "PATCH", "/photos/a"), "x", nil, 405, MethodNotAllowed},
		{"nobody's job", "PUT", m.presign(t, "PUT", "inputs/u_1/j_1/0.jpg", 0), "x", nil, 403, AccessDenied},
	} {
		t.Run(e.name, func(t *testing.T) {
			got := do(t, e.method, e.url, e.body, e.headers...)
			got.want(t, e.status, e.code)
			id := got.header.Get("x-amz-request-id")
			if id == "" || !strings.Contains(got.body, "<RequestId>"+id+"</RequestId>") {
				t.Errorf("request id %q is not in %s", id, got.body)
			}
		})
	}
	if got := m.blobs(t); len(got) != 0 {
		t.Errorf("files %v", got)
	}
	do(t, "GET", m.presign(t, "GET", "etc/a", 0), "").want(t, 404, NoSuchKey)
}

// sign presigns what Presign refuses to.
func sign(t *testing.T, m *member, method, path string, extra ...field) string {
	t.Helper()
	return signAs(t, m, func() (string, string) { return m.credentials(t) }, method, path, extra...)
}

// signAs is sign with somebody's credentials.
func signAs(t *testing.T, m *member, who func() (access, secret string), method, path string, extra ...field) string {
	t.Helper()
	access, secret := who()
	stamp := time.Now().UTC().Format(stampFormat)
	s := scope{stamp[:8], defaultRegion}
	c := canonical{
		method: method, path: path, payload: unsignedPayload, headers: []field{{"host", strings.TrimPrefix(m.base, "http://")}},
		query: append(extra, field{"X-Amz-Algorithm", algorithm}, field{"X-Amz-Credential", access + "/" + s.String()},
			field{"X-Amz-Date", stamp}, field{"X-Amz-Expires", "60"}, field{"X-Amz-SignedHeaders", "host"}),
	}
	return m.base + escape(path, true) + "?" + canonicalQuery(c.query) + "&X-Amz-Signature=" + c.sign(signingKey(secret, s), stamp, s)
}

// A connection that breaks in the middle of the body stores nothing, and so does
// a body without a length.
func TestServe_BrokenUploads(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	u, err := url.Parse(m.presign(t, "PUT", "etc/a", 0))
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]struct {
		rest   string
		status int
	}{
		"short":   {"Content-Length: 50000\r\n\r\n" + strings.Repeat("x", 40000), 400},
		"chunked": {"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 411},
	} {
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\n%s", u.RequestURI(), u.Host, e.rest)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if resp.StatusCode != e.status {
			t.Errorf("%s: %s", name, resp.Status)
		}
		resp.Body.Close()
		conn.Close()
	}
	if got := m.blobs(t); len(got) != 0 {
		t.Errorf("files %v", got)
	}
	do(t, "GET", m.presign(t, "GET", "etc/a", 0), "").want(t, 404, NoSuchKey)
}

// An input is taken while its job waits for it, and dies with the job.
func TestServe_InputsOfAJob(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	j := newJob(t, m, "1")
	put := m.presign(t, "PUT", j.InputKey(0), 0)
	do(t, "PUT", put, "one").want(t, 200, "")
	do(t, "PUT", put, "two").want(t, 200, "") // the client changed its mind
	if got := do(t, "GET", m.presign(t, "GET", j.InputKey(0), 0), ""); got.body != "two" {
		t.Errorf("read %q", got.body)
	}
	before := len(m.blobs(t))
	do(t, "PUT", m.presign(t, "PUT", j.InputKey(2), 0), "x").want(t, 403, AccessDenied) // an item it has not
	apply(t, m, fsm.CancelJob{User: j.User, Job: j.ID})
	do(t, "PUT", put, "late").want(t, 403, AccessDenied)
	if got := len(m.blobs(t)); got != before {
		t.Errorf("%d files, had %d", got, before)
	}
}

// An output is staged under its grant and seen once its result is in; another
// grant's upload is refused.
func TestServe_OutputsOfAGrant(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	j := newJob(t, m, "1")
	for i := range j.Total {
		do(t, "PUT", m.presign(t, "PUT", j.InputKey(i), 0), string(pngOf(1, 1))).want(t, 200, "")
	}
	apply(t, m, fsm.ConfirmUpload{User: j.User, Job: j.ID})
	apply(t, m, fsm.ExecuteJob{User: j.User, Job: j.ID, Concepts: map[string]fsm.Concept{"Wall": {Action: "recolor", Value: "red"}}})
	grant := apply(t, m, fsm.Lease{Wants: []fsm.Want{{Worker: "w1", Poll: "p1", Max: 2}}}).Grants[0]
	fence := grant.Lease.Fence
	do(t, "PUT", m.presign(t, "PUT", j.OutputKey(0), fence+1), "stale").want(t, 403, AccessDenied)
	do(t, "PUT", m.presign(t, "PUT", j.OutputKey(0), 0), "no fence").want(t, 403, AccessDenied)
	do(t, "PUT", m.presign(t, "PUT", j.OutputKey(0), fence), "out").want(t, 200, "")
	get := m.presign(t, "GET", j.OutputKey(0), 0)
	do(t, "GET", get, "").want(t, 404, NoSuchKey)
	apply(t, m, fsm.Report{Fence: fence, Results: []fsm.ItemResult{{Idx: 0, Done: true, Output: j.OutputKey(0)}}})
	if got := do(t, "GET", get, ""); got.status != 200 || got.body != "out" {
		t.Errorf("%d %q", got.status, got.body)
	}
}

func TestServe_DiskFull(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	m.store.disk.free = func(string) (int64, error) { return 3, nil }
	do(t, "PUT", m.presign(t, "PUT", "etc/a", 0), "four").want(t, 507, StorageFull)
	do(t, "PUT", m.presign(t, "PUT", "etc/a", 0), "tw").want(t, 200, "")
}

func TestParseRange(t *testing.T) {
	for header, want := range map[string]string{
		"": "all", "bytes=": "all", "bytes=-": "all", "bytes=a-b": "all", "bytes=5-3": "all", "items=0-1": "all",
		"bytes=0-0": "0+1", "bytes=0-": "0+10", "bytes=9-": "9+1", "bytes=3-99": "3+7", "bytes=-1": "9+1", "bytes=-99": "0+10",
		"bytes=3-99999999999999999999": "3+7", "bytes=-99999999999999999999": "0+10",
		"bytes=10-": "416", "bytes=-0": "416", "bytes=99999999999999999999-": "416", "bytes=0-1,2-3": "416",
	} {
		off, n, part, err := parseRange(header, 10)
		got := fmt.Sprintf("%d+%d", off, n)
		switch {
		case err != nil:
			got = fmt.Sprint(err.(*Error).Status())
		case !part:
			got = "all"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
	if _, _, _, err := parseRange("bytes=0-", 0); err == nil {
		t.Error("a range of nothing")
	}
}

// A page that somebody uploaded is not one of ours.
func TestServe_UploadedPage(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	do(t, "PUT", m.presign(t, "PUT", "etc/a", 0), "<script>", "Content-Type", "text/html").want(t, 200, "")
	got := do(t, "GET", m.presign(t, "GET", "etc/a", 0), "")
	if got.header.Get("Content-Security-Policy") != "default-src 'none'; sandbox" || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", got.header)
	}
}

func TestStore_PublicURL(t *testing.T) {
	for url, want := range map[string]bool{"https://photos.example.com": true, "photos.example.com": false, "http://a/b": false} {
		_, err := Config{Dir: "d", PublicURL: url}.withDefaults()
		if (err == nil) != want {
			t.Errorf("%s: %v", url, err)
		}
	}
}

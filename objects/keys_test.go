package objects

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"stoker/fsm"
)

// s3 is minio-go with an access key.
func (m *member) s3(t testing.TB, key, secret string) *minio.Core {
	t.Helper()
	c, err := minio.NewCore(strings.TrimPrefix(m.base, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(key, secret, ""), Region: "auto", BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// codeOf is the S3 code that minio-go was answered with; "" when it went well.
func codeOf(err error) Code { return Code(minio.ToErrorResponse(err).Code) }

// A key does what it was made for under its prefix, and is told nothing else:
// what is not there and what is are refused alike.
func TestKeys_Scopes(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	all := m.s3(t, firstOf(m.credentials(t)), secondOf(m.credentials(t)))
	put := func(c *minio.Core, key string) error {
		_, err := c.Client.PutObject(t.Context(), "photos", key, strings.NewReader("body"), 4, minio.PutObjectOptions{DisableMultipart: true})
		return err
	}
	get := func(c *minio.Core, key string) error {
		o, err := c.Client.GetObject(t.Context(), "photos", key, minio.GetObjectOptions{})
		if err == nil {
			_, err = io.ReadAll(o)
		}
		return err
	}
	del := func(c *minio.Core, key string) error {
		return c.RemoveObject(t.Context(), "photos", key, minio.RemoveObjectOptions{})
	}
	for _, key := range []string{"site/a", "other/a"} {
		if err := put(all, key); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range []struct {
		access      fsm.KeyAccess
		read, write Code
	}{
		{fsm.KeyRead, "", AccessDenied}, {fsm.KeyWrite, AccessDenied, ""}, {fsm.KeyReadWrite, "", ""},
	} {
		key, secret := m.operator(t, "KEY"+strings.ToUpper(strings.ReplaceAll(string(e.access), "-", "")), e.access, "site/")
		c := m.s3(t, key, secret)
		for _, try := range []struct {
			what string
			err  error
			want Code
		}{
			{"get", get(c, "site/a"), e.read}, {"put", put(c, "site/b"), e.write}, {"delete", del(c, "site/b"), e.write},
			{"get elsewhere", get(c, "other/a"), AccessDenied}, {"get what is not there", get(c, "other/none"), AccessDenied},
			{"get beside the prefix", get(c, "sitemap"), AccessDenied}, {"put elsewhere", put(c, "other/b"), AccessDenied}, {"delete elsewhere", del(c, "other/a"), AccessDenied},
		} {
			if got := codeOf(try.err); got != try.want {
				t.Errorf("%s %s: %v, want %q", e.access, try.what, try.err, try.want)
			}
		}
	}
	if err := get(all, "other/a"); err != nil {
		t.Errorf("what no key was for: %v", err)
	}
	if got := codeOf(put(all, "inputs/u_1/j_1/0.jpg")); got != AccessDenied {
		t.Errorf("an input that no job waits for: %s", got)
	}
}

func firstOf(a, _ string) string  { return a }
func secondOf(_, b string) string { return b }

// A node that has not heard of a key, and is told nothing by the others, does not
// say that there is none: its state may be behind, or being rebuilt. A client
// takes that for the end of it, and does not ask the next node.
func TestKeys_UnknownToANodeThatIsAlone(t *testing.T) {
	members := startCluster(t, 3, nil)
	for _, other := range members[1:] {
		other.stop()
	}
	err := members[0].s3(t, "KEYMADEELSEWHERE", "secret").RemoveObject(t.Context(), "photos", "a", minio.RemoveObjectOptions{})
	if got := codeOf(err); got != ServiceUnavailable {
		t.Errorf("it is answered %q (%v), want %q", got, err, ServiceUnavailable)
	}
}

// A key that was revoked or has expired opens nothing, also no upload that it has
// begun, and no URL that it has signed.
func TestKeys_RevokedAndExpired(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	key, secret := m.operator(t, "KEYBRIEF", fsm.KeyReadWrite, "")
	c := m.s3(t, key, secret)
	url, err := c.PresignHeader(t.Context(), "PUT", "photos", "etc/a", time.Hour, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	do(t, "PUT", url.String(), "signed by a client").want(t, 200, "")
	conn, err := net.Dial("tcp", url.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 50000\r\n\r\n%s", url.RequestURI(), url.Host, strings.Repeat("x", 40_000))
	for began := time.Now(); m.drafts(t) == 0; { // until the store has begun to take it in
		if time.Since(began) > 20*time.Second {
			t.Fatal("the upload does not begin")
		}
		runtime.Gosched()
	}
	apply(t, m, fsm.RevokeKey{Name: "KEYBRIEF"})
	fmt.Fprint(conn, strings.Repeat("x", 10_000))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 403 {
		t.Errorf("an upload under a key that was revoked meanwhile: %s", resp.Status)
	}
	do(t, "PUT", url.String(), "x").want(t, 403, InvalidAccessKey)
	if got := do(t, "GET", m.presign(t, "GET", "etc/a", 0), ""); got.body != "signed by a client" {
		t.Errorf("%d %q", got.status, got.body)
	}

	key, secret = m.operator(t, "KEYLIVES", fsm.KeyRead, "")
	apply(t, m, fsm.RevokeKey{Name: key})
	sealed, by, err := m.node.SealFor("key/"+key, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	apply(t, m, fsm.CreateKey{ID: key, Name: key, Access: fsm.KeyRead, Life: int64(time.Minute), Sealed: sealed, SealKey: by})
	if _, ok, _ := m.store.key(key); !ok {
		t.Error("it does not open what it is for")
	}
	m.store.cfg.Now = func() time.Time { return time.Now().Add(2 * time.Minute) }
	if _, ok, _ := m.store.key(key); ok {
		t.Error("it opens something after its time")
	}
}

// The cluster's own key does what its URLs are for and nothing else, whoever came
// by its secret.
func TestKeys_TheClustersOwn(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	c := m.s3(t, firstOf(m.own(t)), secondOf(m.own(t)))
	if _, err := c.Client.PutObject(t.Context(), "photos", "etc/a", bytes.NewReader(nil), 0, minio.PutObjectOptions{DisableMultipart: true}); codeOf(err) != AccessDenied {
		t.Errorf("an upload signed in its headers: %v", err)
	}
	for method, want := range map[string]int{"PUT": 200, "GET": 200, "HEAD": 200, "DELETE": 403} {
		url, err := c.PresignHeader(t.Context(), method, "photos", "etc/"+method, time.Hour, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want == 200 {
			do(t, "PUT", m.presign(t, "PUT", "etc/"+method, 0), "x").want(t, 200, "")
		}
		body := ""
		if method == "PUT" {
			body = "x"
		}
		if got := do(t, method, url.String(), body); got.status != want {
			t.Errorf("a URL to %s: %d, want %d", method, got.status, want)
		}
	}
}

// own are the credentials that the cluster signs URLs with.
func (m *member) own(t testing.TB) (access, secret string) {
	t.Helper()
	v := m.node.View()
	defer v.Close()
	id := v.Secrets(fsm.UseObject)[0].ID
	k, ok, _ := m.store.key(id)
	if !ok {
		t.Fatalf("no secret of %s", id)
	}
	return id, k.Secret
}

// A key holds on every node from the moment it was made, also on one that has
// not heard of it yet.
func TestKeys_EverywhereAtOnce(t *testing.T) {
	cluster := startCluster(t, 3, nil)
	for i := range 30 {
		maker, other := cluster[i%3], cluster[(i+1)%3]
		id, secret := maker.operator(t, fmt.Sprintf("STOKERTEST%02d", i), fsm.KeyReadWrite, "")
		c := other.s3(t, id, secret)
		if _, err := c.Client.PutObject(t.Context(), "photos", "etc/"+id, strings.NewReader("body"), 4, minio.PutObjectOptions{DisableMultipart: true}); err != nil {
			t.Fatalf("the key %d, made on %s, on %s: %v", i, maker.id, other.id, err)
		}
	}
}

// A grant's fence counts only where the cluster itself has signed it.
func TestKeys_NoFenceOfTheirOwn(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	do(t, "PUT", sign(t, m, "PUT", "/photos/outputs/u_1/j_1/0_result.png", field{FenceParam, "1"}), "x").want(t, 403, AccessDenied)
}

// drafts counts the uploads that come in.
func (m *member) drafts(t testing.TB) int {
	n := 0
	for _, f := range m.blobs(t) {
		if strings.Contains(f, draftPrefix) {
			n++
		}
	}
	return n
}

//go:build s3clients

package acceptance

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"
)

// shop is a cluster as S3 clients know it, and a folder to work in.
type shop struct {
	t             *testing.T
	dir           string
	host          string // of the node that is dialled
	access, token string
	url           string // of a proxy before it that ends TLS, for those who are to go that way
	tls           []byte // its certificate
	minio         *minio.Client
}

func openShop(t *testing.T, c *cluster, name string) *shop {
	t.Helper()
	s := &shop{t: t, dir: t.TempDir(), host: strings.TrimPrefix(c.Nodes[len(c.Nodes)-1].HTTP, "http://")}
	s.access, s.token = c.key(t, name)
	s.minio = s3(t, s.host, s.access, s.token)
	eventually(t, "the key is good on the node that is dialled", func() bool {
		_, err := s.minio.ListBuckets(t.Context())
		return err == nil
	})
	return s
}

// run runs a client, which must succeed.
func (s *shop) run(name string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), name, args...)
	cmd.Dir = s.dir
	cmd.Env = append(cmd.Environ(), "HOME="+s.dir, "AWS_CA_BUNDLE=", "LC_ALL=C.UTF-8",
		"AWS_ACCESS_KEY_ID="+s.access, "AWS_SECRET_ACCESS_KEY="+s.token, "AWS_DEFAULT_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
		"RCLONE_CONFIG=", "RCLONE_CONFIG_S_TYPE=s3", "RCLONE_CONFIG_S_PROVIDER=Other", "RCLONE_CONFIG_S_ENDPOINT=http://"+s.host,
		"RCLONE_CONFIG_S_ACCESS_KEY_ID="+s.access, "RCLONE_CONFIG_S_SECRET_ACCESS_KEY="+s.token,
		"S3_ENDPOINT="+cmp.Or(s.url, "http://"+s.host))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// file makes a file of n bytes that no other has.
func (s *shop) file(name string, n int) {
	s.t.Helper()
	body := make([]byte, n)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(body)
	if err := os.WriteFile(filepath.Join(s.dir, name), body, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// same compares two files by their hashes.
func (s *shop) same(one, other string) {
	s.t.Helper()
	var sums [2]string
	for i, name := range []string{one, other} {
		raw, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			s.t.Fatal(err)
		}
		sums[i] = fmt.Sprintf("%d %x", len(raw), sha256.Sum256(raw))
	}
	if sums[0] != sums[1] {
		s.t.Errorf("%s is %s, %s is %s", one, sums[0], other, sums[1])
	}
}

func (s *shop) lines(text string, n int) {
	s.t.Helper()
	if got := strings.Count(strings.TrimSpace(text)+"\n", "\n"); got != n {
		s.t.Errorf("%d lines, want %d: %.300s", got, n, text)
	}
}

const many = 10_000

// fill makes the objects that listings are tried on.
func (s *shop) fill() {
	s.t.Helper()
	var wg sync.WaitGroup
	for worker := range 32 {
		wg.Go(func() {
			for i := worker; i < many; i += 32 {
				_, err := s.minio.PutObject(s.t.Context(), "photos", fmt.Sprintf("many/%d/%05d", i%10, i), strings.NewReader("x"), 1, minio.PutObjectOptions{})
				if err != nil {
					s.t.Errorf("fill: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func (s *shop) awscli(big int) {
	aws := func(args ...string) string {
		return s.run("/usr/bin/aws", append([]string{"--endpoint-url", "http://" + s.host}, args...)...)
	}
	s.file("aws.bin", big)
	aws("s3", "cp", "aws.bin", "s3://photos/aws/a.bin")
	aws("s3", "cp", "s3://photos/aws/a.bin", "s3://photos/aws/b.bin") // in parts, too
	aws("s3", "cp", "s3://photos/aws/b.bin", "aws.back")
	s.same("aws.bin", "aws.back")
	aws("s3api", "get-object", "--bucket", "photos", "--key", "aws/a.bin", "--range", "bytes=5000000-9000000", "aws.range")
	s.part("aws.bin", "aws.range", 5000000, 9000001)
	s.lines(aws("s3", "ls", "--recursive", "s3://photos/many/"), many)
	s.lines(aws("s3", "ls", "s3://photos/many/"), 10)
	s.fetched(strings.TrimSpace(aws("s3", "presign", "s3://photos/aws/a.bin")), "aws.bin")
	aws("s3", "rm", "--recursive", "s3://photos/aws/")
	if left := aws("s3api", "list-objects-v2", "--bucket", "photos", "--prefix", "aws/", "--query", "Contents", "--output", "text"); strings.TrimSpace(left) != "None" {
		s.t.Errorf("left: %s", left)
	}
}

func (s *shop) rclone(big int) {
	s.file("rclone.bin", big)
	s.run("rclone", "copyto", "--s3-upload-cutoff", "8M", "--s3-chunk-size", "5M", "rclone.bin", "S:photos/rclone/a.bin")
	s.run("rclone", "copyto", "S:photos/rclone/a.bin", "S:photos/rclone/b.bin")
	s.run("rclone", "copyto", "S:photos/rclone/b.bin", "rclone.back")
	s.same("rclone.bin", "rclone.back")
	if err := os.WriteFile(filepath.Join(s.dir, "rclone.range"), []byte(s.run("rclone", "cat", "--offset", "5000000", "--count", "4000001", "S:photos/rclone/a.bin")), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.part("rclone.bin", "rclone.range", 5000000, 9000001)
	s.lines(s.run("rclone", "lsf", "-R", "--files-only", "S:photos/many"), many)
	s.fetched(strings.TrimSpace(s.run("rclone", "link", "--expire", "1h", "S:photos/rclone/a.bin")), "rclone.bin")
	s.run("rclone", "deletefile", "S:photos/rclone/a.bin")
	s.run("rclone", "purge", "S:photos/rclone")
	if left := s.run("rclone", "lsf", "-R", "S:photos"); strings.Contains(left, "rclone") {
		s.t.Errorf("left: %.200s", left)
	}
}

func (s *shop) s3cmd(big int) {
	s3 := func(args ...string) string {
		// Its signurl signs as version 2 did, which is not spoken.
		return s.run("s3cmd", append([]string{"--config=/dev/null", "--access_key=" + s.access, "--secret_key=" + s.token, "--host=" + s.host, "--host-bucket=" + s.host, "--no-ssl", "--no-progress"}, args...)...)
	}
	s.file("s3cmd.bin", big)
	s3("put", "--multipart-chunk-size-mb=5", "s3cmd.bin", "s3://photos/s3cmd/a.bin")
	s3("cp", "s3://photos/s3cmd/a.bin", "s3://photos/s3cmd/b.bin")
	s3("get", "s3://photos/s3cmd/b.bin", "s3cmd.back")
	s.same("s3cmd.bin", "s3cmd.back")
	s.lines(s3("ls", "-r", "s3://photos/many/"), many)
	s3("del", "s3://photos/s3cmd/a.bin")
	s3("del", "-r", "-f", "s3://photos/s3cmd/")
	if left := s3("ls", "-r", "s3://photos/s3cmd/"); strings.TrimSpace(left) != "" {
		s.t.Errorf("left: %s", left)
	}
}

func (s *shop) boto3(big int) {
	s.file("boto.bin", big)
	program, err := filepath.Abs("testdata/s3boto.py")
	if err != nil {
		s.t.Fatal(err)
	}
	s.run("/usr/bin/python3", program)
}

// behindTLS puts a proxy that ends TLS in front of the last node, before it is started: over TLS the SDK leaves its chunks
// unsigned. It gives the proxy's URL, its certificate, and how many bodies had a checksum in the trailer.
func behindTLS(t *testing.T, c *cluster) (url string, certificate []byte, trailers *atomic.Int64) {
	t.Helper()
	trailers = new(atomic.Int64)
	to := c.Nodes[len(c.Nodes)-1]
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", to.HTTP, r.In.Host
		if r.In.Header.Get("X-Amz-Content-Sha256") == "STREAMING-UNSIGNED-PAYLOAD-TRAILER" {
			trailers.Add(1)
		}
	}})
	t.Cleanup(proxy.Close)
	for _, n := range c.Nodes {
		path := filepath.Join(c.Dir, n.ID, "stoker.toml")
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, bytes.Replace(text, []byte(`public_url = ""`), []byte("public_url = \""+proxy.URL+"\""), 1), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return proxy.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw}), trailers
}

// awssdk is aws-sdk-go-v2, in a module of its own: nothing of it is ours to depend on.
func (s *shop) awssdk(big int) {
	s.file("sdk.bin", big)
	program := filepath.Join(s.dir, "s3sdk.exe")
	if out, err := exec.CommandContext(s.t.Context(), "go", "build", "-C", "testdata/s3sdk", "-o", program, ".").CombinedOutput(); err != nil {
		s.t.Fatalf("build: %v\n%s", err, out)
	}
	if s.tls != nil {
		if err := os.WriteFile(filepath.Join(s.dir, "proxy.pem"), s.tls, 0o600); err != nil {
			s.t.Fatal(err)
		}
		s.t.Setenv("S3_CA", "proxy.pem")
	}
	s.run(program)
}

func (s *shop) miniogo(big int) {
	t, ctx := s.t, s.t.Context()
	s.file("minio.bin", big)
	if _, err := s.minio.FPutObject(ctx, "photos", "minio/a.bin", filepath.Join(s.dir, "minio.bin"), minio.PutObjectOptions{PartSize: 5 << 20}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.minio.CopyObject(ctx, minio.CopyDestOptions{Bucket: "photos", Object: "minio/b.bin"}, minio.CopySrcOptions{Bucket: "photos", Object: "minio/a.bin"}); err != nil {
		t.Fatal(err)
	}
	if err := s.minio.FGetObject(ctx, "photos", "minio/b.bin", filepath.Join(s.dir, "minio.back"), minio.GetObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	s.same("minio.bin", "minio.back")
	n := 0
	for o := range s.minio.ListObjects(ctx, "photos", minio.ListObjectsOptions{Prefix: "many/", Recursive: true}) {
		if n++; o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	if n != many {
		t.Errorf("listed %d", n)
	}
	for e := range s.minio.RemoveObjects(ctx, "photos", s.minio.ListObjects(ctx, "photos", minio.ListObjectsOptions{Prefix: "minio/", Recursive: true}), minio.RemoveObjectsOptions{}) {
		t.Error(e.Err)
	}
	for o := range s.minio.ListObjects(ctx, "photos", minio.ListObjectsOptions{Prefix: "minio/"}) {
		t.Errorf("left: %v", o)
	}
}

// part compares a piece of a file with another file.
func (s *shop) part(whole, piece string, from, to int) {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, whole))
	if err != nil {
		s.t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(s.dir, piece))
	if err != nil || !bytes.Equal(got, raw[from:to]) {
		s.t.Errorf("%s has %d bytes, which are not those of %s: %v", piece, len(got), whole, err)
	}
}

// fetched compares what a URL gives with a file.
func (s *shop) fetched(url, name string) {
	s.t.Helper()
	res, err := http.Get(url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	raw, _ := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil || res.StatusCode != 200 || !bytes.Equal(got, raw) {
		s.t.Errorf("%s gives %s and %d bytes: %v", url, res.Status, len(got), err)
	}
}

// TestS3Clients: real clients cannot tell the bucket from a small S3, on one node
// and on three. What is asked of each: upload, upload in parts, copy, read, a range,
// listing across pages, delete, delete many, and a presigned URL; of aws-sdk-go-v2 also
// checksums in trailers as it sends them by itself, and conditional uploads.
func TestS3Clients(t *testing.T) {
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprint(n, " nodes"), func(t *testing.T) {
			c := newCluster(t, n, binary)
			url, certificate, trailers := behindTLS(t, c)
			c.begin(t)
			s := openShop(t, c, "clients")
			s.fill()
			small, large := 20<<20, 20<<20
			if n == 3 {
				large = 200 << 20
			}
			for name, client := range map[string]func(int){"rclone": s.rclone, "s3cmd": s.s3cmd, "boto3": s.boto3, "minio-go": s.miniogo} {
				t.Run(name, func(t *testing.T) { s.t = t; client(small) })
			}
			t.Run("awscli", func(t *testing.T) { s.t = t; s.awscli(large) })
			t.Run("aws-sdk-go-v2", func(t *testing.T) { s.t = t; s.awssdk(small) })
			t.Run("aws-sdk-go-v2 over TLS", func(t *testing.T) {
				s.t, s.url, s.tls = t, url, certificate
				if s.awssdk(large); trailers.Load() == 0 {
					t.Error("the SDK has sent no checksum in a trailer")
				}
			})
		})
	}
}

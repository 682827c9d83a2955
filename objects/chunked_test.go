package objects

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"
)

// hasher is what minio-go wants of a hash.
type hasher struct{ hash.Hash }

func (hasher) Close() {}

// chunkedPut uploads as minio-go does, in chunks of its own making. alter
// changes what goes over the wire, nil nothing.
func chunkedPut(t *testing.T, m *member, key, body, trailer, sum string, signed bool, alter func([]byte) []byte) reply {
	t.Helper()
	access, secret := m.credentials(t)
	req, err := http.NewRequest("PUT", m.base+"/photos/"+key, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if trailer != "" {
		req.Trailer = http.Header{http.CanonicalHeaderKey(trailer): {sum}}
	}
	if signed {
		req = signer.StreamingSignV4(req, access, secret, "", "us-east-1", int64(len(body)), time.Now().UTC(), hasher{sha256.New()})
	} else {
		req.Header.Set("X-Amz-Content-Sha256", streamingUnsigned)
		req = signer.SignV4Trailer(*req, access, secret, "", "us-east-1", req.Trailer)
	}
	wire, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	if alter != nil {
		wire = alter(wire)
	}
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(wire)), int64(len(wire))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(said)}
}

// sumOf is a checksum of one of S3's algorithms, as clients send it.
func sumOf(name, body string) string {
	h := checksums[name]()
	h.Write([]byte(body))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// The published check values, so that we agree with others and not with ourselves.
func TestChecksums_KnownValues(t *testing.T) {
	for name, want := range map[string]string{
		checksumPrefix + "crc32": "cbf43926", checksumPrefix + "crc32c": "e3069283", checksumPrefix + "crc64nvme": "ae8b14860a799888",
		checksumPrefix + "sha1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
	} {
		h := checksums[name]()
		h.Write([]byte("123456789"))
		if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// minio-go's own chunks, signed and not, with and without a trailer, are taken;
// what is stored is what was meant, without the wrapping.
func TestServe_ChunkedUploads(t *testing.T) {
	m := startCluster(t, 1, nil)[0]
	m.store.cfg.PublicURL = strings.Replace(m.base, "http:", "https:", 1) // as behind a proxy that ends TLS
	for _, body := range []string{"short", strings.Repeat("0123456789abcdef", 10_000)} {
		chunkedPut(t, m, "etc/plain", body, "", "", true, nil).want(t, 200, "")
		for name := range checksums {
			for _, signed := range []bool{true, false} {
				key := fmt.Sprintf("etc/%s-%v", name, signed)
				put := chunkedPut(t, m, key, body, name, sumOf(name, body), signed, nil)
				put.want(t, 200, "")
				if got := put.header.Get(name); got != sumOf(name, body) {
					t.Errorf("%s: the answer says %q", key, got)
				}
				if got := do(t, "GET", m.presign(t, "GET", key, 0), ""); got.body != body || got.header.Get("Content-Encoding") != "" {
					t.Errorf("%s: %d, %d bytes, %v", key, got.status, len(got.body), got.header)
				}
				wrong := chunkedPut(t, m, "etc/wrong", body, name, sumOf(name, body+"x"), signed, nil)
				wrong.want(t, 400, BadDigest)
			}
		}
	}
	m.store.cfg.PublicURL = ""
	name := checksumPrefix + "crc32"
	chunkedPut(t, m, "etc/wrong", "x", name, sumOf(name, "x"), false, nil).want(t, 403, AccessDenied) // not over plain HTTP
	do(t, "GET", m.presign(t, "GET", "etc/wrong", 0), "").want(t, 404, NoSuchKey)
}

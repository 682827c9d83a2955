package objects

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// meaning is all that a request does, in one line: two spellings of the same request
// have the same. A hash of the body that a presigned request does not sign means nothing.
func meaning(r Request, c Claim) string {
	path, err := url.PathUnescape(r.Path)
	if err != nil {
		return "no path: " + r.Path
	}
	fields, err := parseQuery(r.Query)
	if err != nil {
		return "no query: " + r.Query
	}
	var query []string
	for _, f := range fields {
		if f.name != "X-Amz-Signature" {
			query = append(query, fmt.Sprintf("%q=%q", f.name, f.value))
		}
	}
	slices.Sort(query)
	return fmt.Sprintf("%s %q %v at %q, body %q in chunks %v", r.Method, path, query, r.Host, c.Payload, c.chain != nil)
}

// signedInHeaders is AWS's own example of a range.
var signedInHeaders = []string{"GET", "/test.txt", "", awsHost,
	algorithm + " Credential=" + awsKey + "/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date," +
		"Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", "20130524T000000Z", emptyHash}

// Whoever has no secret, but has seen requests that were signed with it, can make the
// verifier take those and nothing else.
func FuzzVerify(f *testing.F) {
	add := func(r []string) { f.Add(r[0], r[1], r[2], r[3], r[4], r[5], r[6], "Range", "bytes=0-9") }
	take := func(method, path, query, host, auth, date, hash, name, value string) Request {
		pairs := []string{}
		for _, p := range [][2]string{{"Authorization", auth}, {"X-Amz-Date", date}, {"X-Amz-Content-Sha256", hash}, {name, value}} {
			if p[1] != "" {
				pairs = append(pairs, p[0], p[1])
			}
		}
		r := Request{Method: method, Path: path, Query: query, Host: host, Header: headers(pairs...), Secure: true}
		for i := 0; i < len(pairs); i += 2 {
			r.Names = append(r.Names, strings.ToLower(pairs[i]))
		}
		return r
	}
	seen := map[string]bool{}
	know := func(r []string) {
		add(r)
		request := take(r[0], r[1], r[2], r[3], r[4], r[5], r[6], "Range", "bytes=0-9")
		claim, err := awsVerifier().Verify(request)
		if err != nil {
			f.Fatal(err)
		}
		seen[meaning(request, claim)] = true
	}
	know(signedInHeaders)
	for _, ask := range []Ask{
		{Method: "PUT", Bucket: "photos", Key: photo, Fence: 7},
		{Method: "GET", Bucket: "photos", Key: "사진/a b+c%~d.jpg"},
	} {
		r := presigned(f, ask)
		know([]string{r.Method, r.Path, r.Query, r.Host, "", "", ""})
	}
	v := awsVerifier()
	f.Fuzz(func(t *testing.T, method, path, query, host, auth, date, hash, name, value string) {
		r := take(method, path, query, host, auth, date, hash, name, value)
		claim, err := v.Verify(r)
		if err == nil && !seen[meaning(r, claim)] {
			t.Errorf("accepted %s as %+v", meaning(r, claim), claim)
		}
		if refused, ok := err.(*Error); err != nil && (!ok || refused.Status() < 400) {
			t.Errorf("refused with %v", err)
		}
	})
}

// fuzzedBody is what is signed in chunks, and what a reader must give out whole or not
// at all.
const fuzzedBody = "the bytes of a picture"

func chunkChain() *chain {
	s := scope{"20130524", "us-east-1"}
	return &chain{key: signingKey(awsSecret, s), stamp: "20130524T000000Z", scope: s, last: strings.Repeat("0", 64)}
}

// inChunks wraps fuzzedBody in chunks of n bytes, signed or not, with a trailer.
func inChunks(n int, signed bool, trailer string) []byte {
	var b bytes.Buffer
	c := chunkChain()
	sign := func(algorithm string, parts ...string) string {
		c.next("", algorithm, parts...)
		return c.last
	}
	hexSum := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	for rest := fuzzedBody; ; {
		data := rest[:min(n, len(rest))]
		rest = rest[len(data):]
		fmt.Fprintf(&b, "%x", len(data))
		if signed {
			b.WriteString(chunkExtension + sign(chunkAlgorithm, emptySHA256, hexSum(data)))
		}
		if b.WriteString("\r\n"); data == "" {
			break
		}
		b.WriteString(data + "\r\n")
	}
	if trailer != "" {
		line := trailer + ":" + sumOf(trailer, fuzzedBody)
		b.WriteString(line + "\r\n")
		if signed {
			b.WriteString(trailerSignature + ":" + sign(trailerAlgorithm, hexSum(line+"\n")) + "\r\n")
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// Whatever comes as signed chunks: what is read to its io.EOF is what was signed, and
// all of it; how much is asked for at a time, or comes at a time, changes nothing.
func FuzzChunks(f *testing.F) {
	const name = checksumPrefix + "crc32c"
	for _, n := range []int{5, 16, len(fuzzedBody)} {
		for _, signed := range []bool{true, false} {
			f.Add(inChunks(n, signed, name), signed, true)
			f.Add(inChunks(n, signed, ""), signed, false)
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte, signed, trails bool) {
		read := func(r io.Reader) (string, error) {
			c := chunkChain()
			if !signed {
				c.key = nil
			}
			var trailer []string
			if trails {
				trailer = []string{name}
			}
			got, err := io.ReadAll(newChunks(r, c, trailer))
			return string(got), err
		}
		got, err := read(bytes.NewReader(wire))
		if err == nil && signed && got != fuzzedBody {
			t.Errorf("%q was never signed", got)
		}
		if err == nil && len(got) > len(wire) {
			t.Errorf("%d bytes of %d", len(got), len(wire))
		}
		slow, slowly := read(iotest.OneByteReader(bytes.NewReader(wire)))
		if (err == nil) != (slowly == nil) || err == nil && slow != got {
			t.Errorf("at once %q, %v; byte by byte %q, %v", got, err, slow, slowly)
		}
		if late, lately := read(iotest.DataErrReader(bytes.NewReader(wire))); (err == nil) != (lately == nil) || err == nil && late != got {
			t.Errorf("%q, %v; with the end told along with the last bytes %q, %v", got, err, late, lately)
		}
	})
}

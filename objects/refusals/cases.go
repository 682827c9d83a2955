package refusals

import (
	"encoding/base64"
	"strings"
	"time"
)

// Case is one request that must be refused.
type Case struct {
	Form Form
	Name string
	Code string
	// mean is what its signer signs, in good faith or not.
	mean func(*request)
	// alter is what somebody does to it who cannot sign.
	alter func(wire) wire
}

// Send sends it, and gives what came back.
func (c Case) Send(s Signer) (Answer, error) {
	r := honest(c.Form, s)
	if c.mean != nil {
		c.mean(r)
	}
	w := r.signed(s)
	if c.alter != nil {
		w = c.alter(w)
	}
	text := w.String()
	return send(s.Host, text[:len(text)-r.cut], true)
}

// Honest sends an upload that nobody has altered: it must be taken.
func Honest(f Form, s Signer) (Answer, error) { return Case{Form: f}.Send(s) }

// honest is an upload of Refused.
func honest(f Form, s Signer) *request {
	r := &request{
		form: f, method: "PUT", path: "/" + s.Bucket + "/" + Refused, host: s.Host, body: content,
		headers: []pair{{"content-type", "image/jpeg"}}, at: s.Now, expires: "3600", secret: s.Secret,
	}
	if f == Header {
		r.set("x-amz-meta-camera", "a")
	}
	return r
}

func key(k string) func(*request) {
	return func(r *request) { r.path = r.path[:len(r.path)-len(Refused)] + k }
}

func by(d time.Duration) func(*request) { return func(r *request) { r.at = r.at.Add(d) } }

func says(name, value string) func(*request) { return func(r *request) { r.set(name, value) } }

func asks(name, value string) func(*request) {
	return func(r *request) { r.query = append(r.query, pair{name, value}) }
}

func payload(p string) func(*request) { return func(r *request) { r.payload = p } }

func expires(seconds string) func(*request) { return func(r *request) { r.expires = seconds } }

func unsigned(name string) func(*request) { return func(r *request) { r.omit = name } }

func gets(ranges string) func(*request) {
	return func(r *request) {
		key(Kept)(r)
		r.method, r.body = "GET", ""
		r.set("range", ranges)
	}
}

// large is a body that does not come along with its headers, and of which so many bytes
// never come.
func large(cut int) func(*request) {
	return func(r *request) { r.body, r.cut = strings.Repeat("x", 20_000), cut }
}

func chunks(f func([]chunk) []chunk) func(*request) { return func(r *request) { r.chunks = f } }

func field(name, text string) func(wire) wire {
	return func(w wire) wire { return w.put(name, text) }
}

func path(k string) func(wire) wire {
	return func(w wire) wire {
		return w.put("path", strings.TrimSuffix(w[w.at("path")].text, Refused)+k)
	}
}

func header(name, value string) func(wire) wire {
	return func(w wire) wire { return w.header(name, value) }
}

// drop leaves the query or the Authorization header away.
func drop(w wire) wire {
	text := w.String()
	before, rest, _ := strings.Cut(text, "Authorization: ")
	_, rest, _ = strings.Cut(rest, "\r\n")
	return wire{{"", before + rest}}
}

var wrongMD5 = base64.StdEncoding.EncodeToString(make([]byte, 16))

// Cases is the table. What is done to a request stands behind its code: what its
// signer means by it, and what somebody does to it who cannot sign.
var Cases = []Case{
	// When: each signature is good for its time.
	{URL, "expired by an hour", "AccessDenied", by(-2 * time.Hour), nil},
	{URL, "expired by seconds", "AccessDenied", func(r *request) { by(-time.Minute)(r); expires("30")(r) }, nil},
	{URL, "from the future", "AccessDenied", by(16 * time.Minute), nil},
	{URL, "made longer afterwards", "SignatureDoesNotMatch", by(-2 * time.Hour), field("X-Amz-Expires", "604800")},
	{URL, "for a week and a second", "AuthorizationQueryParametersError", expires("604801"), nil},
	{URL, "for no time", "AuthorizationQueryParametersError", expires("0"), nil},
	{URL, "for a negative time", "AuthorizationQueryParametersError", expires("-1"), nil},
	{URL, "for ever", "AuthorizationQueryParametersError", expires("99999999999999999999"), nil},
	{Header, "kept for 16 minutes", "RequestTimeTooSkewed", by(-16 * time.Minute), nil},
	{Header, "from the future", "RequestTimeTooSkewed", by(16 * time.Minute), nil},
	{Header, "of another year", "RequestTimeTooSkewed", by(-366 * 24 * time.Hour), nil},
	{Chunks, "kept for 16 minutes", "RequestTimeTooSkewed", by(-16 * time.Minute), nil},

	// What for: it is good for one method, one key, one body, one host.
	{URL, "replayed to delete", "SignatureDoesNotMatch", nil, field("method", "DELETE")},
	{URL, "replayed to read", "SignatureDoesNotMatch", nil, field("method", "GET")},
	{URL, "replayed with a method that there is not", "SignatureDoesNotMatch", nil, field("method", "COPY")},
	{URL, "replayed for another key", "SignatureDoesNotMatch", nil, path("refused/b.jpg")},
	{URL, "replayed for a key below", "SignatureDoesNotMatch", nil, path(Refused + "/b")},
	{URL, "replayed for another bucket", "SignatureDoesNotMatch", nil, field("path", "videos/"+Refused)},
	{URL, "replayed for the bucket", "SignatureDoesNotMatch", nil, path("")},
	{URL, "with a parameter more", "SignatureDoesNotMatch", nil, field("signature", "0&acl")},
	{URL, "with two signatures", "AuthorizationQueryParametersError", nil, field("signature", "0&X-Amz-Signature=0")},
	{URL, "turned into a copy", "AccessDenied", nil, header("x-amz-copy-source", "/photos/"+Kept)},
	{URL, "given an ACL", "AccessDenied", nil, header("x-amz-acl", "public-read")},
	{URL, "given metadata", "AccessDenied", nil, header("x-amz-meta-camera", "b")},
	{URL, "at another host", "SignatureDoesNotMatch", nil, field("host", "elsewhere.example.org")},
	{Header, "replayed to delete", "SignatureDoesNotMatch", nil, field("method", "DELETE")},
	{Header, "replayed for another key", "SignatureDoesNotMatch", nil, path("refused/b.jpg")},
	{Header, "replayed with another body", "XAmzContentSHA256Mismatch", nil, field("body", strings.ToUpper(content))},
	{Header, "replayed with another body and its hash", "SignatureDoesNotMatch", nil, func(w wire) wire {
		return w.put("body", strings.ToUpper(content)).put("x-amz-content-sha256", hash(strings.ToUpper(content)))
	}},
	{Header, "replayed with another type", "SignatureDoesNotMatch", nil, field("content-type", "text/html")},
	{Header, "with a parameter more", "SignatureDoesNotMatch", nil, path(Refused + "?acl")},
	{Header, "turned into a copy", "AccessDenied", nil, header("x-amz-copy-source", "/photos/"+Kept)},
	{Header, "at another host", "SignatureDoesNotMatch", nil, field("host", "elsewhere.example.org")},
	{Chunks, "replayed for another key", "SignatureDoesNotMatch", nil, path("refused/b.jpg")},

	// Who: nothing is public, and there is one way to sign.
	{Header, "not signed", "AccessDenied", nil, drop},
	{Header, "host not signed", "AccessDenied", unsigned("host"), nil},
	{URL, "host not signed", "AccessDenied", unsigned("host"), nil},
	{Chunks, "host not signed", "AccessDenied", unsigned("host"), nil},
	{Header, "metadata not signed", "AccessDenied", unsigned("x-amz-meta-camera"), nil},
	{Header, "a key that there is not", "InvalidAccessKeyId", nil, field("access key", "NOBODY")},
	{Header, "another secret", "SignatureDoesNotMatch", func(r *request) { r.secret = "guessed" }, nil},
	{URL, "another secret", "SignatureDoesNotMatch", func(r *request) { r.secret = "guessed" }, nil},
	{Header, "another secret, of no length", "SignatureDoesNotMatch", func(r *request) { r.secret = "" }, nil},
	{Header, "a signature of no length", "AuthorizationHeaderMalformed", nil, field("signature", "")},
	{URL, "signed in the header too", "InvalidArgument", nil, header("Authorization", algorithm+" Credential=a, SignedHeaders=host, Signature=0")},
	{Header, "signed twice", "AccessDenied", nil, header("Authorization", algorithm+" Credential=a, SignedHeaders=host, Signature=0")},
	{Header, "dated twice", "AccessDenied", nil, header("x-amz-date", "20300101T000000Z")},
	{Header, "signed as version 2 did", "AuthorizationHeaderMalformed", nil, func(w wire) wire {
		return wire{{"", strings.Replace(w.String(), "Authorization: "+algorithm, "Authorization: AWS", 1)}}
	}},
	{Header, "signed as version 4A does", "AuthorizationHeaderMalformed", nil, field("algorithm", "AWS4-ECDSA-P256-SHA256")},
	{Header, "with a session token", "InvalidToken", says("x-amz-security-token", "t"), nil},
	{URL, "with a session token", "InvalidToken", asks("X-Amz-Security-Token", "t"), nil},

	// Where: a key is what it says, to everybody on the way.
	{Header, "a key with ..", "InvalidURI", key("refused/../a"), nil},
	{Header, "a key that begins with ..", "InvalidURI", key("../../etc/passwd"), nil},
	{Header, "a key with .. escaped", "InvalidURI", key("refused/%2e%2e/a"), nil},
	{Header, "a key with .. escaped twice", "InvalidURI", key("refused/%252e%252e/a"), nil},
	{Header, "a key with .", "InvalidURI", key("refused/./a"), nil},
	{Header, "a key that ends in a slash", "InvalidURI", key("refused/"), nil},
	{Header, "a key with an empty segment", "InvalidURI", key("refused//a"), nil},
	{Header, "a key with %2f", "InvalidURI", key("refused%2fa"), nil},
	{Header, "a key with %2F", "InvalidURI", key("refused%2Fa"), nil},
	{Header, "a key with %252f", "InvalidURI", key("refused%252fa"), nil},
	{Header, "a key with a NUL", "InvalidURI", key("refused/a%00.jpg"), nil},
	{Header, "a key with a NUL escaped twice", "InvalidURI", key("refused/a%2500.jpg"), nil},
	{Header, "a key with a line break", "InvalidURI", key("refused/a%0D%0Ax-amz-acl:%20b"), nil},
	{Header, "a key with a control character", "InvalidURI", key("refused/a%7F"), nil},
	{Header, "a key that is no UTF-8", "InvalidURI", key("refused/%FF"), nil},
	{Header, "a broken escape", "InvalidURI", key("refused/%zz"), nil},
	{Header, "a key of 1,025 bytes", "KeyTooLongError", key(strings.Repeat("k", 1025)), nil},
	{URL, "a key of 1,025 bytes", "KeyTooLongError", key(strings.Repeat("k", 1025)), nil},
	{Header, "a key of 1,026 bytes in 342 letters", "KeyTooLongError", key(strings.Repeat("%EC%82%AC", 342)), nil},
	{URL, "a key with ..", "InvalidURI", key("refused/../a"), nil},
	{URL, "a key with %2f", "InvalidURI", key("refused%2fa"), nil},
	{URL, "a key with a NUL", "InvalidURI", key("refused/a%00.jpg"), nil},
	{Chunks, "a key with ..", "InvalidURI", key("refused/../a"), nil},
	{Header, "another bucket", "NoSuchBucket", func(r *request) { r.path = "/videos/a" }, nil},
	{Header, "a bucket called ..", "InvalidBucketName", func(r *request) { r.path = "/../a" }, nil},
	{Header, "a copy of a key with ..", "InvalidArgument", func(r *request) { r.body = ""; r.set("x-amz-copy-source", "/photos/../a") }, nil},
	{Header, "a copy of another bucket's", "NoSuchBucket", func(r *request) { r.body = ""; r.set("x-amz-copy-source", "/videos/a") }, nil},

	// What: a body is the one that was meant, and all of it.
	{Header, "a body without its last byte", "IncompleteBody", large(1), nil},
	{Header, "half a body", "IncompleteBody", large(10_000), nil},
	{URL, "a body without its last byte", "IncompleteBody", large(1), nil},
	{Header, "no length", "MissingContentLength", func(r *request) { r.set("transfer-encoding", "chunked"); r.body = "1\r\nx\r\n0\r\n\r\n" }, nil},
	{Header, "wrong MD5", "BadDigest", says("content-md5", wrongMD5), nil},
	{URL, "wrong MD5", "BadDigest", nil, header("content-md5", wrongMD5)},
	{Header, "an MD5 that is none", "InvalidDigest", says("content-md5", "abc"), nil},
	{Header, "wrong checksum", "BadDigest", says(sumHeader, sum("another")), nil},
	{Header, "a checksum that is none", "InvalidRequest", says(sumHeader, "abc"), nil},
	{Header, "two checksums", "InvalidRequest", func(r *request) { r.set(sumHeader, sum(r.body)); r.set("x-amz-checksum-sha1", "abc") }, nil},
	{Header, "a checksum announced and not given", "InvalidRequest", says("x-amz-sdk-checksum-algorithm", "CRC32C"), nil},
	{Header, "the hash of another body", "XAmzContentSHA256Mismatch", payload(hash("another")), nil},
	{Header, "a hash that is none", "InvalidArgument", payload("abc"), nil},
	{Header, "a hash in capitals", "InvalidArgument", payload(strings.ToUpper(hash(content))), nil},
	{Header, "an unsigned body over plain HTTP", "AccessDenied", payload("UNSIGNED-PAYLOAD"), nil},
	{URL, "the hash of another body", "XAmzContentSHA256Mismatch", payload(hash("another")), nil},
	{URL, "a body in chunks", "NotImplemented", payload(streaming), nil},
	{Header, "called aws-chunked and not in chunks", "InvalidRequest", says("content-encoding", "aws-chunked"), nil},
	{Header, "with tags", "NotImplemented", says("x-amz-tagging", "a=b"), nil},
	{Header, "to be encrypted", "NotImplemented", says("x-amz-server-side-encryption", "AES256"), nil},
	{Header, "public", "AccessControlListNotSupported", says("x-amz-acl", "public-read"), nil},
	{Header, "of another storage class", "InvalidStorageClass", says("x-amz-storage-class", "GLACIER"), nil},
	{Header, "with more metadata than is kept", "MetadataTooLarge", says("x-amz-meta-camera", strings.Repeat("x", 2049)), nil},
	{Header, "as something that is not understood", "NotImplemented", asks("legal-hold", ""), nil},

	// In chunks: none is left out, repeated, moved, or another one's.
	{Chunks, "half a body", "IncompleteBody", large(10_000), nil},
	{Chunks, "a trailer that is cut off", "SignatureDoesNotMatch", large(5), nil},
	{Chunks, "longer than it says", "IncompleteBody", func(r *request) { r.decoded = "5" }, nil},
	{Chunks, "shorter than it says", "IncompleteBody", func(r *request) { r.decoded = "500" }, nil},
	{Chunks, "a length that is none", "MissingContentLength", func(r *request) { r.decoded = "-5" }, nil},
	{Chunks, "the first left out", "SignatureDoesNotMatch", chunks(func(c []chunk) []chunk { return c[1:] }), nil},
	{Chunks, "the last left out", "MalformedTrailerError or InvalidRequest", chunks(func(c []chunk) []chunk { return c[:2] }), nil},
	{Chunks, "the first twice", "SignatureDoesNotMatch", chunks(func(c []chunk) []chunk { return append(c[:1:1], c...) }), nil},
	{Chunks, "in another order", "SignatureDoesNotMatch", chunks(func(c []chunk) []chunk { return []chunk{c[1], c[0], c[2]} }), nil},
	{Chunks, "not signed over plain HTTP", "AccessDenied", payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), nil},
	{Chunks, "of a kind that there is not", "NotImplemented", payload("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), nil},
	{Chunks, "a trailer that was not announced", "MalformedTrailerError", nil, field("trailer name", "x-amz-checksum-crc32")},
	{Chunks, "the sum of another body", "SignatureDoesNotMatch", nil, field("trailer value", sum("another"))},
	{Chunks, "something behind the trailer", "MalformedTrailerError", nil, field("trailer signature name", "x-amz-meta-a:b\r\nx-amz-trailer-signature")},
	{Chunks, "a size with a sign", "InvalidRequest", nil, field("chunk size", "+b")},
	{Chunks, "a size beyond all", "InvalidRequest", nil, field("chunk size", "ffffffffffffffffff")},

	// Ranges: one at a time, and of what is there.
	{Header, "overlapping ranges", "InvalidRange", gets("bytes=0-4,2-6"), nil},
	{Header, "the same range a hundred times", "InvalidRange", gets("bytes=" + strings.Repeat("0-,", 99) + "0-"), nil},
	{Header, "a range behind the end", "InvalidRange", gets("bytes=9999-"), nil},
	{Header, "the last no bytes", "InvalidRange", gets("bytes=-0"), nil},
}

package objects

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Signature Version 4 as S3 speaks it:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
// S3 differs from the other services in two ways that matter here: the path is
// escaped once and not normalized, and the body's hash may be left out.
const (
	algorithm       = "AWS4-HMAC-SHA256"
	service         = "s3"
	terminator      = "aws4_request"
	stampFormat     = "20060102T150405Z"
	unsignedPayload = "UNSIGNED-PAYLOAD"
)

// scope is what a signing key is good for: one UTC day in one region.
type scope struct{ day, region string }

func (s scope) String() string {
	return s.day + "/" + s.region + "/" + service + "/" + terminator
}

// field is a query parameter or a header, decoded.
type field struct{ name, value string }

// canonical is all of a request that the signature covers.
type canonical struct {
	method  string
	path    string  // decoded
	query   []field // decoded, X-Amz-Signature left out
	headers []field // lower-case names, sorted, values joined
	payload string
}

func (c canonical) signedHeaders() string {
	names := make([]string, len(c.headers))
	for i, h := range c.headers {
		names[i] = h.name
	}
	return strings.Join(names, ";")
}

// hash is the SHA-256 of the canonical request, in hex.
func (c canonical) hash(path, query string) string {
	b := make([]byte, 0, 512)
	b = append(append(append(append(append(append(b, c.method...), '\n'), path...), '\n'), query...), '\n')
	for _, h := range c.headers {
		b = append(append(append(append(b, h.name...), ':'), h.value...), '\n')
	}
	b = append(append(append(append(b, '\n'), c.signedHeaders()...), '\n'), c.payload...)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// sign gives the signature in hex. stamp is the request's time in stampFormat.
func (c canonical) sign(key []byte, stamp string, s scope) string {
	return c.signAs(key, stamp, s, escape(c.path, true), canonicalQuery(c.query))
}

// signAs is sign for who has path and query in their canonical form already.
func (c canonical) signAs(key []byte, stamp string, s scope, path, query string) string {
	return hex.EncodeToString(mac(key, algorithm+"\n"+stamp+"\n"+s.String()+"\n"+c.hash(path, query)))
}

// canonicalQuery escapes and sorts by escaped name, then by escaped value.
func canonicalQuery(fields []field) string {
	escaped := make([]field, len(fields))
	for i, f := range fields {
		escaped[i] = field{escape(f.name, false), escape(f.value, false)}
	}
	slices.SortFunc(escaped, func(a, b field) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.value, b.value))
	})
	b := make([]byte, 0, 256)
	for i, f := range escaped {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, f.name...), '='), f.value...)
	}
	return string(b)
}

// parseQuery is url.ParseQuery that keeps order and duplicates apart and takes
// no parameter as gone because it is broken.
func parseQuery(raw string) ([]field, error) {
	var fields []field
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err := url.QueryUnescape(name)
		if err != nil {
			return nil, fail(InvalidURI, "the query has a broken escape")
		}
		v, err := url.QueryUnescape(value)
		if err != nil {
			return nil, fail(InvalidURI, "the query has a broken escape")
		}
		fields = append(fields, field{n, v})
	}
	return fields, nil
}

// escape is AWS's UriEncode: all but the unreserved characters, in upper-case
// hex, byte by byte; the slash of a path stays.
func escape(s string, path bool) string {
	const hexDigits = "0123456789ABCDEF"
	odd := 0
	for i := range len(s) {
		if !plain(s[i], path) {
			odd++
		}
	}
	if odd == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*odd)
	for i := range len(s) {
		if c := s[i]; plain(c, path) {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(b)
}

// plain says whether a byte stands for itself.
func plain(c byte, path bool) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~' || path && c == '/'
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// signingKey derives a scope's key from the secret.
func signingKey(secret string, s scope) []byte {
	k := mac([]byte("AWS4"+secret), s.day)
	k = mac(k, s.region)
	k = mac(k, service)
	return mac(k, terminator)
}

// keyring remembers signing keys: deriving one costs as much as a whole
// verification. The zero value is ready, nil remembers nothing. Only scopes that passed the date and
// region checks, of secrets that exist, get here, so a stranger cannot fill it.
type keyring struct {
	mu   sync.Mutex
	keys map[ringKey][]byte
}

type ringKey struct {
	secret string
	scope  scope
}

// ringLimit bounds the ring: eight days of valid presigned URLs for 32 keys.
const ringLimit = 256

func (r *keyring) key(secret string, s scope) []byte {
	if r == nil {
		return signingKey(secret, s)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if k, ok := r.keys[ringKey{secret, s}]; ok {
		return k
	}
	if r.keys == nil || len(r.keys) >= ringLimit {
		r.keys = make(map[ringKey][]byte)
	}
	k := signingKey(secret, s)
	r.keys[ringKey{secret, s}] = k
	return k
}

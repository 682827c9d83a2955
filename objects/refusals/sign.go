package refusals

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/url"
	"slices"
	"strings"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	region    = "us-east-1"
	stamp     = "20060102T150405Z"
	streaming = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	sumHeader = "x-amz-checksum-crc32c"
)

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func keyed(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// sum is the body's CRC32C in base64.
func sum(body string) string {
	n := crc32.Checksum([]byte(body), crc32.MakeTable(crc32.Castagnoli))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, n))
}

// encode escapes all but what need not be: RFC 3986, as AWS wants it.
func encode(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// canonicalPath is the path decoded and escaped anew, once.
func canonicalPath(path string) string {
	plain, err := url.PathUnescape(path)
	if err != nil {
		return path
	}
	return strings.ReplaceAll(encode(plain), "%2F", "/")
}

// chunk is one of a body that is signed piece by piece.
type chunk struct{ data, signature string }

// signed makes the bytes that go over the wire.
func (r *request) signed(s Signer) wire {
	at := r.at.UTC().Format(stamp)
	day := at[:8]
	scope := day + "/" + region + "/s3/aws4_request"
	key := []byte("AWS4" + r.secret)
	for _, step := range []string{day, region, "s3", "aws4_request"} {
		key = keyed(key, step)
	}
	sign := func(algorithm string, lines ...string) string {
		return hex.EncodeToString(keyed(key, algorithm+"\n"+at+"\n"+scope+"\n"+strings.Join(lines, "\n")))
	}

	query, headers, payload := slices.Clone(r.query), slices.Clone(r.headers), r.payload
	switch r.form {
	case Header:
		payload = cmp.Or(payload, hash(r.body))
	case Chunks:
		payload = cmp.Or(payload, streaming)
		headers = append(headers, pair{"content-encoding", "aws-chunked"}, pair{"x-amz-trailer", sumHeader},
			pair{"x-amz-decoded-content-length", cmp.Or(r.decoded, fmt.Sprint(len(r.body)))})
	case URL:
		query = append(query, pair{"X-Amz-Algorithm", algorithm}, pair{"X-Amz-Credential", encode(s.Access + "/" + scope)},
			pair{"X-Amz-Date", at}, pair{"X-Amz-Expires", r.expires})
		if payload != "" {
			query = append(query, pair{"X-Amz-Content-Sha256", payload})
		}
		payload = cmp.Or(payload, "UNSIGNED-PAYLOAD")
	}
	if r.form != URL {
		headers = append(headers, pair{"x-amz-date", at}, pair{"x-amz-content-sha256", payload})
	}
	covered := slices.DeleteFunc(append([]pair{{"host", r.host}}, headers...), func(p pair) bool { return p.name == r.omit })
	slices.SortStableFunc(covered, func(a, b pair) int { return cmp.Compare(a.name, b.name) })
	var names []string
	fields := ""
	for _, p := range covered {
		names = append(names, p.name)
		fields += p.name + ":" + p.value + "\n"
	}
	if r.form == URL {
		query = append(query, pair{"X-Amz-SignedHeaders", strings.Join(names, "%3B")})
	}
	slices.SortStableFunc(query, func(a, b pair) int { return cmp.Compare(a.name, b.name) })
	var params []string
	for _, p := range query {
		params = append(params, p.name+"="+p.value)
	}
	canonical := strings.Join([]string{r.method, canonicalPath(r.path), strings.Join(params, "&"), fields, strings.Join(names, ";"), payload}, "\n")
	signature := sign(algorithm, hash(canonical))

	w := wire{{"method", r.method}, {"", " /"}, {"path", r.path[1:]}}
	for i, p := range query {
		w = append(w, piece{"", cmp.Or(strings.Repeat("&", min(i, 1)), "?")}, piece{"name of " + p.name, p.name}, piece{"", "="})
		w = append(w, credential(p, s.Access, scope)...)
	}
	if r.form == URL {
		w = append(w, piece{"", "&"}, piece{"name of X-Amz-Signature", "X-Amz-Signature"}, piece{"", "="}, piece{"signature", signature})
	}
	w = append(w, piece{"", " HTTP/1.1\r\nHost: "}, piece{"host", r.host}, piece{"", "\r\n"}, piece{"more headers", ""})
	for _, p := range headers {
		w = append(w, piece{"name of " + p.name, p.name}, piece{"", ": "}, piece{p.name, p.value}, piece{"", "\r\n"})
	}
	if r.form != URL {
		w = append(w, piece{"", "Authorization: "}, piece{"algorithm", algorithm}, piece{"", " Credential="})
		w = append(w, credential(pair{"X-Amz-Credential", ""}, s.Access, scope)...)
		w = append(w, piece{"", ", SignedHeaders="}, piece{"signed headers", strings.Join(names, ";")},
			piece{"", ", Signature="}, piece{"signature", signature}, piece{"", "\r\n"})
	}
	body := wire{{"body", r.body}}
	if r.form == Chunks {
		body = r.chunked(sign, signature)
	}
	if !slices.ContainsFunc(r.headers, func(p pair) bool { return p.name == "transfer-encoding" }) {
		w = append(w, piece{"length", ""})
	}
	return append(append(w, piece{"", "\r\n"}), body...)
}

// credential takes the value of X-Amz-Credential apart, and leaves others as they are.
func credential(p pair, access, scope string) (w wire) {
	if p.name != "X-Amz-Credential" {
		return wire{{p.name, p.value}}
	}
	slash := "/"
	if p.value != "" {
		slash = "%2F"
	}
	w = wire{{"access key", access}}
	for i, part := range strings.Split(scope, "/") {
		w = append(w, piece{"", slash}, piece{[]string{"day", "region", "service", "terminator"}[i], part})
	}
	return w
}

// chunked signs the body in chunks, each over the one before, and the trailer.
func (r *request) chunked(sign func(algorithm string, lines ...string) string, last string) (w wire) {
	var list []chunk
	half := len(r.body) / 2
	for _, data := range []string{r.body[:half], r.body[half:], ""} {
		last = sign(algorithm+"-PAYLOAD", last, hash(""), hash(data))
		list = append(list, chunk{data, last})
	}
	if r.chunks != nil {
		list = r.chunks(list)
	}
	for _, c := range list {
		w = append(w, piece{"chunk size", fmt.Sprintf("%x", len(c.data))}, piece{"chunk extension", ";chunk-signature="},
			piece{"chunk signature", c.signature}, piece{"chunk line end", "\r\n"})
		if c.data != "" {
			w = append(w, piece{"chunk data", c.data}, piece{"chunk line end", "\r\n"})
		}
	}
	line := sumHeader + ":" + sum(r.body)
	return append(w, piece{"trailer name", sumHeader}, piece{"trailer colon", ":"}, piece{"trailer value", sum(r.body)}, piece{"", "\r\n"},
		piece{"trailer signature name", "x-amz-trailer-signature"}, piece{"trailer colon", ":"},
		piece{"trailer signature", sign(algorithm+"-TRAILER", last, hash(line+"\n"))}, piece{"", "\r\n\r\n"})
}

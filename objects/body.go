package objects

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
)

const awsChunked = "aws-chunked"

// body is what a client uploads, out of its wrapping: exactly size bytes, and
// io.EOF only if they are the ones that were signed and whose sums were given.
// Whatever was read before is worth nothing without that io.EOF.
type body struct {
	size int64

	from   io.Reader
	left   int64
	checks []*check
	err    error

	good    func() bool // whether the access key still is, at the end
	chunked *chunks     // nil: the body is as it was sent
	summed  string      // name of the checksum header, or trailer; "": none
	sum     string      // its value; known at the end
}

// body prepares to read the request's body. It is asked once.
func (c *call) body() (*body, error) {
	h := &c.http.Request.Header
	b := &body{from: c.stream(), size: int64(h.ContentLength()), good: c.standing}
	trailer, err := c.trailer()
	if err != nil {
		return nil, err
	}
	if c.claim.chain != nil {
		text := string(h.Peek("x-amz-decoded-content-length"))
		if b.size, err = strconv.ParseInt(text, 10, 64); err != nil || !digits(text) {
			return nil, fail(MissingContentLength, "a body in chunks needs x-amz-decoded-content-length")
		}
		b.chunked = newChunks(b.from, c.claim.chain, trailer)
		b.from = b.chunked
	}
	if b.size < 0 {
		return nil, fail(MissingContentLength, "an upload needs Content-Length")
	}
	b.left = b.size
	if c.claim.Payload != "" {
		b.checks = append(b.checks, checkPayload(c.claim.Payload))
	}
	if sum := h.Peek("Content-MD5"); len(sum) > 0 {
		k, err := checkMD5(string(sum))
		if err != nil {
			return nil, err
		}
		b.checks = append(b.checks, k)
	}
	return b, c.checksum(b, trailer)
}

// trailer reads which values are to follow the body.
func (c *call) trailer() ([]string, error) {
	given := c.http.Request.Header.PeekAll("x-amz-trailer")
	switch {
	case !c.claim.trailer && len(given) == 0:
		return nil, nil
	case !c.claim.trailer:
		return nil, fail(InvalidRequest, "x-amz-trailer needs an x-amz-content-sha256 that ends in -TRAILER")
	case len(given) != 1 || strings.Contains(string(given[0]), ","):
		return nil, fail(InvalidRequest, "x-amz-trailer names one checksum")
	}
	return []string{strings.ToLower(strings.TrimSpace(string(given[0])))}, nil
}

// checksum finds the one checksum that a client may give, in a header or, later,
// in the trailer.
func (c *call) checksum(b *body, trailer []string) error {
	h := &c.http.Request.Header
	names := slices.Clone(trailer)
	for name := range checksums {
		if len(h.Peek(name)) > 0 {
			names = append(names, name)
		}
	}
	announced := strings.ToLower(string(h.Peek(checksumAlgorithm)))
	switch {
	case len(names) > 1:
		return fail(InvalidRequest, "expecting a single %s header", checksumPrefix)
	case len(names) == 0 && announced != "":
		return fail(InvalidRequest, "%s specified, but no corresponding %s* or x-amz-trailer headers were found", checksumAlgorithm, checksumPrefix)
	case len(names) == 0:
		return nil
	case announced != "" && names[0] != checksumPrefix+announced:
		return fail(InvalidRequest, "the value of %s is not the checksum's own algorithm", checksumAlgorithm)
	}
	b.summed = names[0]
	k, err := checkSum(b.summed)
	if err != nil {
		return err
	}
	b.checks = append(b.checks, k)
	if len(trailer) == 0 {
		b.sum = string(h.Peek(b.summed))
		return k.expect(b.summed, b.sum)
	}
	return nil
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 {
		n, err = 0, fail(IncompleteBody, "the body has more than the %d bytes that were announced", b.size)
	}
	for _, k := range b.checks {
		k.Write(p[:n])
	}
	var refused *Error
	switch {
	case err == nil:
		return n, nil
	case errors.As(err, &refused):
		b.err = refused
	case err == io.EOF && b.left == 0:
		b.err = b.finish()
	default:
		b.err = fail(IncompleteBody, "the body ended after %d of %d bytes", b.size-b.left, b.size)
	}
	return n, b.err
}

// finish compares every sum that was given.
func (b *body) finish() error {
	if b.chunked != nil && b.summed != "" && b.sum == "" {
		b.sum = b.chunked.values[b.summed]
		if err := b.checks[len(b.checks)-1].expect(b.summed, b.sum); err != nil {
			return err
		}
	}
	for _, k := range b.checks {
		if err := k.result(); err != nil {
			return err
		}
	}
	if !b.good() {
		return fail(InvalidAccessKey, "the access key was revoked meanwhile")
	}
	return io.EOF
}

// echo tells the client which checksum its upload was compared with.
func (b *body) echo(h *fasthttp.ResponseHeader) {
	if b.summed != "" {
		h.Set(b.summed, b.sum)
		h.Set(checksumType, "FULL_OBJECT")
	}
}

// stream is what the client sends, wrapped as it may be.
func (c *call) stream() io.Reader {
	if stream := c.http.RequestBodyStream(); stream != nil {
		return stream
	}
	return bytes.NewReader(c.http.PostBody())
}

// encoding is how the client itself has encoded the object: aws-chunked is only
// how it was sent.
func (c *call) encoding() (string, error) {
	var own []string
	wrapped := false
	for coding := range strings.SplitSeq(string(c.http.Request.Header.Peek(fasthttp.HeaderContentEncoding)), ",") {
		switch coding = strings.TrimSpace(coding); {
		case strings.EqualFold(coding, awsChunked):
			wrapped = true
		case coding != "":
			own = append(own, coding)
		}
	}
	if wrapped && c.claim.chain == nil {
		return "", fail(InvalidRequest, "a body in %s has an x-amz-content-sha256 that begins with %s", awsChunked, streamingPrefix)
	}
	return strings.Join(own, ","), nil
}

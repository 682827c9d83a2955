package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"stoker/fsm"
	"stoker/node"
)

// HeaderRequestID, when the response has it already, is the id that S3's own
// header and error documents repeat.
const (
	HeaderRequestID   = "X-Request-Id"
	headerS3RequestID = "x-amz-request-id"
)

// Serve answers one request of the S3 protocol, for /{bucket}/{key}. The
// server must stream request bodies (StreamRequestBody) and not parse
// multipart forms ahead (DisablePreParseMultipartForm).
//
// ctx is what the request is followed by (see node.WithRequest).
func (s *Store) Serve(ctx context.Context, http *fasthttp.RequestCtx) {
	c := &call{Context: ctx, store: s, http: http, id: string(http.Response.Header.Peek(HeaderRequestID))}
	if c.id == "" {
		c.id = random(20)
	}
	http.Response.Header.Set(headerS3RequestID, c.id)
	if err := c.serve(); err != nil {
		c.drain()
		c.refuse(err)
	}
}

// Speaks says whether a request is an S3 client's, whatever its path: it is signed
// as S3 has it.
func Speaks(http *fasthttp.RequestCtx) bool {
	return strings.HasPrefix(string(http.Request.Header.Peek(fasthttp.HeaderAuthorization)), algorithm) ||
		http.QueryArgs().Has("X-Amz-Signature")
}

// call is one request on its way through the store.
type call struct {
	context.Context
	store       *Store
	http        *fasthttp.RequestCtx
	id          string
	claim       Claim
	bucket, key string
}

// serve checks the signature before everything else: without a good one nobody
// learns what there is, or gets more time than any other request has.
func (c *call) serve() error {
	var err error
	if c.claim, err = c.verify(); err != nil {
		return err
	}
	if err := c.http.SetReadDeadline(time.Now().Add(c.store.cfg.Transfer)); err != nil {
		return fmt.Errorf("give a body its time: %w", err)
	}
	if c.bucket, c.key, err = splitPath(string(c.http.URI().PathOriginal())); err != nil {
		return err
	}
	op, err := c.operation()
	if err != nil {
		return err
	}
	return op.do(c)
}

func (c *call) verify() (Claim, error) {
	h := &c.http.Request.Header
	host := string(h.Host())
	claim, err := c.store.verifier.Verify(Request{
		Method: string(c.http.Method()),
		Path:   string(c.http.URI().PathOriginal()),
		Query:  string(c.http.URI().QueryString()),
		Host:   host,
		Header: func(name string) []string {
			var values []string
			for _, v := range h.PeekAll(name) {
				values = append(values, string(v))
			}
			return values
		},
		Names:  c.headers(),
		Secure: c.http.IsTLS() || c.store.encrypted(host),
		Empty:  h.ContentLength() == 0,
	})
	var refused *Error
	if errors.As(err, &refused) && refused.Code == InvalidAccessKey && !c.store.begun() {
		return claim, fail(ServiceUnavailable, "this node has not heard of its cluster yet; try again")
	}
	return claim, err
}

// headers are the names of all there are.
func (c *call) headers() []string {
	var names []string
	for name := range c.http.Request.Header.All() {
		names = append(names, strings.ToLower(string(name)))
	}
	return names
}

func (c *call) put() error {
	if len(c.http.Request.Header.Peek(copySource)) > 0 {
		return c.copy()
	}
	if err := c.may(toWrite, c.key); err != nil {
		return err
	}
	in := PutRequest{
		Bucket: c.bucket, Key: c.key, By: c.by(), RequestID: c.id,
	}
	said, err := c.description()
	if err != nil {
		return err
	}
	if in.If, err = c.demand(); err != nil {
		return err
	}
	in.ContentType, in.Meta, in.Headers = said.contentType, said.meta, said.headers
	if in.Fence, err = c.fence(); err != nil {
		return err
	}
	b, err := c.body()
	if err != nil {
		return err
	}
	in.Body, in.Size = b, b.size
	o, err := c.store.Put(c, in)
	if err != nil {
		return err
	}
	c.http.Response.Header.Set(fasthttp.HeaderETag, etag(o))
	b.echo(&c.http.Response.Header)
	return nil
}

// fence reads the grant that an upload belongs to.
func (c *call) fence() (uint64, error) {
	given := false
	for _, f := range c.claim.query {
		given = given || f.name == FenceParam
	}
	if !given {
		return 0, nil
	}
	if !c.claim.Scope.ours {
		return 0, fail(AccessDenied, "%s is for URLs that this cluster has signed", FenceParam)
	}
	text, once := c.claim.Param(FenceParam)
	fence, err := strconv.ParseUint(text, 10, 64)
	if !once || err != nil || fence == 0 {
		return 0, fail(InvalidArgument, "%s must be one positive number", FenceParam)
	}
	return fence, nil
}

// drainLimit is how much of a refused upload is taken in.
const drainLimit = 64 << 20

// drain takes in what a client is still sending: many read the answer only
// after their last byte, and closing the connection under them would lose it.
func (c *call) drain() {
	if n := c.http.Request.Header.ContentLength(); n <= drainLimit { // or unknown
		// A broken connection has nobody to answer to.
		_, _ = io.CopyN(io.Discard, c.stream(), drainLimit)
	}
}

func (c *call) get() error {
	if err := c.may(toRead, c.key); err != nil {
		return err
	}
	o, err := c.store.Head(c, c.bucket, c.key)
	if err != nil {
		return err
	}
	h := &c.http.Response.Header
	h.Set(fasthttp.HeaderETag, etag(o))
	h.Set(fasthttp.HeaderLastModified, string(fasthttp.AppendHTTPDate(nil, time.Unix(0, o.At))))
	h.Set(fasthttp.HeaderAcceptRanges, "bytes")
	status, off, n, err := c.conditions(o)
	if err != nil {
		return err
	}
	c.http.SetStatusCode(status)
	if status == fasthttp.StatusNotModified {
		return nil
	}
	if err := c.describe(o); err != nil {
		return err
	}
	// The uploader chose the type, and the admin page has the same origin: what
	// is opened in a browser must neither be guessed to be a page nor act as one.
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	h.Set(fasthttp.HeaderContentSecurityPolicy, "default-src 'none'; sandbox")
	if status == fasthttp.StatusPartialContent {
		h.SetContentRange(int(off), int(off+n-1), int(o.Size))
	}
	if c.http.IsHead() {
		c.http.Response.SkipBody = true
		h.SetContentLength(int(n))
		return nil
	}
	body, err := c.store.Open(o, off, n)
	if err != nil {
		return err
	}
	c.http.Response.SetBodyStream(body, int(n)) // closes it
	c.store.metrics.sent.Add(float64(n))
	return nil
}

func (c *call) delete() error {
	if err := c.may(toWrite, c.key); err != nil {
		return err
	}
	err := c.store.Delete(c, c.bucket, c.key, c.from()...)
	if err == nil {
		c.http.SetStatusCode(fasthttp.StatusNoContent)
	}
	return err
}

// refuse answers an error as S3 does.
func (c *call) refuse(err error) {
	e := c.asS3(err)
	resp := &c.http.Response
	resp.ResetBody()
	for _, name := range []string{fasthttp.HeaderETag, fasthttp.HeaderLastModified, fasthttp.HeaderAcceptRanges} {
		resp.Header.Del(name)
	}
	resp.SetStatusCode(e.Status())
	resp.Header.SetContentType("application/xml")
	if e.Code == ServiceUnavailable {
		resp.Header.Set(fasthttp.HeaderRetryAfter, "1")
	}
	resp.SetBody(e.XML(string(c.http.URI().PathOriginal()), c.id))
}

// asS3 says an error in S3's terms. What nobody foresaw is logged, and the
// client learns only where to ask.
func (c *call) asS3(err error) *Error {
	var e *Error
	var refused *fsm.Refusal
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &refused) && refused.Code == fsm.ValidationFailed:
		return fail(InvalidArgument, "%s", refused.Message)
	case errors.As(err, &refused) && refused.Code == fsm.FeatureLevel:
		return fail(NotImplemented, "%s", refused.Message)
	case errors.As(err, &refused) && refused.Code == fsm.PreconditionFailed:
		if len(refused.Fields) > 0 && refused.Fields[0].Field == fsm.FieldMissing {
			return fail(NoSuchKey, "%s", refused.Message)
		}
		return fail(PreconditionFailed, "%s", refused.Message)
	case errors.As(err, &refused) && refused.Code == fsm.Unavailable:
		return fail(ServiceUnavailable, "%s", refused.Message)
	case errors.As(err, &refused):
		return fail(AccessDenied, "%s", refused.Message)
	case errors.Is(err, node.ErrStorageFull):
		return fail(StorageFull, "the cluster's disks are full; nothing was stored")
	case errors.Is(err, node.ErrUnavailable):
		return fail(ServiceUnavailable, "the cluster has no leader at the moment; nothing was changed, try again")
	case errors.Is(err, node.ErrOutcomeUnknown):
		return fail(ServiceUnavailable, "whether it was recorded is unknown; doing it again is safe")
	}
	c.store.cfg.Log.Error("object request failed", "request", c.id, "err", err)
	return fail(InternalError, "something went wrong here; quote the request id to the operator")
}

// etag is an object's as headers and documents have it.
func etag(o fsm.Object) string { return `"` + o.ETag() + `"` }

package objects

import (
	"io"
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"

	"stoker/fsm"
	"stoker/node"
)

const copySource = "x-amz-copy-source"

// source finds the object that a copy is to be made of, once the client's
// conditions were held against it.
func (c *call) source() (o fsm.Object, err error) {
	h := &c.http.Request.Header
	raw, version, versioned := strings.Cut(string(h.Peek(copySource)), "?")
	if versioned && version != "versionId=null" {
		return o, fail(NotImplemented, "there are no versions of objects")
	}
	path, err := url.PathUnescape(raw)
	if err != nil {
		return o, fail(InvalidArgument, "%s has a broken escape", copySource)
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if err := CheckKey(key); err != nil {
		return o, fail(InvalidArgument, "%s must be /bucket/key: %v", copySource, err)
	}
	if err := c.may(toRead, key); err != nil {
		return o, err
	}
	if bucket != c.bucket {
		return o, fail(NoSuchBucket, "there is no bucket %.100q", bucket)
	}
	if o, err = c.store.Head(c, bucket, key); err != nil {
		return o, err
	}
	only := func(name string) string { return string(h.Peek(copySource + "-" + name)) }
	if !holds(o, only("if-match"), only("if-unmodified-since")) || known(o, only("if-none-match"), only("if-modified-since")) {
		return o, fail(PreconditionFailed, "the source is not the one that was asked for")
	}
	return o, nil
}

// copied answers a copy of an object or of a part.
type copied struct {
	LastModified string
	ETag         string
}

// copy makes an object of another without moving a byte: both share the files.
func (c *call) copy() error {
	if err := c.may(toWrite, c.key); err != nil {
		return err
	}
	if len(c.http.Request.Header.Peek(fasthttp.HeaderContentLength)) > 0 && c.http.Request.Header.ContentLength() > 0 {
		return fail(InvalidRequest, "a copy has no body")
	}
	if _, fenced := c.claim.Param(FenceParam); fenced {
		return fail(InvalidArgument, "a copy cannot be staged under a grant")
	}
	o, err := c.source()
	if err != nil {
		return err
	}
	cmd := fsm.CopyObject{Bucket: c.bucket, From: o.Key, Version: o.Version(), To: c.key}
	if cmd.If, err = c.demand(); err != nil {
		return err
	}
	switch directive := string(c.http.Request.Header.Peek("x-amz-metadata-directive")); directive {
	case "", "COPY":
		if o.Key == c.key {
			return fail(InvalidRequest, "a copy onto itself changes nothing: say x-amz-metadata-directive: REPLACE")
		}
	case "REPLACE":
		w, err := c.description()
		if err != nil {
			return err
		}
		cmd.Replace, cmd.ContentType, cmd.Meta, cmd.Headers = true, w.contentType, w.meta, w.headers
	default:
		return fail(InvalidArgument, "x-amz-metadata-directive is COPY or REPLACE")
	}
	done, err := node.Apply(c, c.store.node, cmd, c.from()...)
	if err != nil {
		return err
	}
	return c.answer("CopyObjectResult", copied{timestamp(done.Answer.At), etag(done.Answer)})
}

// sourceRange opens what a part is to be copied of.
func (c *call) sourceRange() (body io.ReadCloser, size int64, err error) {
	o, err := c.source()
	if err != nil {
		return nil, 0, err
	}
	off, n := int64(0), o.Size
	if asked := string(c.http.Request.Header.Peek(copySource + "-range")); asked != "" {
		part := false
		if off, n, part, err = parseRange(asked, o.Size); err != nil || !part {
			return nil, 0, fail(InvalidArgument, "%s-range must be bytes=first-last within the source's %d bytes", copySource, o.Size)
		}
	}
	body, err = c.store.Open(o, off, n)
	return body, n, err
}

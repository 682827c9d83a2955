package objects

import (
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"stoker/fsm"
)

// conditions decides what of an object is sent: all (200), a part (206) or, as
// the client has it already, nothing (304).
func (c *call) conditions(o fsm.Object) (code int, off, n int64, err error) {
	tag := etag(o)
	h := &c.http.Request.Header
	if match := string(h.Peek(fasthttp.HeaderIfMatch)); match != "" && !matches(match, tag) {
		return 0, 0, 0, fail(PreconditionFailed, "the object's ETag is another one")
	}
	if none := string(h.Peek(fasthttp.HeaderIfNoneMatch)); none != "" && matches(none, tag) {
		return fasthttp.StatusNotModified, 0, 0, nil
	}
	asked := string(h.Peek(fasthttp.HeaderRange))
	if still := string(h.Peek(fasthttp.HeaderIfRange)); still != "" && still != tag {
		asked = "" // the part the client has is of another object: it needs all
	}
	off, n, part, err := parseRange(asked, o.Size)
	switch {
	case err != nil:
		c.http.Response.Header.Set(fasthttp.HeaderContentRange, "bytes */"+strconv.FormatInt(o.Size, 10))
		return 0, 0, 0, err
	case part:
		return fasthttp.StatusPartialContent, off, n, nil
	}
	return fasthttp.StatusOK, 0, o.Size, nil
}

// matches looks a tag up in the list of an If-Match or If-None-Match.
func matches(list, tag string) bool {
	for candidate := range strings.SplitSeq(list, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		// S3 takes tags without quotes too.
		if candidate == "*" || candidate == tag || `"`+candidate+`"` == tag {
			return true
		}
	}
	return false
}

// parseRange reads the Range header (RFC 9110, 14.1.2) for a body of size bytes.
// One that is no range of bytes is ignored, as the RFC has it; several ranges at
// once are refused, as in S3.
func parseRange(header string, size int64) (off, n int64, part bool, err error) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return 0, size, false, nil
	}
	if strings.Contains(spec, ",") {
		return 0, 0, false, fail(InvalidRange, "one range at a time")
	}
	first, last, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !digits(first) || !digits(last) || first == "" && last == "" {
		return 0, size, false, nil
	}
	from, fromErr := strconv.ParseInt(first, 10, 64)
	to, toErr := strconv.ParseInt(last, 10, 64)
	switch {
	case first == "": // the last bytes
		if toErr != nil {
			to = size
		}
		n = min(to, size)
		off = size - n
	case fromErr != nil:
		off, n = size, 0 // beyond any object
	default:
		if last == "" || toErr != nil || to >= size {
			to = size - 1
		} else if to < from {
			return 0, size, false, nil // not a range
		}
		off, n = from, to-from+1
	}
	if n <= 0 || off >= size {
		return 0, 0, false, fail(InvalidRange, "the range has nothing of the object's %d bytes", size)
	}
	return off, n, true, nil
}

func digits(s string) bool { return only(s, "0123456789") }

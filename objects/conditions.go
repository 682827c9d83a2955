package objects

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"stoker/fsm"
)

// conditions decides what of an object is sent: all (200), a part (206) or, as
// the client has it already, nothing (304).
func (c *call) conditions(o fsm.Object) (code int, off, n int64, err error) {
	tag := etag(o)
	h := &c.http.Request.Header
	if !holds(o, string(h.Peek(fasthttp.HeaderIfMatch)), string(h.Peek(fasthttp.HeaderIfUnmodifiedSince))) {
		return 0, 0, 0, fail(PreconditionFailed, "the object is another one by now")
	}
	if known(o, string(h.Peek(fasthttp.HeaderIfNoneMatch)), string(h.Peek(fasthttp.HeaderIfModifiedSince))) {
		return fasthttp.StatusNotModified, 0, 0, nil
	}
	asked := string(h.Peek(fasthttp.HeaderRange))
	if c.asks(partParam) {
		return c.part(o, asked != "")
	}
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

// partParam chooses one of the parts that an object came in: how some SDKs download.
const partParam = "partNumber"

// part finds where the part is that a reader asks for, and says how many there are. What
// came in one piece is its own first part.
func (c *call) part(o fsm.Object, ranged bool) (code int, off, n int64, err error) {
	number, err := c.count(partParam, 0)
	pieces := o.Pieces()
	switch {
	case err != nil:
		return 0, 0, 0, err
	case ranged:
		return 0, 0, 0, fail(InvalidRequest, "a range or a part number, not both")
	case number < 1 || number > fsm.MaxPart:
		return 0, 0, 0, fail(InvalidArgument, "%s is between 1 and %d", partParam, fsm.MaxPart)
	case number > len(pieces):
		return 0, 0, 0, fail(InvalidPartNumber, "the object has %d parts", len(pieces))
	}
	if len(o.Segments) > 0 {
		c.http.Response.Header.Set("x-amz-mp-parts-count", strconv.Itoa(len(pieces)))
	}
	for _, p := range pieces[:number-1] {
		off += p.Size
	}
	if n = pieces[number-1].Size; n == 0 {
		return fasthttp.StatusOK, 0, 0, nil // no range has no bytes
	}
	return fasthttp.StatusPartialContent, off, n, nil
}

// demand reads what an upload demands of the object that it is to replace. The machine
// decides; what S3 does not know is refused rather than understood in some way.
func (c *call) demand() (*fsm.Condition, error) {
	match := string(c.http.Request.Header.Peek(fasthttp.HeaderIfMatch))
	none := string(c.http.Request.Header.Peek(fasthttp.HeaderIfNoneMatch))
	switch {
	case match == "" && none == "":
		return nil, nil
	case match != "" && none != "":
		return nil, fail(InvalidArgument, "an upload has If-Match or If-None-Match, not both")
	case none == "*":
		return &fsm.Condition{Absent: true}, nil
	case none != "":
		return nil, fail(NotImplemented, "If-None-Match of an upload is *")
	case strings.HasPrefix(match, "W/") || strings.Contains(match, ","):
		return nil, fail(NotImplemented, "If-Match of an upload is one strong ETag")
	}
	tag := strings.Trim(match, `"`)
	if tag == "" {
		return nil, fail(InvalidArgument, "If-Match is an ETag")
	}
	return &fsm.Condition{ETag: tag}, nil
}

// holds says whether an object is still what a client means by If-Match or, where
// there is none, by If-Unmodified-Since (RFC 9110, 13.2.2).
func holds(o fsm.Object, match, unmodifiedSince string) bool {
	if match != "" {
		return matches(match, etag(o))
	}
	since, ok := httpDate(unmodifiedSince)
	return !ok || o.At/int64(time.Second) <= since
}

// known says whether a client has the object already, by If-None-Match or, where
// there is none, by If-Modified-Since.
func known(o fsm.Object, none, modifiedSince string) bool {
	if none != "" {
		return matches(none, etag(o))
	}
	since, ok := httpDate(modifiedSince)
	return ok && o.At/int64(time.Second) <= since
}

// httpDate reads a date in seconds; what is none is ignored, as the RFC has it.
func httpDate(text string) (seconds int64, ok bool) {
	at, err := http.ParseTime(text)
	return at.Unix(), err == nil
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

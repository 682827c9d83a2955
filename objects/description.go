package objects

import (
	"strings"
	"unicode"

	"github.com/valyala/fasthttp"

	"stoker/fsm"
)

// description is what a client says of an object beside its bytes, to be kept with it.
type description struct {
	contentType   string
	meta, headers map[string]string
}

// metaPrefix is what the headers with a client's own metadata begin with.
const metaPrefix = "x-amz-meta-"

// maxContentType bounds what the machine keeps of a client's own words; the
// machine bounds all of them together.
const maxContentType = 255

func (c *call) description() (description, error) {
	h := &c.http.Request.Header
	w := description{contentType: string(h.ContentType())}
	if len(w.contentType) > maxContentType {
		return w, fail(InvalidArgument, "a content type has at most %d bytes", maxContentType)
	}
	keep := func(into *map[string]string, name, value string) {
		if *into == nil {
			*into = make(map[string]string)
		}
		(*into)[name] = value
	}
	for _, name := range fsm.KeptHeaders() {
		value := string(h.Peek(name))
		if name == fasthttp.HeaderContentEncoding {
			var err error
			if value, err = c.encoding(); err != nil {
				return w, err
			}
		}
		if value != "" {
			keep(&w.headers, name, value)
		}
	}
	n := 0
	for name, value := range h.All() {
		own, ok := strings.CutPrefix(strings.ToLower(string(name)), metaPrefix)
		if !ok || own == "" {
			continue
		}
		if before, twice := w.meta[own]; twice {
			value = []byte(before + "," + string(value))
		}
		if n += len(own) + len(value); n > 2<<10 {
			return w, fail(MetadataTooLarge, "metadata has at most 2,048 bytes, names included")
		}
		keep(&w.meta, own, string(value))
	}
	return w, nil
}

// describe answers with an object's words, or with those that the request's
// signed parameters put in their place.
func (c *call) describe(o fsm.Object) error {
	h := &c.http.Response.Header
	h.SetContentType("binary/octet-stream") // S3's default
	if o.ContentType != "" {
		h.SetContentType(o.ContentType)
	}
	for name, value := range o.Headers {
		h.Set(name, value)
	}
	for name, value := range o.Meta {
		h.SetCanonical([]byte(metaPrefix+name), []byte(value)) // in lower case: boto3 gives names as they come
	}
	for _, name := range overrideTakes {
		value := c.param(name)
		if value == "" {
			continue
		}
		if strings.ContainsFunc(value, unicode.IsControl) || len(value) > 1024 {
			return fail(InvalidArgument, "%s is no value of a header", name)
		}
		h.Set(strings.TrimPrefix(name, "response-"), value)
	}
	return nil
}

package objects

import (
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"stoker/node"
)

// place is what the path of a request names.
type place string

const (
	onService place = "the service"
	onBucket  place = "the bucket"
	onObject  place = "an object"
)

// operation is one thing that can be asked for. The first line that fits is
// taken; a parameter that the line does not take is refused, since what is not
// understood may change the meaning of all: PUT ?tagging must not be an upload.
type operation struct {
	method string
	on     place
	when   string   // the parameter that chooses it, "" for none
	takes  []string // further parameters
	do     func(*call) error
}

var (
	listTakes     = []string{"prefix", "delimiter", "max-keys", "encoding-type", "fetch-owner"}
	overrideTakes = []string{
		"response-cache-control", "response-content-disposition", "response-content-encoding",
		"response-content-language", "response-content-type", "response-expires",
	}
)

func (op operation) read() bool {
	return op.method == fasthttp.MethodGet || op.method == fasthttp.MethodHead
}

// replaces: it makes an object, where there may be one.
func (op operation) replaces() bool {
	return op.on == onObject && (op.method == fasthttp.MethodPut && op.when == "" || op.method == fasthttp.MethodPost && op.when == "uploadId")
}

// operations is all that is spoken. It is filled in init because what it lists
// looks at it.
var operations []operation

func init() {
	const get, head, put, post, del = fasthttp.MethodGet, fasthttp.MethodHead, fasthttp.MethodPut, fasthttp.MethodPost, fasthttp.MethodDelete
	operations = []operation{
		{get, onService, "", []string{"max-buckets", "prefix", "continuation-token", "bucket-region"}, (*call).listBuckets},

		{get, onBucket, "list-type", append([]string{"start-after", "continuation-token"}, listTakes...), (*call).listV2},
		{get, onBucket, "uploads", []string{"prefix", "delimiter", "key-marker", "upload-id-marker", "max-uploads", "encoding-type"}, (*call).listUploads},
		{get, onBucket, "location", nil, (*call).location},
		{head, onBucket, "", nil, (*call).headBucket},
		{put, onBucket, "", nil, (*call).createBucket},
		{del, onBucket, "", nil, (*call).deleteBucket},
		{post, onBucket, "delete", nil, (*call).deleteMany},

		{get, onObject, "uploadId", []string{"max-parts", "part-number-marker", "encoding-type"}, (*call).listParts},
		{put, onObject, "uploadId", []string{"partNumber"}, (*call).putPart},
		{post, onObject, "uploadId", nil, (*call).completeUpload},
		{del, onObject, "uploadId", nil, (*call).abortUpload},
		{post, onObject, "uploads", nil, (*call).createUpload},
	}
	for _, s := range subresources {
		operations = append(operations, operation{get, s.on, s.name, nil, s.answer})
	}
	operations = append(operations,
		operation{get, onBucket, "", append([]string{"marker"}, listTakes...), (*call).listV1},
		operation{get, onObject, "", append([]string{partParam}, overrideTakes...), (*call).get},
		operation{head, onObject, "", append([]string{partParam}, overrideTakes...), (*call).get},
		operation{put, onObject, "", []string{FenceParam}, (*call).put},
		operation{del, onObject, "", nil, (*call).delete},
	)
}

// operation finds what the request asks for.
func (c *call) operation() (operation, error) {
	on := onObject
	switch {
	case c.bucket == "":
		on = onService
	case c.key == "":
		on = onBucket
	}
	method := string(c.http.Method())
	if c.bucket != "" && c.bucket != c.store.cfg.Bucket && (on != onBucket || method != fasthttp.MethodPut) {
		return operation{}, fail(NoSuchBucket, "there is no bucket %q", c.bucket)
	}
	i := slices.IndexFunc(operations, func(op operation) bool {
		return op.method == method && op.on == on && (op.when == "" || c.asks(op.when))
	})
	if i < 0 {
		if !slices.ContainsFunc(operations, func(op operation) bool { return op.method == method && op.on == on }) {
			return operation{}, fail(MethodNotAllowed, "%s does not take %.20q", on, method)
		}
		return operation{}, fail(NotImplemented, "this is not a %.20q of %s that is understood here", method, on)
	}
	return operations[i], c.plain(operations[i])
}

// asks says whether the query has a parameter.
func (c *call) asks(name string) bool {
	return slices.ContainsFunc(c.claim.query, func(f field) bool { return f.name == name })
}

// param gives a parameter of the query that may be left out.
func (c *call) param(name string) string {
	value, _ := c.claim.Param(name)
	return value
}

// plain refuses what would change the meaning of the request and is not understood.
func (c *call) plain(op operation) error {
	for _, f := range c.claim.query {
		known := f.name == op.when || slices.Contains(op.takes, f.name)
		switch {
		case !known && !strings.HasPrefix(f.name, "X-Amz-") && f.name != "x-id":
			return fail(NotImplemented, "the parameter %.100q is not supported here", f.name)
		case known && f.name != FenceParam:
			if _, once := c.claim.Param(f.name); !once {
				return fail(InvalidArgument, "the parameter %q is given twice", f.name)
			}
		}
	}
	h := &c.http.Request.Header
	demands := len(h.Peek(fasthttp.HeaderIfMatch)) > 0 || len(h.Peek(fasthttp.HeaderIfNoneMatch)) > 0
	if demands && !op.read() && !op.replaces() {
		return fail(NotImplemented, "If-Match and If-None-Match are for reading, and for what makes an object")
	}
	for _, name := range []string{
		"x-amz-server-side-encryption", "x-amz-server-side-encryption-customer-algorithm",
		"x-amz-copy-source-server-side-encryption-customer-algorithm", "x-amz-tagging", "x-amz-website-redirect-location",
		"x-amz-object-lock-mode", "x-amz-object-lock-legal-hold",
	} {
		if len(h.Peek(name)) > 0 {
			return fail(NotImplemented, "the header %s is not supported", name)
		}
	}
	if class := string(h.Peek("x-amz-storage-class")); class != "" && class != standard {
		return fail(InvalidStorageClass, "the only storage class is %s", standard)
	}
	if acl := string(h.Peek("x-amz-acl")); acl != "" && acl != "private" && acl != "bucket-owner-full-control" {
		return fail(NoACLs, "there are no ACLs: an access key's scope says what it may do; leave x-amz-acl out")
	}
	return nil
}

// standard is the storage class of everything.
const standard = "STANDARD"

// by says for the log who asks.
func (c *call) by() string { return "key " + c.claim.AccessKey }

// from is what a command is told about its request.
func (c *call) from() []node.Option { return []node.Option{node.By(c.by()), node.RequestID(c.id)} }

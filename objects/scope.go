package objects

import (
	"strings"

	"github.com/valyala/fasthttp"
)

// Key is an access key as the verifier needs it.
type Key struct {
	Secret string
	Scope  Scope
}

// Scope is what an access key may do. The zero value may do nothing.
type Scope struct {
	Read, Write bool
	Prefix      string // of all keys that are read, written or listed; "": any

	// ours is the cluster's own key: it may do what Presign makes URLs for, and
	// nothing else, whoever came by its secret.
	ours bool
}

// right is one of the two things that can be done with an object.
type right string

const (
	toRead  right = "read"  // get, head, list, and be the source of a copy
	toWrite right = "write" // put, delete, and everything about an upload in parts
)

// allows says whether the scope covers a key, or the prefix of a listing: who
// lists asks for every key that begins with it.
func (s Scope) allows(r right, key string) bool {
	return (r == toRead && s.Read || r == toWrite && s.Write) && strings.HasPrefix(key, s.Prefix)
}

// may refuses what the request's access key is not for. It is asked with every
// key that a request names, and with the prefix of a listing, before anything is
// looked up: a refusal tells nothing of what there is. An empty key asks for the
// bucket as a whole.
func (c *call) may(r right, key string) error {
	if s := c.claim.Scope; s.allows(r, key) && (!s.ours || c.presigned(r, key)) {
		return nil
	}
	return fail(AccessDenied, "this access key may not %s here", r)
}

// standing says whether the access key opens anything still: an upload may take
// long, and a key dies at once.
func (c *call) standing() bool {
	_, ok, _ := c.store.key(c.claim.AccessKey) // what nobody can say is no yes
	return ok
}

// presigned says whether the request is one that a URL of [Store.Presign] makes:
// the object that the URL names is fetched or uploaded.
func (c *call) presigned(r right, key string) bool {
	want := toRead
	switch string(c.http.Method()) {
	case fasthttp.MethodPut:
		want = toWrite
	case fasthttp.MethodGet, fasthttp.MethodHead:
	default:
		return false
	}
	return c.claim.Presigned && r == want && key != "" && key == c.key
}

package objects

import (
	"crypto/hmac"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxSkew is how far a client's clock may be from ours, as in S3.
const maxSkew = 15 * time.Minute

// Request is what a signature is checked against: plain values, so that the
// check knows no HTTP server and a test can alter any of them.
type Request struct {
	Method string
	Path   string // as received, escaped
	Query  string // as received, escaped, without '?'
	Host   string
	Header func(name string) []string // all values of a header; name in lower case
	Names  []string                   // of all headers; in lower case
	Secure bool                       // the client's connection is encrypted
	Empty  bool                       // there is no body
}

// Claim is what a good signature has proved.
type Claim struct {
	AccessKey string
	Presigned bool
	Payload   string // the body's SHA-256 in hex; "" when it was left unsigned, or comes in chunks
	Scope     Scope  // what the access key may do: see call.may
	query     []field
	chain     *chain // of a body that comes in chunks, else nil
	trailer   bool   // values follow the chunks
}

// Param gives a signed query parameter; ok only if it is there exactly once.
func (c Claim) Param(name string) (value string, ok bool) {
	return single(c.query, name)
}

// Verifier checks AWS Signature Version 4, in headers and presigned.
type Verifier struct {
	Region  string                                    // besides "auto" and "us-east-1"; "" is none
	Keys    func(accessKey string) (Key, bool, error) // the error: nobody could be asked
	Host    func(host string) bool                    // whether a request may come in under this Host; nil: any
	Aliases func() []string                           // this cluster's other hosts; nil: none. See Verify
	Now     func() time.Time                          // nil: time.Now

	ring keyring
}

// Verify gives the request's claim or an *Error.
//
// A presigned URL is good on every node: the URL one node handed out, with only
// the host replaced by another node's, is accepted too. The host stays signed,
// but to the names of the cluster and not to that of one machine: under a name that
// is none of them only what was signed for it is taken.
func (v *Verifier) Verify(r Request) (Claim, error) {
	path, err := url.PathUnescape(r.Path)
	if err != nil {
		return Claim{}, fail(InvalidURI, "the path has a broken escape")
	}
	now := time.Now()
	if v.Now != nil {
		now = v.Now()
	}
	a, err := parse(r, now)
	if err != nil {
		return Claim{}, err
	}
	if !slices.Contains(a.signed, "host") {
		return Claim{}, fail(AccessDenied, "the header host must be signed")
	}
	if v.Host != nil && !v.Host(r.Host) {
		return Claim{}, fail(AccessDenied, "this cluster does not serve the host %q", r.Host)
	}
	if a.scope.region != defaultRegion && a.scope.region != "us-east-1" && (v.Region == "" || a.scope.region != v.Region) {
		return Claim{}, fail(a.malformed(), "the region %q is wrong; expecting %q", a.scope.region, defaultRegion)
	}
	if name := unsigned(r.Names, a.signed); name != "" {
		return Claim{}, fail(AccessDenied, "the header %s is present and is not signed", name)
	}
	with, ok, err := v.Keys(a.accessKey)
	if err != nil {
		return Claim{}, fail(ServiceUnavailable, "this node does not know the access key, and the cluster does not answer; try again, or ask another node")
	}
	if !ok || with.Secret == "" {
		return Claim{}, fail(InvalidAccessKey, "the access key does not exist")
	}
	hosts := []string{r.Host}
	if a.presigned && v.Aliases != nil {
		if all := v.Aliases(); slices.Contains(all, strings.ToLower(r.Host)) {
			hosts = append(hosts, all...)
		}
	}
	key := v.ring.key(with.Secret, a.scope)
	for _, host := range hosts {
		c := canonical{
			method: r.Method, path: path, query: a.query, payload: a.payload,
			headers: signedFields(r, a.signed, host),
		}
		if hmac.Equal([]byte(c.sign(key, a.stamp, a.scope)), a.signature) {
			claim := a.claim()
			claim.Scope = with.Scope
			if a.chunked {
				claim.chain = &chain{stamp: a.stamp, scope: a.scope, last: string(a.signature)}
			}
			if a.chunked && a.payload != streamingUnsigned {
				claim.chain.key = key
			}
			return claim, nil
		}
	}
	return Claim{}, fail(SignatureMismatch, "the signature does not match; check the key and the signing method")
}

// harmless headers mean nothing beside a signature that does not cover them:
// what they would say is in the signed text otherwise, or is about the sender.
var harmless = []string{"x-amz-content-sha256", "x-amz-date", "x-amz-user-agent", "x-amz-cf-id"}

// unsigned finds a header that would change what the request does and that its
// signer knows nothing of: who was given a URL to upload must not turn it into
// a copy of something else.
func unsigned(names, signed []string) string {
	for _, name := range names {
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(signed, name) && !slices.Contains(harmless, name) {
			return name
		}
	}
	return ""
}

// signedFields are the signed headers in canonical form. host may differ from
// the request's: see Verify.
func signedFields(r Request, names []string, host string) []field {
	fields := make([]field, 0, len(names))
	for _, name := range names {
		if name == "host" {
			fields = append(fields, field{name, strings.TrimSpace(host)})
			continue
		}
		values := slices.Clone(r.Header(name))
		for i, value := range values {
			values[i] = strings.Join(strings.Fields(value), " ")
		}
		fields = append(fields, field{name, strings.Join(values, ",")})
	}
	return fields
}

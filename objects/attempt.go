package objects

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// attempt is a signature taken apart and not believed yet.
type attempt struct {
	accessKey string
	stamp     string
	at        time.Time
	scope     scope
	signed    []string // names of signed headers
	signature []byte
	payload   string // as the canonical request has it
	chunked   bool   // the body comes in chunks
	query     []field
	presigned bool
}

// malformed is the code for what is wrong with the signature's own fields.
func (a attempt) malformed() Code {
	if a.presigned {
		return AuthQueryMalformed
	}
	return AuthHeaderMalformed
}

func (a attempt) claim() Claim {
	c := Claim{AccessKey: a.accessKey, Presigned: a.presigned, query: a.query}
	c.trailer = a.payload == streamingTrailer || a.payload == streamingUnsigned
	if a.payload != unsignedPayload && !a.chunked {
		c.Payload = a.payload
	}
	return c
}

// parse finds which of the two forms the request has. Neither is a refusal:
// nothing here is public.
func parse(r Request, now time.Time) (attempt, error) {
	query, err := parseQuery(r.Query)
	if err != nil {
		return attempt{}, err
	}
	presigned := slices.ContainsFunc(query, func(f field) bool {
		return strings.HasPrefix(f.name, "X-Amz-") && f.name != "X-Amz-Content-Sha256"
	})
	auth := r.Header("authorization")
	if _, given := single(query, "X-Amz-Security-Token"); given || len(r.Header("x-amz-security-token")) > 0 {
		return attempt{}, fail(InvalidToken, "there are no session tokens: an access key has two parts")
	}
	switch {
	case presigned && len(auth) > 0:
		return attempt{}, fail(InvalidArgument, "a request is signed in its headers or in its query, not in both")
	case presigned:
		return parsePresigned(r, query, now)
	case len(auth) == 1:
		return parseHeader(r, auth[0], query, now)
	}
	return attempt{}, fail(AccessDenied, "the request is not signed")
}

// parsePresigned takes the query form apart and checks its window of time.
func parsePresigned(r Request, query []field, now time.Time) (attempt, error) {
	values := make(map[string]string)
	for _, name := range []string{"Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"} {
		value, ok := single(query, "X-Amz-"+name)
		if !ok {
			return attempt{}, fail(AuthQueryMalformed, "X-Amz-%s must be given once", name)
		}
		values[name] = value
	}
	if values["Algorithm"] != algorithm {
		return attempt{}, fail(AuthQueryMalformed, "X-Amz-Algorithm must be %s", algorithm)
	}
	a := attempt{presigned: true, payload: unsignedPayload, signature: []byte(values["Signature"])}
	if err := a.setScope(AuthQueryMalformed, values["Credential"], values["Date"]); err != nil {
		return attempt{}, err
	}
	if err := a.setSigned(AuthQueryMalformed, values["SignedHeaders"]); err != nil {
		return attempt{}, err
	}
	expires, err := strconv.ParseUint(values["Expires"], 10, 32)
	if err != nil || expires < 1 || time.Duration(expires)*time.Second > maxExpires {
		return attempt{}, fail(AuthQueryMalformed, "X-Amz-Expires must be between 1 and 604800 seconds")
	}
	switch {
	case a.at.After(now.Add(maxSkew)):
		return attempt{}, fail(AccessDenied, "the request is not valid yet")
	case now.After(a.at.Add(time.Duration(expires) * time.Second)):
		return attempt{}, fail(AccessDenied, "the request has expired")
	}
	if hash := payloadOf(r, query, a.signed); hash != "" {
		if err := a.setPayload(hash, true); err != nil {
			return attempt{}, err
		}
	}
	a.query = slices.DeleteFunc(slices.Clone(query), func(f field) bool { return f.name == "X-Amz-Signature" })
	return a, nil
}

// payloadOf is the body's hash in a presigned request, which few clients give.
func payloadOf(r Request, query []field, signed []string) string {
	if hash, ok := single(query, "X-Amz-Content-Sha256"); ok {
		return hash
	}
	if slices.Contains(signed, "x-amz-content-sha256") {
		return strings.Join(r.Header("x-amz-content-sha256"), ",")
	}
	return ""
}

// parseHeader takes the Authorization form apart and checks the clock.
func parseHeader(r Request, auth string, query []field, now time.Time) (attempt, error) {
	rest, ok := strings.CutPrefix(auth, algorithm+" ")
	if !ok {
		return attempt{}, fail(AuthHeaderMalformed, "the Authorization header must begin with %s", algorithm)
	}
	values := make(map[string]string)
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := values[name]; twice {
			return attempt{}, fail(AuthHeaderMalformed, "%q is given twice", name)
		}
		values[name] = value
	}
	if len(values) != 3 || values["Credential"] == "" || values["SignedHeaders"] == "" || values["Signature"] == "" {
		return attempt{}, fail(AuthHeaderMalformed, "the Authorization header has Credential, SignedHeaders and Signature")
	}
	a := attempt{query: query, signature: []byte(values["Signature"])}
	stamp := r.Header("x-amz-date")
	if len(stamp) != 1 {
		return attempt{}, fail(AccessDenied, "x-amz-date must be given once")
	}
	if err := a.setScope(AuthHeaderMalformed, values["Credential"], stamp[0]); err != nil {
		return attempt{}, err
	}
	if err := a.setSigned(AuthHeaderMalformed, values["SignedHeaders"]); err != nil {
		return attempt{}, err
	}
	if a.at.Sub(now).Abs() > maxSkew {
		return attempt{}, fail(RequestTimeTooSkewed, "the request's time is more than %v from the server's", maxSkew)
	}
	hash := r.Header("x-amz-content-sha256")
	if len(hash) != 1 {
		return attempt{}, fail(InvalidArgument, "x-amz-content-sha256 must be given once")
	}
	return a, a.setPayload(hash[0], r.Secure || r.Empty)
}

// setScope reads AKID/day/region/s3/aws4_request and the request's time.
func (a *attempt) setScope(code Code, credential, stamp string) error {
	at, err := time.Parse(stampFormat, stamp)
	if err != nil {
		return fail(code, "the date must look like %s", stampFormat)
	}
	parts := strings.Split(credential, "/")
	switch {
	case len(parts) != 5 || parts[0] == "":
		return fail(code, "the credential must be <access key>/<date>/<region>/s3/aws4_request")
	case parts[1] != stamp[:8]:
		return fail(code, "the credential's date is not the request's")
	case parts[3] != service || parts[4] != terminator:
		return fail(code, "the credential must end in /s3/aws4_request")
	}
	a.accessKey, a.stamp, a.at = parts[0], stamp, at
	a.scope = scope{day: parts[1], region: parts[2]}
	return nil
}

// setSigned reads the list of signed headers: lower case, ascending, once each,
// so that one request has one canonical form.
func (a *attempt) setSigned(code Code, list string) error {
	a.signed = strings.Split(list, ";")
	for i, name := range a.signed {
		if name == "" || name != strings.ToLower(name) || i > 0 && name <= a.signed[i-1] {
			return fail(code, "signed headers are in lower case, sorted, and named once")
		}
	}
	return nil
}

// setPayload takes what the client says of the body. A body may stay unsigned
// only where nobody on the way can exchange it, or where there is none.
func (a *attempt) setPayload(hash string, mayOmit bool) error {
	switch {
	case hash == unsignedPayload && mayOmit:
	case hash == unsignedPayload:
		return fail(AccessDenied, "an unsigned payload needs an encrypted connection")
	case a.presigned && strings.HasPrefix(hash, streamingPrefix):
		return fail(NotImplemented, "a presigned upload comes in one piece: %s… needs the Authorization header", streamingPrefix)
	case hash == streamingSigned, hash == streamingTrailer, hash == streamingUnsigned && mayOmit:
		a.chunked = true
	case hash == streamingUnsigned:
		return fail(AccessDenied, "an unsigned payload needs an encrypted connection")
	case strings.HasPrefix(hash, streamingPrefix):
		return fail(NotImplemented, "%.80q is not supported", hash)
	default:
		if sum, err := hex.DecodeString(hash); err != nil || len(sum) != sha256.Size || hash != strings.ToLower(hash) {
			return fail(InvalidArgument, "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a SHA-256 in lower-case hex")
		}
	}
	a.payload = hash
	return nil
}

func single(fields []field, name string) (value string, ok bool) {
	for _, f := range fields {
		if f.name != name {
			continue
		}
		if ok {
			return "", false
		}
		value, ok = f.value, true
	}
	return value, ok
}

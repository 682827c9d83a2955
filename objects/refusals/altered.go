package refusals

import "slices"

// Field is one that the signature, or a sum, covers.
type Field struct {
	Form Form
	Name string
	Code string // of the refusal; several, as it depends on the place, with " or " between them
}

// Altered are all fields of the three forms. Whichever of its characters becomes
// another one, the request is refused.
var Altered = []Field{
	{Header, "method", "SignatureDoesNotMatch"},
	{Header, "path", "SignatureDoesNotMatch"},
	{Header, "host", "SignatureDoesNotMatch"},
	{Header, "content-type", "SignatureDoesNotMatch"},
	{Header, "x-amz-meta-camera", "SignatureDoesNotMatch"},
	{Header, "name of x-amz-meta-camera", "SignatureDoesNotMatch or AccessDenied"},
	{Header, "x-amz-date", "AuthorizationHeaderMalformed or SignatureDoesNotMatch or RequestTimeTooSkewed"},
	{Header, "name of x-amz-date", "AccessDenied"},
	{Header, "x-amz-content-sha256", "SignatureDoesNotMatch"},
	{Header, "name of x-amz-content-sha256", "InvalidArgument or AccessDenied"},
	{Header, "algorithm", "AuthorizationHeaderMalformed or AccessDenied"},
	{Header, "access key", "InvalidAccessKeyId"},
	{Header, "day", "AuthorizationHeaderMalformed"},
	{Header, "region", "AuthorizationHeaderMalformed"},
	{Header, "service", "AuthorizationHeaderMalformed"},
	{Header, "terminator", "AuthorizationHeaderMalformed"},
	{Header, "signed headers", "SignatureDoesNotMatch or AccessDenied or AuthorizationHeaderMalformed"},
	{Header, "signature", "SignatureDoesNotMatch"},
	{Header, "body", "XAmzContentSHA256Mismatch"},

	{URL, "method", "SignatureDoesNotMatch"},
	{URL, "path", "SignatureDoesNotMatch"},
	{URL, "host", "SignatureDoesNotMatch"},
	{URL, "content-type", "SignatureDoesNotMatch"},
	{URL, "X-Amz-Algorithm", "AuthorizationQueryParametersError"},
	{URL, "name of X-Amz-Algorithm", "AuthorizationQueryParametersError"},
	{URL, "access key", "InvalidAccessKeyId"},
	{URL, "day", "AuthorizationQueryParametersError"},
	{URL, "region", "AuthorizationQueryParametersError"},
	{URL, "service", "AuthorizationQueryParametersError"},
	{URL, "terminator", "AuthorizationQueryParametersError"},
	{URL, "name of X-Amz-Credential", "AuthorizationQueryParametersError"},
	{URL, "X-Amz-Date", "AuthorizationQueryParametersError or SignatureDoesNotMatch or AccessDenied"},
	{URL, "name of X-Amz-Date", "AuthorizationQueryParametersError"},
	{URL, "X-Amz-Expires", "SignatureDoesNotMatch"},
	{URL, "name of X-Amz-Expires", "AuthorizationQueryParametersError"},
	{URL, "X-Amz-SignedHeaders", "SignatureDoesNotMatch or AccessDenied or AuthorizationQueryParametersError or InvalidURI"},
	{URL, "name of X-Amz-SignedHeaders", "AuthorizationQueryParametersError"},
	{URL, "signature", "SignatureDoesNotMatch"},
	{URL, "name of X-Amz-Signature", "AuthorizationQueryParametersError"},

	{Chunks, "method", "SignatureDoesNotMatch"},
	{Chunks, "path", "SignatureDoesNotMatch"},
	{Chunks, "x-amz-content-sha256", "SignatureDoesNotMatch or NotImplemented or InvalidArgument"},
	{Chunks, "x-amz-decoded-content-length", "SignatureDoesNotMatch"},
	{Chunks, "x-amz-trailer", "SignatureDoesNotMatch"},
	{Chunks, "content-encoding", "SignatureDoesNotMatch"},
	{Chunks, "signature", "SignatureDoesNotMatch"},
	{Chunks, "chunk size", "SignatureDoesNotMatch or InvalidRequest or IncompleteBody or MalformedTrailerError"},
	{Chunks, "chunk extension", "InvalidRequest"},
	{Chunks, "chunk signature", "SignatureDoesNotMatch"},
	{Chunks, "chunk line end", "InvalidRequest or SignatureDoesNotMatch or IncompleteBody"},
	{Chunks, "chunk data", "SignatureDoesNotMatch"},
	{Chunks, "trailer name", "MalformedTrailerError"},
	{Chunks, "trailer colon", "MalformedTrailerError"},
	{Chunks, "trailer value", "SignatureDoesNotMatch"},
	{Chunks, "trailer signature name", "MalformedTrailerError"},
	{Chunks, "trailer signature", "SignatureDoesNotMatch"},
}

// Each sends the field altered at each of its characters, and gives what came back.
func (f Field) Each(s Signer, say func(altered string, a Answer, err error)) {
	r := honest(f.Form, s)
	w := r.signed(s)
	for i, p := range w {
		if p.field != f.Name {
			continue
		}
		for at := range p.text {
			bad := slices.Clone(w)
			bad[i].text = p.text[:at] + other(p.text[at]) + p.text[at+1:]
			a, err := send(s.Host, bad.String(), true)
			say(bad[i].text, a, err)
		}
	}
}

func other(c byte) string {
	if c == '0' {
		return "1"
	}
	return "0"
}

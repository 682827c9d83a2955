package handlers

import (
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
)

// What a browser may send and see.
const (
	corsMethods       = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
	corsHeaders       = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Range, X-Callback-Secret, X-GPU-Callback-Secret, X-Request-Id, X-Stoker-Index"
	corsObjectHeaders = "Cache-Control, Content-Disposition, Content-Encoding, Content-Language, Content-MD5, Expires, If-Match, If-Modified-Since, If-None-Match, If-Unmodified-Since"
	corsObjectExposed = "Accept-Ranges, Content-Disposition, Content-Encoding, x-amz-request-id, *" // the star for x-amz-meta-
	corsExposed       = "Content-Range, ETag, Idempotency-Replayed, Location, Retry-After, X-Next-Cursor, X-Request-Id, X-Stoker-Index"
)

// cors lets the origins in that the settings name, else those of the node's file, or all with "*". It answers a preflight
// itself and then reports true. No credentials mode: tokens travel in headers.
func (s *Server) cors(http *fasthttp.RequestCtx) (answered bool) {
	origins := s.live.Load().origins
	if len(origins) == 0 {
		return false
	}
	origin := string(http.Request.Header.Peek(fasthttp.HeaderOrigin))
	h := &http.Response.Header
	h.Add(fasthttp.HeaderVary, fasthttp.HeaderOrigin)
	if !mayCall(origins, origin) {
		return false
	}
	h.Set(fasthttp.HeaderAccessControlAllowOrigin, origin)
	h.Set(fasthttp.HeaderAccessControlExposeHeaders, corsExposed)
	if s.ofObjects(http.Path()) {
		h.Set(fasthttp.HeaderAccessControlExposeHeaders, corsExposed+", "+corsObjectExposed)
	}
	asked := http.Request.Header.Peek(fasthttp.HeaderAccessControlRequestMethod)
	if !http.IsOptions() || len(asked) == 0 {
		return false
	}
	h.Set(fasthttp.HeaderAccessControlAllowMethods, corsMethods)
	h.Set(fasthttp.HeaderAccessControlAllowHeaders, corsHeaders)
	if s.ofObjects(http.Path()) {
		h.Set(fasthttp.HeaderAccessControlAllowHeaders, corsHeaders+", "+corsObjectHeaders+amzHeaders(http))
	}
	h.Set(fasthttp.HeaderAccessControlMaxAge, "600")
	http.SetStatusCode(fasthttp.StatusNoContent)
	return true
}

func mayCall(origins []string, origin string) bool {
	return origin != "" && (slices.Contains(origins, "*") || slices.Contains(origins, origin))
}

// ofObjects says whether a path is one of the object store's.
func (s *Server) ofObjects(path []byte) bool {
	rest, ok := strings.CutPrefix(string(path), "/"+s.cfg.Objects.Bucket())
	return ok && (rest == "" || rest[0] == '/')
}

// amzHeaders are those of a preflight's headers that S3 clients make up as they
// need them: there is no list of x-amz-meta-.
func amzHeaders(http *fasthttp.RequestCtx) string {
	var list strings.Builder
	for name := range strings.SplitSeq(strings.ToLower(string(http.Request.Header.Peek(fasthttp.HeaderAccessControlRequestHeaders))), ",") {
		name = strings.TrimSpace(name)
		if (strings.HasPrefix(name, "x-amz-") || strings.HasPrefix(name, "amz-sdk-")) && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == "" {
			list.WriteString(", " + name)
		}
	}
	return list.String()
}

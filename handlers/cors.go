package handlers

import (
	"slices"

	"github.com/valyala/fasthttp"
)

// What a browser may send and see.
const (
	corsMethods = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
	corsHeaders = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Range, X-Callback-Secret, X-GPU-Callback-Secret, X-Request-Id, X-Stoker-Index"
	corsExposed = "Content-Range, ETag, Idempotency-Replayed, Location, Retry-After, X-Next-Cursor, X-Request-Id, X-Stoker-Index"
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
	asked := http.Request.Header.Peek(fasthttp.HeaderAccessControlRequestMethod)
	if !http.IsOptions() || len(asked) == 0 {
		return false
	}
	h.Set(fasthttp.HeaderAccessControlAllowMethods, corsMethods)
	h.Set(fasthttp.HeaderAccessControlAllowHeaders, corsHeaders)
	h.Set(fasthttp.HeaderAccessControlMaxAge, "600")
	http.SetStatusCode(fasthttp.StatusNoContent)
	return true
}

func mayCall(origins []string, origin string) bool {
	return origin != "" && (slices.Contains(origins, "*") || slices.Contains(origins, origin))
}

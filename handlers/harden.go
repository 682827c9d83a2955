package handlers

import "github.com/valyala/fasthttp"

// harden sets what a browser should know of any answer: that it is what its
// type says, is no page to be framed or run, and that the address it was asked
// under (which may hold a signature) is nobody else's business; and over TLS, that
// it is not to be asked otherwise again. A handler that serves a page sets a policy of its own.
func harden(http *fasthttp.RequestCtx) {
	h := &http.Response.Header
	if http.IsTLS() {
		h.Set(fasthttp.HeaderStrictTransportSecurity, "max-age=31536000") // a year
	}
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	h.Set(fasthttp.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set(fasthttp.HeaderXFrameOptions, "DENY")
	h.Set(fasthttp.HeaderReferrerPolicy, "no-referrer")
}

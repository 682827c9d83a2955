package client

import (
	"context"
	"net/http"
)

// headerTraceparent says which trace a request is part of (https://www.w3.org/TR/trace-context/).
const headerTraceparent = "traceparent"

type traceKey struct{}

// WithTraceparent has every call under ctx sent as part of a trace: as an app does with its own, and as a [Worker] does with that
// of the job it works on, for its handler's calls too. An empty one is none.
func WithTraceparent(ctx context.Context, traceparent string) context.Context {
	return context.WithValue(ctx, traceKey{}, traceparent)
}

// traced puts the trace that ctx is part of into a request's header.
func traced(ctx context.Context, h http.Header) {
	if text, _ := ctx.Value(traceKey{}).(string); text != "" {
		h.Set(headerTraceparent, text)
	}
}

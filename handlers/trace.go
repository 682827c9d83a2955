package handlers

import (
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"stoker/fsm"
	"stoker/node"
)

// headerTraceparent is where W3C Trace Context says which trace a request is of.
const headerTraceparent = "traceparent"

// trace takes the call into the trace that its client names, or begins one. A
// quiet route begins none: workers ask all the time and mostly for nothing.
func (c *call) trace(method string, quiet bool) {
	c.traced = func(int) {}
	if !c.s.node.Traces() {
		return
	}
	ctx, start := node.WithTraceparent(c.Context, c.header(headerTraceparent)), c.s.node.RootSpan
	if quiet {
		start = c.s.node.Span
	}
	ctx, done := start(ctx, method+" "+c.route, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", method), attribute.String("http.route", c.route), attribute.String("stoker.request_id", c.id)))
	c.Context = ctx
	c.traced = func(status int) {
		trace.SpanFromContext(ctx).SetAttributes(attribute.Int("http.response.status_code", status), attribute.String("stoker.by", c.by))
		var err error
		if status >= http.StatusInternalServerError {
			err = errors.New(http.StatusText(status))
		}
		done(err)
	}
}

// handOver is the place in the job's trace where a worker gets its items: what
// the worker does with them goes on from there. Its own poll is another story.
func (c *call) handOver(g *fsm.Grant) (traceparent string) {
	ctx := node.WithTraceparent(c.s.work, g.Job.Trace)
	ctx, done := c.s.node.Span(ctx, "lease", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("stoker.job", g.Job.ID), attribute.String("stoker.lease", g.Lease.ID()), attribute.String("stoker.worker", g.Lease.Worker),
		attribute.Int("stoker.items", len(g.Lease.Held)), attribute.Int("stoker.attempt", g.Lease.Attempt)))
	done(nil)
	return node.Traceparent(ctx)
}

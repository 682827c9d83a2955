package node

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"stoker/fsm"
)

// A request is followed from node to node by its id, which is in the log lines,
// and by its trace (W3C Trace Context), if there is one. Between nodes both are
// headers; into the log they go with the proposal.

// HeaderRequestID carries a request's id, from clients and between nodes.
const HeaderRequestID = "X-Request-Id"

const headerTraceparent = "traceparent"

type requestKey struct{}

// WithRequest has what is done under ctx, on other nodes too, bear a request's id.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestOf is the id of the request that ctx is of, "" for what is of none.
func RequestOf(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// WithTraceparent continues a trace that came from elsewhere; what is no
// traceparent continues none.
func WithTraceparent(ctx context.Context, text string) context.Context {
	if text == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{headerTraceparent: text})
}

// Traceparent is where a trace stands under ctx, for others to continue it; "" if
// it is recorded by nobody.
func Traceparent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	c := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, c)
	return c[headerTraceparent]
}

// follow puts what ctx is of into the header of a request to another node.
func follow(ctx context.Context, h http.Header) {
	if id := RequestOf(ctx); id != "" {
		h.Set(HeaderRequestID, id)
	}
	if t := Traceparent(ctx); t != "" {
		h.Set(headerTraceparent, t)
	}
}

// followed is the other end of follow.
func (n *Node) followed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if id := r.Header.Get(HeaderRequestID); id != "" {
			ctx = WithRequest(ctx, id)
			n.log.Debug("asked by a member", "path", r.URL.Path, "member", Caller(r), keyRequest, id)
		}
		next.ServeHTTP(w, r.WithContext(WithTraceparent(ctx, r.Header.Get(headerTraceparent))))
	})
}

// Traces says whether this node records traces.
func (n *Node) Traces() bool { return n.tracing }

// Span is a part of the trace that ctx stands in; done ends it, with the error if
// there was one. Without a trace that is recorded it costs nothing and does nothing.
func (n *Node) Span(ctx context.Context, name string, o ...trace.SpanStartOption) (_ context.Context, done func(error)) {
	if !n.tracing || !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, func(error) {}
	}
	return n.begin(ctx, name, o...)
}

// RootSpan is Span, but begins a trace where there is none.
func (n *Node) RootSpan(ctx context.Context, name string, o ...trace.SpanStartOption) (_ context.Context, done func(error)) {
	if !n.tracing {
		return ctx, func(error) {}
	}
	return n.begin(ctx, name, o...)
}

func (n *Node) begin(ctx context.Context, name string, o ...trace.SpanStartOption) (context.Context, func(error)) {
	ctx, span := n.tracer.Start(ctx, name, append(o, trace.WithAttributes(attribute.String("stoker.node", n.cfg.ID)))...)
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// settled is the leader's word on each command of an entry that was applied: a
// line of its log, and the part of the command's trace that was here.
func (n *Node) settled(b fsm.Batch, outcomes []fsm.Outcome, began time.Time) {
	debug := n.log.Enabled(context.Background(), slog.LevelDebug)
	if !debug && !n.tracing {
		return
	}
	for i := range b.Proposals {
		p, o := &b.Proposals[i], &outcomes[i]
		refused := ""
		if o.Refusal != nil {
			refused = string(o.Refusal.Code)
		}
		if debug {
			n.log.Debug("command applied", "command", fsm.CommandName(p.Kind), "index", o.Index, "by", p.By, keyRequest, p.RequestID, "refused", refused)
		}
		ctx, done := n.Span(WithTraceparent(context.Background(), p.Trace), "commit "+fsm.CommandName(p.Kind), trace.WithTimestamp(began))
		if s := trace.SpanFromContext(ctx); s.IsRecording() {
			s.SetAttributes(attribute.Int64("stoker.index", int64(o.Index)), attribute.Int("stoker.entry.commands", len(b.Proposals)),
				attribute.String("stoker.refused", refused), attribute.String("stoker.request_id", p.RequestID))
		}
		done(nil)
	}
}

// keyRequest is the id of a request in log lines.
const keyRequest = "request_id"

// tellMoves writes a line for each step of a job, on the leader: the others' say
// the same.
func (n *Node) tellMoves(c fsm.Changes) {
	if len(c.Moves) == 0 {
		return
	}
	if _, leads := n.lead.current(); !leads {
		return
	}
	for _, m := range c.Moves {
		n.log.Info("job", "job", m.Job, "from", m.From, "to", m.To, "by", m.By, "index", m.Index, keyRequest, m.RequestID)
	}
}

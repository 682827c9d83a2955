package otlp

import (
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The messages of opentelemetry/proto/trace/v1 as OTLP's JSON has them: names in lowerCamelCase, 64-bit numbers as text, ids in hex.
type (
	request struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   origin       `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	origin struct {
		Attributes []keyValue `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope  `json:"scope"`
		Spans []span `json:"spans"`
	}
	scope struct {
		Name string `json:"name"`
	}
	span struct {
		TraceID    string     `json:"traceId"`
		SpanID     string     `json:"spanId"`
		ParentID   string     `json:"parentSpanId,omitempty"`
		TraceState string     `json:"traceState,omitempty"`
		Name       string     `json:"name"`
		Kind       int        `json:"kind"`
		Start      string     `json:"startTimeUnixNano"`
		End        string     `json:"endTimeUnixNano"`
		Attributes []keyValue `json:"attributes,omitempty"`
		Status     status     `json:"status"`
	}
	status struct {
		Code    int    `json:"code"`
		Message string `json:"message,omitempty"`
	}
	keyValue struct {
		Key   string         `json:"key"`
		Value map[string]any `json:"value"`
	}
)

// messageOf puts spans, which share a resource, into one request.
func messageOf(spans []sdk.ReadOnlySpan) request {
	var r resourceSpans
	byScope := map[string]int{}
	for _, s := range spans {
		r.Resource.Attributes = attributesOf(s.Resource().Attributes())
		name := s.InstrumentationScope().Name
		i, known := byScope[name]
		if !known {
			i = len(r.ScopeSpans)
			byScope[name] = i
			r.ScopeSpans = append(r.ScopeSpans, scopeSpans{Scope: scope{name}})
		}
		r.ScopeSpans[i].Spans = append(r.ScopeSpans[i].Spans, spanOf(s))
	}
	return request{[]resourceSpans{r}}
}

func spanOf(s sdk.ReadOnlySpan) span {
	c := s.SpanContext()
	out := span{
		TraceID: c.TraceID().String(), SpanID: c.SpanID().String(), TraceState: c.TraceState().String(),
		Name: s.Name(), Kind: kindOf(s.SpanKind()),
		Start:      strconv.FormatInt(s.StartTime().UnixNano(), 10),
		End:        strconv.FormatInt(s.EndTime().UnixNano(), 10),
		Attributes: attributesOf(s.Attributes()),
	}
	if s.Parent().HasSpanID() {
		out.ParentID = s.Parent().SpanID().String()
	}
	switch s.Status().Code {
	case codes.Ok:
		out.Status.Code = 1
	case codes.Error:
		out.Status = status{2, s.Status().Description}
	}
	return out
}

// kindOf is the protocol's number: the SDK counts alike, but for what is not said, which is internal.
func kindOf(k trace.SpanKind) int {
	return int(trace.ValidateSpanKind(k))
}

func attributesOf(all []attribute.KeyValue) (out []keyValue) {
	for _, kv := range all {
		var value map[string]any
		switch kv.Value.Type() {
		case attribute.BOOL:
			value = map[string]any{"boolValue": kv.Value.AsBool()}
		case attribute.INT64:
			value = map[string]any{"intValue": strconv.FormatInt(kv.Value.AsInt64(), 10)}
		case attribute.FLOAT64:
			value = map[string]any{"doubleValue": kv.Value.AsFloat64()}
		default: // lists too, which Stoker does not use
			value = map[string]any{"stringValue": kv.Value.Emit()}
		}
		out = append(out, keyValue{string(kv.Key), value})
	}
	return out
}

// Package otlp sends a node's traces to a collector: OTLP over HTTP, in its JSON
// encoding, which the protocol asks every receiver to take
// (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
//
// Invariants:
//   - No request waits for a collector: what it cannot take is dropped, and said once in a while.
//   - The standard variables hold here too: OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_HEADERS for the sender,
//     OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and OTEL_BSP_* for OpenTelemetry's own SDK.
//
// Why not go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp: it brings gRPC, its gateway and all their generated
// messages along, 5.4 MB of binary for one POST of a document that takes a page to write.
package otlp

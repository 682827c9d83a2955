package otlp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

const (
	envEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	envHeaders  = "OTEL_EXPORTER_OTLP_HEADERS" // name=value,… with values percent-encoded

	patience  = 10 * time.Second // for a collector to take one batch
	quietFor  = time.Minute      // between two lines about a collector that does not
	maxAnswer = 1 << 10
)

// Start records the traces of a node and sends them to endpoint, a collector's base address; "" means the environment's. It gives
// nil when neither names one: then there is nothing to record for. Shut the provider down, so that the last spans are sent.
func Start(endpoint, node, version string, log *slog.Logger) (*sdk.TracerProvider, error) {
	if endpoint == "" {
		endpoint = os.Getenv(envEndpoint)
	}
	if endpoint == "" {
		return nil, nil
	}
	headers, err := parseHeaders(os.Getenv(envHeaders))
	if err != nil {
		return nil, err
	}
	about, err := resource.New(context.Background(),
		resource.WithAttributes(attribute.String("service.name", "stoker")),
		resource.WithFromEnv(), // may name the service otherwise
		resource.WithAttributes(attribute.String("service.instance.id", node), attribute.String("service.version", version)))
	if err != nil {
		return nil, fmt.Errorf("traces: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(&complaints{log: log})
	to := &sender{url: strings.TrimRight(endpoint, "/") + "/v1/traces", headers: headers, http: &http.Client{Timeout: patience}}
	return sdk.NewTracerProvider(sdk.WithBatcher(to), sdk.WithResource(about)), nil
}

func parseHeaders(text string) (http.Header, error) {
	h := http.Header{}
	for entry := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(entry) == "" {
			continue
		}
		name, value, ok := strings.Cut(entry, "=")
		plain, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil {
			return nil, fmt.Errorf("%s: write name=value, one after the other with commas between", envHeaders)
		}
		h.Set(strings.TrimSpace(name), plain)
	}
	return h, nil
}

// sender is OpenTelemetry's exporter: the SDK gives it one batch after the other.
type sender struct {
	url     string
	headers http.Header
	http    *http.Client
}

var _ sdk.SpanExporter = (*sender)(nil)

// ExportSpans sends one batch, once.
func (s *sender) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	body, err := json.Marshal(messageOf(spans))
	if err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	req.Header = s.headers.Clone()
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return fmt.Errorf("traces: %d spans are lost: %w", len(spans), err)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // only to be shown
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("traces: %d spans are lost: %s answered %s %s", len(spans), s.url, resp.Status, bytes.TrimSpace(said))
	}
	return nil
}

// Shutdown has nothing left to do: each batch was sent when it came.
func (s *sender) Shutdown(context.Context) error {
	s.http.CloseIdleConnections()
	return nil
}

// complaints hears what OpenTelemetry cannot do.
type complaints struct {
	log  *slog.Logger
	mu   sync.Mutex
	last time.Time
}

// Handle logs an error, not more often than quietFor.
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.last) < quietFor {
		return
	}
	c.last = time.Now()
	c.log.Warn("traces are not recorded as they should be", "err", err)
}

package otlp

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A collector hears what the environment says of this process, with the headers it asks for; one that refuses is complained of
// and waited for by nobody.
func TestStart_SendsWithWhatTheEnvironmentSays(t *testing.T) {
	var got struct {
		path, key, body string
	}
	answer := http.StatusOK
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got.path, got.key, got.body = r.URL.Path, r.Header.Get("X-Key"), string(text)
		w.WriteHeader(answer)
	}))
	defer collector.Close()
	t.Setenv(envEndpoint, collector.URL+"/")
	t.Setenv(envHeaders, "x-key=a%20secret, x-other=1")
	t.Setenv("OTEL_SERVICE_NAME", "photos")
	var said bytes.Buffer
	p, err := Start("", "n1", "v1", slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	_, span := p.Tracer("stoker").Start(t.Context(), "a thing")
	span.End()
	if err := p.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got.path != "/v1/traces" || got.key != "a secret" {
		t.Errorf("sent to %s with the key %q", got.path, got.key)
	}
	for _, part := range []string{`"name":"a thing"`, `"kind":1`, `"stringValue":"photos"`, `"stringValue":"n1"`} {
		if !strings.Contains(got.body, part) {
			t.Errorf("%s is not in %s", part, got.body)
		}
	}
	answer = http.StatusServiceUnavailable
	_, span = p.Tracer("stoker").Start(t.Context(), "another")
	span.End()
	if err := p.Shutdown(t.Context()); err == nil && !strings.Contains(said.String(), "503") {
		t.Errorf("nobody hears that spans are lost; the log is %q", said.String())
	}
}

func TestStart_WithoutACollectorThereIsNothing(t *testing.T) {
	t.Setenv(envEndpoint, "")
	if p, err := Start("", "n1", "v1", slog.New(slog.DiscardHandler)); p != nil || err != nil {
		t.Errorf("%v, %v", p, err)
	}
	t.Setenv(envHeaders, "no value")
	if _, err := Start("http://127.0.0.1:4318", "n1", "v1", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), envHeaders) {
		t.Errorf("a header without a value: %v", err)
	}
}

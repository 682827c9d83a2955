package handlers

import (
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape reads /metrics as Prometheus does.
func (h *house) scrape(a ask) map[string]*dto.MetricFamily {
	h.t.Helper()
	out := h.good(200, a)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(out.text)))
	if err != nil {
		h.t.Fatal(err)
	}
	return families
}

// value finds the one metric of a family that has these labels, and perhaps others.
func value(f *dto.MetricFamily, labels map[string]string) (*dto.Metric, bool) {
	for _, m := range f.GetMetric() {
		found := 0
		for _, l := range m.GetLabel() {
			if want, asked := labels[l.GetName()]; asked && want == l.GetValue() {
				found++
			}
		}
		if found == len(labels) {
			return m, true
		}
	}
	return nil, false
}

func TestMetrics_CountWhatHappened(t *testing.T) {
	h := newHouse(t)
	scrape := ask{method: "GET", path: "/metrics", token: adminToken}
	h.scrape(scrape) // a first one, so that it counts itself below
	h.bad("NOT_FOUND", ask{method: "GET", path: "/nothing/like/this"})
	h.good(200, ask{method: "POST", path: "/auth/anon", body: map[string]string{"device_hash": "d1"}})
	f := h.scrape(scrape)
	for _, want := range []struct {
		family string
		labels map[string]string
		least  float64
	}{
		{"stoker_is_leader", nil, 1},
		{"stoker_has_leader", nil, 1},
		{"stoker_node_info", map[string]string{"node": "n1"}, 1},
		{"stoker_users_created_total", nil, 1},
		{"stoker_credits_booked_total", map[string]string{"type": "signup"}, 10},
		{"stoker_jobs_total", map[string]string{"status": "done"}, 0},
		{"stoker_queue_ready_items", map[string]string{"preset": "interior"}, 0},
		{"stoker_http_requests_total", map[string]string{"method": "POST", "route": "/auth/anon", "code": "200"}, 1},
		{"stoker_http_requests_total", map[string]string{"method": "-", "route": "-", "code": "404"}, 1},
		{"stoker_http_requests_total", map[string]string{"method": "GET", "route": "/metrics", "code": "200"}, 1},
		{"stoker_http_in_flight", nil, 1}, // the scrape
		{"stoker_commit_seconds", nil, 1},
		{"stoker_log_fsync_seconds", nil, 1},
		{"stoker_disk_free_bytes", nil, 1},
		{"stoker_certificate_expiry_timestamp_seconds", nil, 1},
	} {
		m, found := value(f[want.family], want.labels)
		if !found {
			t.Errorf("no %s %v", want.family, want.labels)
			continue
		}
		got := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		if got < want.least {
			t.Errorf("%s %v is %v, want at least %v", want.family, want.labels, got, want.least)
		}
	}
	for name, family := range f {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if strings.Contains(l.GetValue(), "like") {
					t.Errorf("%s: the label %s is what a client sent: %q", name, l.GetName(), l.GetValue())
				}
			}
		}
	}
}

func TestMetrics_TakeTheAdminToken(t *testing.T) {
	h := newHouse(t)
	h.bad("AUTH_REQUIRED", ask{method: "GET", path: "/metrics"})
	h.bad("AUTH_INVALID_TOKEN", ask{method: "GET", path: "/metrics", token: "adm_wrong"})
	h.bad("AUTH_INVALID_TOKEN", ask{method: "GET", path: "/metrics", token: workerToken})
}

// BenchmarkMetrics_Request is what counting costs each request.
func BenchmarkMetrics_Request(b *testing.B) {
	m := newMetrics(nil)
	for b.Loop() {
		m.inFlight.Inc()
		m.answered("POST", "/jobs/{id}/execute", 202, time.Millisecond)
		m.inFlight.Dec()
	}
}

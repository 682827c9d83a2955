package handlers

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/common/expfmt"
)

// metrics are the public port's numbers. Their labels are of the table of routes
// and of the statuses there are, never of what a client sent.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	parked   *prometheus.GaugeVec
}

// What may be parked here: a poll for work, a control request, a stream of a job.
const (
	parkedPoll    = "poll"
	parkedControl = "control"
	parkedStream  = "stream"
)

func newMetrics(r prometheus.Registerer) *metrics {
	made := promauto.With(r)
	m := &metrics{
		requests: made.NewCounterVec(prometheus.CounterOpts{
			Name: "stoker_http_requests_total", Help: "Requests answered, by line of the API and status.",
		}, []string{"method", "route", "code"}),
		seconds: made.NewHistogramVec(prometheus.HistogramOpts{
			Name: "stoker_http_request_seconds", Help: "From a request's head to its answer. A stream's is until it begins.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 30},
		}, []string{"method", "route"}),
		inFlight: made.NewGauge(prometheus.GaugeOpts{Name: "stoker_http_in_flight", Help: "Requests that are not answered yet, parked ones included."}),
		parked:   made.NewGaugeVec(prometheus.GaugeOpts{Name: "stoker_http_parked", Help: "Requests that wait for something to happen, by what they are."}, []string{"kind"}),
	}
	for _, kind := range []string{parkedPoll, parkedControl, parkedStream} {
		m.parked.WithLabelValues(kind)
	}
	return m
}

// answered counts a request.
func (m *metrics) answered(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(method, route).Observe(took.Seconds())
}

// park counts a request as parked until the function it gives is called.
func (m *metrics) park(kind string) (leave func()) {
	g := m.parked.WithLabelValues(kind)
	g.Inc()
	return g.Dec
}

// methodOf is a method as a label: one that HTTP knows, or "other".
func methodOf(method string) string {
	switch method {
	case "GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS":
		return method
	}
	return "other"
}

// showMetrics answers a scrape: the numbers of all rooms of this node, in
// Prometheus' text format.
func (s *Server) showMetrics(c *call) (any, error) {
	families, err := s.node.Metrics().Gather()
	if err != nil {
		return nil, err
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	var text strings.Builder
	out := expfmt.NewEncoder(&text, format)
	for _, f := range families {
		if err := out.Encode(f); err != nil {
			return nil, err
		}
	}
	c.http.SetContentType(string(format))
	c.http.SetBodyString(text.String())
	return sent{}, nil
}

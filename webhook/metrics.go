package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"stoker/node"
)

// metrics count what this node posts, and show where the webhooks stand, which is
// the same on each node.
type metrics struct {
	posts *prometheus.CounterVec
	took  prometheus.Histogram
}

func newMetrics(n *node.Node) *metrics {
	n.Metrics().MustRegister(standing{n})
	made := promauto.With(n.Metrics())
	return &metrics{
		posts: made.NewCounterVec(prometheus.CounterOpts{
			Name: "stoker_webhook_posts_total", Help: "Attempts of this node to tell a webhook something, by what came of them.",
		}, []string{"webhook", "result"}),
		took: made.NewHistogram(prometheus.HistogramOpts{
			Name: "stoker_webhook_post_seconds", Help: "What an attempt took until it was answered or given up.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
}

// show begins the counts of each webhook at 0: a rate needs the zero that came before.
func (m *metrics) show(n *node.Node) {
	v := n.View()
	defer v.Close()
	for _, h := range v.Hooks() {
		m.posts.WithLabelValues(h.Name, "arrived")
		m.posts.WithLabelValues(h.Name, "failed")
	}
}

func (m *metrics) count(hook string, o Outcome) {
	result := "failed"
	if o.Arrived {
		result = "arrived"
	}
	m.posts.WithLabelValues(hook, result).Inc()
	m.took.Observe(o.Took.Seconds())
}

// standing is a collector of what the state says.
type standing struct{ node *node.Node }

var (
	lagDesc      = describe("stoker_webhook_lag_seconds", "Age of the oldest event that a webhook was not told yet and that no attempt was made at; 0: there is none.")
	waitingDesc  = describe("stoker_webhook_deliveries_waiting", "Deliveries that failed and are tried again.")
	givenUpDesc  = describe("stoker_webhook_deliveries_given_up", "Deliveries that were given up and are listed.")
	streakDesc   = describe("stoker_webhook_failures_in_a_row", "Attempts that failed since the last one that arrived.")
	lostDesc     = describe("stoker_webhook_events_lost", "Events that a webhook will never be told: forgotten by the feed before their turn, or given up and off the list.")
	arrivedDesc  = describe("stoker_webhook_events_arrived_total", "Events that a webhook has taken.")
	descriptions = []*prometheus.Desc{lagDesc, waitingDesc, givenUpDesc, streakDesc, lostDesc, arrivedDesc}
)

func describe(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"webhook"}, nil)
}

// Describe is for the registry.
func (standing) Describe(out chan<- *prometheus.Desc) {
	for _, d := range descriptions {
		out <- d
	}
}

// Collect is for the registry.
func (s standing) Collect(out chan<- prometheus.Metric) {
	v := s.node.View()
	defer v.Close()
	for _, h := range v.Hooks() {
		lag := 0.0
		if _, oldest, _ := v.HookAhead(h); oldest != 0 {
			lag = max(0, time.Since(time.Unix(0, oldest)).Seconds())
		}
		gauge := func(d *prometheus.Desc, value float64) {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, h.Name)
		}
		gauge(lagDesc, lag)
		gauge(waitingDesc, float64(h.Waiting))
		gauge(givenUpDesc, float64(h.GivenUp))
		gauge(streakDesc, float64(h.Streak))
		gauge(lostDesc, float64(h.Lost+h.Forgotten)) // no counter: what was on its way may come back
		out <- prometheus.MustNewConstMetric(arrivedDesc, prometheus.CounterValue, float64(h.Arrived), h.Name)
	}
}

package objects

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are what this node's share of the store has done.
type metrics struct {
	received, sent    prometheus.Counter // bytes
	lonely, elsewhere prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	made := promauto.With(r)
	counter := func(name, help string) prometheus.Counter {
		return made.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &metrics{
		received:  counter("stoker_object_received_bytes_total", "Bytes of uploads that were acknowledged."),
		sent:      counter("stoker_object_sent_bytes_total", "Bytes of objects that clients were answered with."),
		lonely:    counter("stoker_object_copy_failures_total", "Uploads that were refused since no other node took a copy."),
		elsewhere: counter("stoker_object_remote_reads_total", "Reads that were served from another node's copy."),
	}
}

package objects

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are what this node's share of the store has done.
type metrics struct {
	received, sent    prometheus.Counter // bytes
	lonely, elsewhere prometheus.Counter

	pulled, pulledBytes prometheus.Counter
	rotten, collected   prometheus.Counter
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

		pulled:      counter("stoker_blob_pulled_total", "Missing copies that this node got from another one."),
		pulledBytes: counter("stoker_blob_pulled_bytes_total", "Bytes of these."),
		rotten:      counter("stoker_blob_rotten_total", "Copies on this node's disk that were found damaged."),
		collected:   counter("stoker_blob_collected_total", "Files that no record referred to and that were removed."),
	}
}

// watch shows how this node's blobs are, each time it is asked.
func (m *metrics) watch(r prometheus.Registerer, s *Store) {
	made := promauto.With(r)
	gauge := func(name, help string, value func(DiskStatus) float64) {
		made.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(s.Status()) })
	}
	gauge("stoker_blobs", "Blobs on this node's disk, at the last look.", func(st DiskStatus) float64 { return float64(st.Blobs) })
	gauge("stoker_blob_bytes", "Bytes that they take.", func(st DiskStatus) float64 { return float64(st.Bytes) })
	gauge("stoker_blobs_missing", "Objects that this node should hold and is still pulling.", func(st DiskStatus) float64 { return float64(st.Missing) })
	gauge("stoker_blobs_rotten", "Damaged copies that were set aside and have no good one here yet.", func(st DiskStatus) float64 { return float64(st.Rotten) })
	gauge("stoker_blobs_lost", "Objects of which this node found no good copy anywhere.", func(st DiskStatus) float64 { return float64(st.Lost) })
	gauge("stoker_blobs_unreferenced", "Files that no record refers to and that will be removed.", func(st DiskStatus) float64 { return float64(st.Unreferenced) })
	gauge("stoker_blob_room_bytes", "Bytes that uploads may still take on this node.", func(st DiskStatus) float64 { return float64(st.Room) })
	gauge("stoker_blob_scrubbed_timestamp_seconds", "When this node last had read all its blobs again; 0: never.", func(st DiskStatus) float64 {
		if st.Scrub.Ended.IsZero() {
			return 0
		}
		return float64(st.Scrub.Ended.Unix())
	})
}

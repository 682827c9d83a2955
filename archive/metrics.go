package archive

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"stoker/fsm"
	"stoker/node"
)

// Sizes is how much is in the archive.
type Sizes struct {
	Segments int   `json:"segments"`
	Jobs     int   `json:"jobs"`
	Bookings int   `json:"bookings"`
	Bytes    int64 `json:"bytes"`
}

// SizesOf adds up the segments of a view.
func SizesOf(v *fsm.View) (s Sizes) {
	for one := range v.Segments() {
		s.Segments, s.Jobs, s.Bookings, s.Bytes = s.Segments+1, s.Jobs+one.Archived, s.Bookings+one.Bookings, s.Bytes+one.Bytes
	}
	return s
}

// watch shows how much is in the archive, each time it is asked.
func watch(n *node.Node) {
	made := promauto.With(n.Metrics())
	gauge := func(name, help string, value func(Sizes) float64) {
		made.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			v := n.View()
			defer v.Close()
			return value(SizesOf(v))
		})
	}
	gauge("stoker_archive_segments", "Files of the archive.", func(s Sizes) float64 { return float64(s.Segments) })
	gauge("stoker_archive_jobs", "Jobs that have left the state for the archive.", func(s Sizes) float64 { return float64(s.Jobs) })
	gauge("stoker_archive_bookings", "Bookings of ledgers that have left the state for the archive.", func(s Sizes) float64 { return float64(s.Bookings) })
	gauge("stoker_archive_bytes", "Bytes of the archive's files, each counted once.", func(s Sizes) float64 { return float64(s.Bytes) })
}

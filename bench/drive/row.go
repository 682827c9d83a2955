package drive

import "context"

// Row is a run as figures. Times are in milliseconds.
type Row struct {
	Ops       int     `json:"ops"`
	All       int     `json:"all"` // with those before the measured time
	PerSecond float64 `json:"per_s"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	P999      float64 `json:"p99_9_ms"`
	Max       float64 `json:"max_ms"`
}

// Row gives the figures of a run.
func (r *Run) Row() Row {
	ms := func(p float64) float64 { return float64(r.Percentile(p).Microseconds()) / 1000 }
	return Row{Ops: r.Ops(), All: r.All(), PerSecond: r.PerSecond(), P50: ms(50), P99: ms(99), P999: ms(99.9), Max: ms(100)}
}

// Loop drives in a closed loop, or in an open one if a rate is given.
func Loop(ctx context.Context, clients int, perSecond float64, span Span, do Do) (Row, error) {
	run, err := (*Run)(nil), error(nil)
	if perSecond > 0 {
		run, err = Open(ctx, clients, perSecond, span, do)
	} else {
		run, err = Closed(ctx, clients, span, do)
	}
	if err != nil {
		return Row{}, err
	}
	return run.Row(), nil
}

package bench

import (
	"fmt"
	"io"
	"slices"
)

// of are the runs of a system with so many clients, by round.
func (f *SpeedFigures) of(system string, clients int) (runs []SpeedRun) {
	for _, r := range f.Runs {
		if r.System == system && r.Clients == clients {
			runs = append(runs, r)
		}
	}
	return runs
}

// systems are those that were measured, the cluster first, and with how many clients.
func (f *SpeedFigures) systems() (names []string, clients []int) {
	for _, r := range f.Runs {
		if !slices.Contains(names, r.System) {
			names = append(names, r.System)
		}
		if !slices.Contains(clients, r.Clients) {
			clients = append(clients, r.Clients)
		}
	}
	return names, clients
}

// compare makes the ratios, each of two runs of one round.
func (f *SpeedFigures) compare() {
	names, clients := f.systems()
	for _, name := range names[1:] {
		for _, n := range clients {
			var per, p50, p99 []float64
			theirs := f.of(name, n)
			for i, our := range f.of(names[0], n) {
				per = append(per, our.PerSecond/theirs[i].PerSecond)
				p50 = append(p50, our.P50/theirs[i].P50)
				p99 = append(p99, our.P99/theirs[i].P99)
			}
			f.Ratios = append(f.Ratios, SpeedRatio{
				Against: name, Clients: n, Throughput: spread(per), P50: spread(p50), P99: spread(p99),
			})
		}
	}
}

// median is the run of the rounds with a middling throughput: all its figures are of one run.
func median(runs []SpeedRun) SpeedRun {
	runs = slices.Clone(runs)
	slices.SortFunc(runs, func(a, b SpeedRun) int {
		switch {
		case a.PerSecond < b.PerSecond:
			return -1
		case a.PerSecond > b.PerSecond:
			return 1
		}
		return 0
	})
	return runs[(len(runs)-1)/2]
}

// print is the tables.
func (f *SpeedFigures) print(out io.Writer) {
	names, clients := f.systems()
	loop := "each client one after another"
	if f.Rate > 0 {
		loop = fmt.Sprintf("%g begun a second", f.Rate)
	}
	t := newTable(out, fmt.Sprintf("%s, %d nodes, %s; the middling round of %d (%s)", f.Scenario, f.Nodes, loop, f.Runs[len(f.Runs)-1].Round, f.Machine),
		"clients", "system", "ops/s", "p50 ms", "p99", "p99.9", "max", "bytes/op", "fsyncs/op", "CPU µs/op", "client's", "peak MB")
	for _, n := range clients {
		for _, name := range names {
			r := median(f.of(name, n))
			t.AppendRow([]any{n, name, fmt.Sprintf("%.0f", r.PerSecond), two(r.P50), two(r.P99), two(r.P999), two(r.Max), known(r.Bytes, "%.0f"),
				known(r.Syncs, "%.3f"), known(r.CPU, "%.0f"), known(r.ClientCPU, "%.0f"), known(r.PeakMB, "%.0f")})
		}
	}
	t.Render()
	if len(f.Ratios) == 0 {
		return
	}
	t = newTable(out, "The cluster by the other, run by run: median (least to most)", "clients", "against", "throughput", "p50", "p99")
	for _, r := range f.Ratios {
		t.AppendRow([]any{r.Clients, r.Against, r.Throughput.String(), r.P50.String(), r.P99.String()})
	}
	t.Render()
}

// String is the median with its spread.
func (s Spread) String() string { return fmt.Sprintf("%.2f (%.2f to %.2f)", s.Median, s.Least, s.Most) }

package bench

import (
	"fmt"
	"io"
)

// print is the tables.
func (f *GrowthFigures) print(out io.Writer) {
	head := fmt.Sprintf("%d nodes, jobs of %d pictures (%s)", f.Nodes, f.Items, f.Machine)
	t := newTable(out, head, "finished jobs", "brought/s", "state MB", "log MB", "memory MB", "stopped, ready after s", "killed", "killed again at once")
	for _, l := range f.Levels {
		var r GrowthRestarts
		if l.Restarts != nil {
			r = *l.Restarts
		}
		t.AppendRow([]any{l.Jobs, rounded(l.PerSecond), rounded(l.StateMB), rounded(l.LogMB), rounded(l.MemoryMB), known(r.Stopped, "%.2f"), known(r.Killed, "%.2f"), known(r.Again, "%.2f")})
	}
	t.Render()
	for _, l := range f.Levels {
		if l.Create != nil {
			l.printTimes(out, head)
		}
		if l.Copies != nil {
			l.Copies.print(out, fmt.Sprintf("%s, %d finished; %g jobs created a second", head, l.Jobs, f.Rate))
		}
	}
}

// printTimes shows what a past costs those who create and read.
func (l GrowthLevel) printTimes(out io.Writer, head string) {
	t := newTable(out, fmt.Sprintf("%s, %d finished, beside one user's hundred; the middling of %d rounds", head, l.Jobs, len(l.Create.Full)),
		"", "ops/s", "p50 ms", "p99", "empty: ops/s", "p50 ms", "p99", "p50 by empty's", "p99 by empty's")
	for _, one := range []struct {
		name string
		*GrowthRatio
	}{{"create", l.Create}, {"read", l.Read}} {
		full, empty := median(one.Full), median(one.Empty)
		t.AppendRow([]any{one.name, rounded(full.PerSecond), two(full.P50), two(full.P99), rounded(empty.PerSecond), two(empty.P50), two(empty.P99), one.P50.String(), one.P99.String()})
	}
	t.Render()
}

func two(v float64) string { return fmt.Sprintf("%.2f", v) }

func rounded(v float64) string { return fmt.Sprintf("%.0f", v) }

// known is a figure in a form, or a dash where there is none.
func known(v float64, form string) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf(form, v)
}

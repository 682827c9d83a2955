package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"stoker/bench"
)

// TestCollapse_report: the report and the picture have the verdict, each load, what does not hold, and the command that does it again.
func TestCollapse_report(t *testing.T) {
	began := time.Date(2026, 11, 29, 20, 0, 0, 0, time.UTC)
	s := surge{&bench.CollapseRecord{Machine: "2 cores", Began: began, Lasted: 30 * time.Second, Lost: time.Second, Tries: 2, Loads: []bench.Load{
		{Name: "all it can", Began: began.Add(time.Second), Span: 12 * time.Second, Goodput: 1234,
			Seconds: []bench.LoadSecond{{Taken: 1200, P50: 30 * time.Millisecond, P99: 200 * time.Millisecond, MB: 150}}},
		{Name: "2 times that", Rate: 2468, Began: began.Add(14 * time.Second), Span: 12 * time.Second, Goodput: 1100,
			Seconds: []bench.LoadSecond{{Taken: 1100, Refused: 1300, P50: time.Second, P99: 2 * time.Second, MB: 300}}},
		{Name: "right after it", Rate: 308, Began: began.Add(27 * time.Second), Span: 5 * time.Second, Goodput: 308},
	}}}
	c := &collapseCommand{Collapse: bench.Collapse{For: 10 * time.Second, Times: []float64{2, 4.5}, Clients: 128, Connections: 6000, Nodes: 3, Together: true}}
	told := func() (report, picture string) {
		var b bytes.Buffer
		s.report(&b, c)
		return b.String(), s.picture().SVG()
	}
	report, picture := told()
	for _, want := range []string{
		"# Load to collapse: it holds", "--for 10s --times 2,4.5 --clients 128 --connections 6000 --nodes 3 --together", "| all it can | - | 1234 |", "| 2 times that | 2468 | 1100 |",
		"Begun 2026-11-29 20:00 UTC; 2 cores", "This was try 2", "for 1s of it",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report says nothing of %q:\n%s", want, report)
		}
	}
	for _, want := range []string{"it holds", "2 times that, 2468, 1100", ">4,000<"} {
		if !strings.Contains(picture, want) {
			t.Errorf("the picture says nothing of %q:\n%s", want, picture)
		}
	}
	s.Slow = []string{"2 times that: 100 are taken"}
	if report, picture = told(); !strings.Contains(report, "DOES NOT HOLD: 2 times that: 100 are taken") || !strings.Contains(picture, "IT DOES NOT HOLD") {
		t.Errorf("what does not hold is not said:\n%s\n%s", report, picture)
	}
	s.Lost = 20 * time.Second
	if report, _ = told(); !strings.Contains(report, "NOT JUDGED") {
		t.Errorf("that the machine had no time is not said:\n%s", report)
	}
}

package job

import (
	"fmt"
	"io"
	"time"

	"stoker/cli/show"
	"stoker/client"
)

// Why shows where a job stands and what it waits for.
func Why(w io.Writer, e client.Explanation, now time.Time) {
	line := func(what, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s %s\n", what, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "job %s is %s\n", e.JobID, e.Status)
	if e.Position > 0 {
		line("position", "%d, %s", e.Position, ahead(e.Ahead))
	}
	line("why", "%s", show.Plain(e.Reason))
	if e.Position > 0 {
		line("estimate", "%s", estimate(e.ETA))
	}
	for _, l := range e.Leases {
		line("held by", "%s: items %s, lease %s", show.Plain(l.Worker), show.Ranges(l.Items), l.LeaseID)
	}
	if e.NextTimer != nil {
		line("next", "%s, %s", e.NextTimer.UTC().Format("2006-01-02 15:04:05 UTC"), until(e.NextTimer.Sub(now)))
	}
	if e.Position > 0 && e.ETA == nil && len(e.Leases) == 0 {
		fmt.Fprintln(w, "`stoker worker list` shows who is there to do it, `stoker queue` whether it is paused.")
	}
}

func ahead(n int) string {
	switch n {
	case 0:
		return "nothing comes first"
	case 1:
		return "1 picture comes first"
	}
	return fmt.Sprintf("%d pictures come first", n)
}

// estimate is when the first picture of the job is handed out, at the rate of the last minute.
func estimate(seconds *int) string {
	if seconds == nil {
		return "nobody can say yet"
	}
	return "starts in about " + show.Age(show.Seconds(float64(*seconds)))
}

// until says when the job's next deadline or back-off is over.
func until(d time.Duration) string {
	if d <= 0 {
		return "which is now"
	}
	return "in " + show.Age(d)
}

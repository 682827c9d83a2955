package job

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

const (
	moment     = "2006-01-02 15:04:05.000"
	errorWidth = 56
)

// List shows a stretch of the jobs. chosen says that not all were asked for.
func List(w io.Writer, page client.JobLines, chosen bool, now time.Time) {
	switch {
	case len(page.Jobs) == 0 && chosen:
		fmt.Fprintln(w, "There is no such job. `stoker job list` without filters lists all.")
		return
	case len(page.Jobs) == 0:
		fmt.Fprintln(w, "There is no job yet. An app makes one with POST /jobs; `stoker demo` shows how.")
		return
	}
	t := show.Table(w, "job", "user", "preset", "status", "done", "failed", "items", "created", "retry of")
	for _, j := range page.Jobs {
		t.AppendRow(table.Row{
			j.JobID, j.UserID, show.Plain(j.Preset), j.Status, j.Progress.Done, j.Progress.Failed, j.Progress.Total,
			show.Ago(&j.CreatedAt, now), j.RetryOf,
		})
	}
	t.Render()
	if page.Next != "" {
		fmt.Fprintf(w, "There are more: --cursor %s goes on, --limit shows more at once.\n", page.Next)
	}
}

// Show shows a job with its items.
func Show(w io.Writer, j client.JobDetail) {
	line := func(what, format string, args ...any) {
		fmt.Fprintf(w, "  %-9s %s\n", what, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "job %s is %s: %d of %d done, %d failed\n", j.JobID, j.Status, j.Progress.Done, j.Progress.Total, j.Progress.Failed)
	line("user", "%s", j.UserID)
	line("preset", "%s, %d credits an item, by settings %d", show.Plain(j.Preset), j.Price, j.Settings)
	if j.RuleID != "" {
		line("rule", "%s", j.RuleID)
	}
	if j.RetryOf != "" {
		line("retry of", "%s", j.RetryOf)
	}
	line("created", "%s", j.CreatedAt.UTC().Format(moment))
	line("changed", "%s", j.UpdatedAt.UTC().Format(moment))
	if a := j.Archived; a != nil {
		line("archived", "since %s, in segment %d (%s)", a.At.UTC().Format(moment), a.Segment, show.Plain(a.Key))
	}
	t := show.Table(w, "item", "status", "attempt", "output", "errors")
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 5, WidthMax: errorWidth}})
	for _, it := range j.Items {
		var errors []string
		for _, e := range it.Errors {
			errors = append(errors, "- "+show.Plain(e))
		}
		if it.Error != "" {
			errors = append([]string{show.Plain(it.Error)}, errors...)
		}
		t.AppendRow(table.Row{it.Idx, it.Status, it.Attempt, it.Output, strings.Join(errors, "\n")})
	}
	t.Render()
	if !j.Status.Terminal() {
		fmt.Fprintf(w, "`stoker job why %s` says what it waits for, `stoker job log` how it came to this.\n", j.JobID)
	}
}

// Log shows a job's whole life, and then its leases.
func Log(w io.Writer, log client.JobLog) {
	t := show.Table(w, "entry", "at (UTC)", "what", "by", "detail")
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 5, WidthMax: errorWidth}})
	for _, l := range log.Lines {
		what, detail := l.Event, show.Plain(l.Detail)
		if l.Item != nil {
			what = fmt.Sprintf("%s %d", what, *l.Item)
		}
		if l.Amount != 0 {
			what, detail = fmt.Sprintf("%s %+d", what, l.Amount), fmt.Sprintf("%d are left", l.Balance)
		}
		t.AppendRow(table.Row{fmt.Sprintf("%d.%d", l.Index, l.Ordinal), l.At.UTC().Format(moment), what, show.Plain(l.By), detail})
	}
	t.Render()
	if len(log.Leases) > 0 {
		t := show.Table(w, "lease", "granted (UTC)", "worker", "items", "attempt", "now")
		for _, l := range log.Leases {
			now := l.Ended
			if now == "" {
				now = "holds " + show.Ranges(l.Held)
			}
			t.AppendRow(table.Row{l.LeaseID, l.At.UTC().Format(moment), show.Plain(l.Worker), show.Ranges(l.Items), l.Attempt, now})
		}
		t.Render()
	}
	fmt.Fprintf(w, "job %s is %s", log.JobID, log.Status)
	if log.Status.Terminal() {
		fmt.Fprintln(w, "; leases are shown for an hour after their end.")
		return
	}
	fmt.Fprintf(w, "; `stoker tail --job %s --from start` follows it.\n", log.JobID)
}

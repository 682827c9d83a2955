package audit

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

// detailWidth is where a detail is wrapped.
const detailWidth = 40

// Table lists rows, which come newest first.
func Table(w io.Writer, page client.AuditPage) {
	if len(page.Rows) == 0 {
		fmt.Fprintln(w, "Nothing of that kind is in the audit log.")
		return
	}
	t := show.Table(w, "at", "who", "action", "subject", "detail", "outcome", "request")
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 5, WidthMax: detailWidth}})
	for _, r := range page.Rows {
		t.AppendRow(table.Row{at(r), show.Plain(r.Who), show.Plain(r.Action), show.Plain(r.Subject), show.Plain(r.Detail), outcome(r), show.Plain(r.RequestID)})
	}
	t.Render()
	if page.Next != "" {
		fmt.Fprintf(w, "These are the newest %d; `stoker audit export` writes all.\n", len(page.Rows))
	}
}

// Line prints one row as it happens.
func Line(w io.Writer, r client.AuditRow) {
	fmt.Fprintf(w, "%s %s: %s %s", at(r), show.Plain(r.Who), show.Plain(r.Action), show.Plain(r.Subject))
	if r.Detail != "" {
		fmt.Fprintf(w, " (%s)", show.Plain(r.Detail))
	}
	fmt.Fprintf(w, ", %s\n", outcome(r))
}

func at(r client.AuditRow) string { return r.At.UTC().Format(time.DateTime) }

func outcome(r client.AuditRow) string {
	if r.Code == "" {
		return "done"
	}
	return show.Plain(r.Code)
}

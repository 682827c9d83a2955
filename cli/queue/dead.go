package queue

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

// errorWidth is where error messages are wrapped: the table must fit on a wide terminal.
const errorWidth = 56

// Dead lists dead items with their last errors; with more there are others behind them.
func Dead(w io.Writer, dead []client.DeadItem, more bool, now time.Time) {
	if len(dead) == 0 {
		fmt.Fprintln(w, "Nothing is dead: no picture of the last two weeks failed more often than it may. `stoker queue` shows what waits.")
		return
	}
	t := show.Table(w, "job", "item", "preset", "user", "died", "why, and the last errors")
	t.Style().Options.SeparateRows = true
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 6, WidthMax: errorWidth}})
	for _, d := range dead {
		lines := []string{show.Plain(d.Reason)}
		for _, e := range d.Errors {
			lines = append(lines, "- "+show.Plain(e))
		}
		t.AppendRow(table.Row{d.JobID, d.Idx, show.Plain(d.Preset), d.User, show.Ago(&d.At, now), strings.Join(lines, "\n")})
	}
	t.Render()
	if more {
		fmt.Fprintf(w, "These are the first %d; --limit shows more.\n", len(dead))
	}
	fmt.Fprintln(w, "All were refunded. `stoker queue kick JOB [ITEM]` tries them again in a new job, which costs what any job costs.")
}

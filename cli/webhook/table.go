package webhook

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

const errorWidth = 56

// List shows where the webhooks stand.
func List(w io.Writer, all []client.Webhook, now time.Time) {
	if len(all) == 0 {
		fmt.Fprintln(w, "There is no webhook. A table [webhooks.NAME] in stoker.app.toml makes one; docs/webhooks.md says how.")
		return
	}
	t := show.Table(w, "webhook", "state", "ahead", "waiting", "given up", "arrived", "lost", "last arrived", "last failed")
	for _, h := range all {
		failed := show.Ago(h.FailedAt, now)
		if h.FailedAt != nil && h.InARow > 0 {
			failed += ": " + brief(h.LastError)
		}
		t.AppendRow(table.Row{h.Name, h.State, ahead(h), h.Waiting, h.GivenUp, h.Arrived, h.Lost + h.Forgotten, show.Ago(h.ArrivedAt, now), failed})
	}
	t.Render()
}

// ahead counts events, as far as they were looked at.
func ahead(h client.Webhook) string {
	if h.AheadMore {
		return fmt.Sprintf("%d+", h.Ahead)
	}
	return fmt.Sprint(h.Ahead)
}

// Show shows all that is known of one.
func Show(w io.Writer, h client.Webhook, now time.Time) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-13s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("webhook", "%s", h.Name)
	line("url", "%s", show.Plain(h.URL))
	line("events", "%s", strings.Join(h.Events, ", "))
	line("state", "%s", h.State)
	line("position", "%s", h.Position)
	if h.Oldest == nil {
		line("ahead", "%s", ahead(h))
	} else {
		line("ahead", "%s, the oldest from %s", ahead(h), show.Ago(h.Oldest, now))
	}
	line("waiting", "%d", h.Waiting)
	line("given up", "%d", h.GivenUp)
	line("arrived", "%d, last: %s", h.Arrived, show.Ago(h.ArrivedAt, now))
	if h.FailedAt != nil {
		line("last failed", "%s: %s", show.Ago(h.FailedAt, now), show.Plain(h.LastError))
	}
	line("lost", "%d forgotten by the change feed before their turn, %d given up and off the list", h.Lost, h.Forgotten)
	switch h.State {
	case "down":
		fmt.Fprintf(w, "%d attempts in a row have failed: one new event is tried a minute, the others wait until something arrives. `stoker webhook deliveries %s` says what failed.\n", h.InARow, h.Name)
	case "disabled":
		fmt.Fprintln(w, "It is told nothing. What happens meanwhile is sent when it is enabled, as far as changes are kept.")
	}
}

// Deliveries lists what did not arrive.
func Deliveries(w io.Writer, webhook string, page client.DeliveryPage, now time.Time) {
	if len(page.Deliveries) == 0 {
		fmt.Fprintln(w, "Nothing: whatever was tried has arrived, or is listed no more.")
		return
	}
	t := show.Table(w, "delivery", "event", "job", "status", "attempts", "last tried", "next", "last error")
	for _, d := range page.Deliveries {
		next := "now"
		if d.NextAt != nil {
			next = "in " + show.Age(d.NextAt.Sub(now))
		}
		if d.Status == "failed" {
			next = "forgotten " + next
		}
		t.AppendRow(table.Row{d.ID, d.Type, d.JobID, d.Status, d.Attempts, show.Ago(&d.TriedAt, now), next, brief(d.LastError)})
	}
	t.Render()
	if page.Next != "" {
		fmt.Fprintf(w, "There are more: --cursor %s goes on.\n", page.Next)
	}
	fmt.Fprintf(w, "`stoker webhook redeliver %s ID` has one tried now.\n", webhook)
}

func brief(text string) string {
	text = show.Plain(text)
	if r := []rune(text); len(r) > errorWidth {
		return string(r[:errorWidth-1]) + "…"
	}
	return text
}

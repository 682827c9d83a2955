package user

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"stoker/cli/show"
	"stoker/client"
)

// Account shows what a user has and may.
func Account(w io.Writer, a client.Account) {
	t := show.Table(w, "user", "plan", "credits", "open jobs", "rules", "pictures a job")
	t.AppendRow(table.Row{a.UserID, show.Plain(a.Plan), a.Credits,
		fmt.Sprintf("%d of %d", a.ConcurrentJobs, a.Limits.MaxConcurrency),
		fmt.Sprintf("%d of %d", a.RuleSlots, a.Limits.MaxRuleSlots), a.Limits.MaxItems})
	t.Render()
	if a.Revoked {
		fmt.Fprintln(w, "This user is revoked: its tokens are refused.")
	}
	if a.Away != "" && a.Move != nil {
		fmt.Fprintln(w, away(a.Away, *a.Move))
	}
}

// away says where a user is between two cells, and what to do about it.
func away(state string, m client.CellMove) string {
	since := m.At.UTC().Format(time.DateTime)
	switch {
	case state == "leaving":
		return fmt.Sprintf("Since %s it is leaving for cell %s (move %s) and can do nothing new; nothing is decided. `stoker user move` goes on, and with --back takes it back.", since, m.Cell, m.Move)
	case state == "arriving":
		return fmt.Sprintf("It is arriving from cell %s (move %s), of which %d rows of the ledger are here since %s; it lives there until `stoker user move` there has ended.", m.Cell, m.Move, m.Entries, since)
	case m.State == client.MoveUndone:
		return fmt.Sprintf("It stays in cell %s: its move from there was taken back at %s. What is shown is what had come, and counts for nothing.", m.Cell, since)
	}
	return fmt.Sprintf("At %s it left for cell %s with %d credits (move %s).", since, m.Cell, m.Credits, m.Move)
}

// Ledger shows the newest of what was booked. A cluster that sends no ledger gets no table, and no claim that it is empty.
func Ledger(w io.Writer, page client.BillingPage) {
	if page.Events == nil {
		return
	}
	if len(page.Events) == 0 {
		fmt.Fprintln(w, "Nothing was ever booked. `stoker user grant USER CREDITS --reason TEXT` books credits.")
		return
	}
	t := show.Table(w, "booked", "type", "amount", "balance", "for")
	for _, e := range page.Events {
		t.AppendRow(table.Row{e.CreatedAt.UTC().Format(time.DateTime), show.Plain(e.Type), fmt.Sprintf("%+d", e.Amount), e.Balance, show.Plain(e.Ref)})
	}
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 3, Align: text.AlignRight}})
	t.Render()
	if page.NextCursor != "" {
		fmt.Fprintf(w, "These are the newest %d; `stoker user ledger USER --limit 0` shows all.\n", len(page.Events))
	}
}

// List shows users; more says that they are not all.
func List(w io.Writer, users []client.UserLine, more bool) {
	if len(users) == 0 {
		fmt.Fprintln(w, "No such users.")
		return
	}
	t := show.Table(w, "user", "plan", "credits", "open jobs", "rules", "since", "")
	for _, u := range users {
		revoked := u.Away
		if u.Revoked {
			revoked = strings.TrimSpace(revoked + " revoked")
		}
		t.AppendRow(table.Row{show.Plain(u.UserID), show.Plain(u.Plan), u.Credits, u.ConcurrentJobs, u.RuleSlots, u.CreatedAt.UTC().Format(time.DateOnly), revoked})
	}
	t.Render()
	if more {
		fmt.Fprintf(w, "These are %d; --limit 0 lists all.\n", len(users))
	}
}

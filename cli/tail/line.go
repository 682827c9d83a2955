// Package tail writes a change of the cluster's state, or a request that a node answered, as one line for people.
//
// # Invariants
//
//   - A line is one line, whatever users, workers and operators have put into it (show.Plain).
//   - The time comes first, then the place in the log, then what happened: columns that the eye runs down.
package tail

import (
	"fmt"
	"strings"

	"stoker/cli/show"
	"stoker/client"
)

const clock = "2006-01-02 15:04:05.000"

// Change is a change as a line: when, where in the log, what, and to whom.
func Change(c client.Change) string {
	var line strings.Builder
	fmt.Fprintf(&line, "%s %10s  %-16s", c.At.UTC().Format(clock), fmt.Sprintf("%d.%d", c.Index, c.Ordinal), show.Plain(c.Event))
	word := func(name, value string) {
		if value != "" {
			line.WriteString(" " + name + show.Plain(value))
		}
	}
	if c.Action != "" {
		word("", c.Action)
		word("", c.Subject)
		word("refused ", c.Code)
	}
	if c.JobID != c.Subject {
		word("", c.JobID)
	}
	if c.Item != nil {
		fmt.Fprintf(&line, " item %d", *c.Item)
	}
	if c.Balance != nil {
		fmt.Fprintf(&line, " %+d, %d left", c.Amount, *c.Balance)
	}
	if c.LeaseID != "" {
		fmt.Fprintf(&line, " %s %s", c.LeaseID, show.Count(c.Items, "item"))
	}
	if c.UserID != c.Subject {
		word("of ", c.UserID)
	}
	if c.Worker != c.Subject {
		word("worker ", c.Worker)
	}
	if c.Node != c.Subject {
		word("node ", c.Node)
	}
	if c.By != "" && c.By != "user "+c.UserID {
		word("by ", c.By)
	}
	if c.Detail != "" && c.Detail != c.Worker {
		word("· ", c.Detail)
	}
	return line.String()
}

// Request is a request as a line, or how many of a node's were left out.
func Request(r client.ShownRequest) string {
	if r.LeftOut > 0 {
		return fmt.Sprintf("%23s %10s  … %s of this node not shown; --rate shows more", "", show.Plain(r.Node), show.Count(r.LeftOut, "request"))
	}
	by := r.By
	if by == "" {
		by = "nobody"
	}
	return fmt.Sprintf("%s %10s  %-6s %s %d in %.1f ms, %s from %s, %s", r.At.UTC().Format(clock), show.Plain(r.Node),
		show.Plain(r.Method), show.Plain(r.Path), r.Status, r.TookMS, show.Plain(by), show.Plain(r.From), show.Plain(r.Request))
}

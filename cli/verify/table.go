package verify

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

// Sound reports whether nothing is wrong.
func Sound(v client.Verification) bool { return len(v.Odd) == 0 && len(v.Alarms) == 0 }

// Report shows who agrees with whom, where it began, and what to do.
func Report(w io.Writer, v client.Verification, now time.Time) {
	t := show.Table(w, "node", "index", "hash", "state", "rows read", "when")
	for _, n := range v.Nodes {
		t.AppendRow(table.Row{n.ID, n.Index, short(n.Hash), state(v, n), rows(n.Scrub), show.Ago(n.Scrub.At, now)})
	}
	t.Render()
	if v.At > 0 {
		fmt.Fprintf(w, "hashes are of entry %d\n", v.At)
	}
	if v.Unclear != "" {
		fmt.Fprintf(w, "not all could be compared: %s\n", show.Plain(v.Unclear))
	}
	if v.First > 0 {
		begin(w, v)
	}
	for _, n := range v.Nodes {
		if n.Scrub.Wrong != "" {
			fmt.Fprintf(w, "%s: %s\n", n.ID, show.Plain(n.Scrub.Wrong))
		}
	}
	for _, a := range v.Alarms {
		fmt.Fprintf(w, "ALARM, raised %s: %s, since entry %d. Nothing is spent: new jobs are refused.\n", show.Ago(&a.At, now), show.Plain(a.Why), a.Index)
	}
	entries(w, v)
	advise(w, v)
}

func begin(w io.Writer, v client.Verification) {
	switch {
	case v.LastEqual == 0:
		fmt.Fprintf(w, "they differ at entry %d or before: nobody remembers hashes from further back\n", v.First)
	case v.LastEqual+1 == v.First || len(v.Entries) == 1:
		fmt.Fprintf(w, "they differ since entry %d\n", v.First)
	default:
		fmt.Fprintf(w, "they differ since some entry after %d, up to %d\n", v.LastEqual, v.First)
	}
}

func entries(w io.Writer, v client.Verification) {
	for _, e := range v.Entries {
		for _, c := range e.Commands {
			fmt.Fprintf(w, "  entry %d: %s\n", e.Index, show.Plain(c))
		}
	}
}

func advise(w io.Writer, v client.Verification) {
	switch {
	case len(v.Odd) > 0 && len(v.Majority) > 0:
		fmt.Fprintf(w, "%s cannot be trusted: replace it (docs/upgrades.md), then `stoker verify --clear`.\n", strings.Join(v.Odd, ", "))
	case len(v.Odd) > 0:
		fmt.Fprintln(w, "No majority agrees, so nobody can say who is right: restore a backup from before, or decide by the ledgers (docs/upgrades.md).")
	case len(v.Alarms) > 0:
		fmt.Fprintln(w, "Those who answer agree. When what was wrong is replaced, `stoker verify --clear` lets the cluster spend again.")
	case v.Unclear == "":
		fmt.Fprintln(w, "All nodes hold the same state.")
	}
}

func state(v client.Verification, n client.NodeProof) string {
	switch {
	case !n.Alive:
		return "no answer"
	case n.Scrub.Wrong != "":
		return "WRONG ROWS"
	case slices.Contains(v.Odd, n.ID):
		return "DIFFERS"
	case n.Hash == "":
		return "not compared"
	}
	return "agrees"
}

func short(hash string) string { return hash[:min(len(hash), 16)] }

func rows(s client.Scrub) string {
	if s.At == nil {
		return ""
	}
	return fmt.Sprintf("%d in %d ms", s.Rows, s.TookNS/int64(time.Millisecond))
}

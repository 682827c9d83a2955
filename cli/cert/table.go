package cert

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

// short is how much of a fingerprint people compare.
const short = 12

// Table shows who has which certificate, and how far a new CA is.
func Table(w io.Writer, c client.Certificates, now time.Time) {
	t := show.Table(w, "node", "subject", "serial", "issued by", "ends", "believes", "state")
	for _, n := range c.Nodes {
		ends, state := "–", "ok"
		if n.NotAfter != nil {
			ends = n.NotAfter.UTC().Format(time.DateOnly)
		}
		var believes []string
		for _, ca := range n.Trusts {
			believes = append(believes, cut(ca))
		}
		switch {
		case !n.Alive:
			state = "does not answer"
		case n.NotAfter == nil:
			state = "does not say: an older version"
		case n.NotAfter.Before(now):
			state = "has ended"
		case c.Next != "" && n.Issuer == c.Next:
			state = "done"
		case c.Next != "":
			state = "waited for"
			if !slices.Contains(c.WaitingFor, n.ID) {
				state = "ready"
			}
		}
		t.AppendRow(table.Row{show.Plain(n.ID), show.Plain(n.Subject), cut(n.Serial), cut(n.Issuer), ends, strings.Join(believes, " "), state})
	}
	t.Render()
	switch {
	case c.CA == "":
		fmt.Fprintln(w, "The cluster has no CA of its own: nothing is renewed. `stoker cert rotate` gives it one.")
	case c.CANotAfter != nil:
		fmt.Fprintf(w, "The CA %s signs, until %s.\n", cut(c.CA), c.CANotAfter.UTC().Format(time.DateOnly))
	}
	if c.Next == "" {
		return
	}
	fmt.Fprintf(w, "The CA %s takes over: %s.\n", cut(c.Next), phases[c.Phase])
	if len(c.WaitingFor) > 0 {
		fmt.Fprintf(w, "It waits for %s. `stoker cert rotate --without NODE` goes on without a node that is gone.\n", show.Plain(strings.Join(c.WaitingFor, ", ")))
	}
	if len(c.Without) > 0 {
		fmt.Fprintf(w, "It does not wait for %s.\n", show.Plain(strings.Join(c.Without, ", ")))
	}
}

// phases in words.
var phases = map[string]string{
	"trusting": "nodes learn to believe it (1 of 2)",
	"signing":  "nodes have certificates signed by it (2 of 2)",
}

func cut(s string) string { return show.Plain(s[:min(short, len(s))]) }

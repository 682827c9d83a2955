package upgrade

import (
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

// Status shows the nodes and what is to be done.
func Status(w io.Writer, u client.Upgrade) {
	fmt.Fprintf(w, "cluster at feature level %d, the newest is %d\n", u.Level, u.Newest)
	why := map[string]string{}
	for _, m := range u.Missing {
		why[m.ID] = m.Why
	}
	t := show.Table(w, "node", "version", "understands level", "state", "missing")
	for _, n := range u.Nodes {
		state := "up"
		if !n.Alive {
			state = "down"
		}
		t.AppendRow(table.Row{n.ID, show.Plain(n.Version), level(n.Level), state, show.Plain(why[n.ID])})
	}
	t.Render()
	switch {
	case len(u.Missing) > 0:
		fmt.Fprintln(w, "Upgrade one node at a time: stop it, put the new binary in place, start it, and wait for `stoker status` to show it up.")
	case u.Level < u.Newest:
		fmt.Fprintln(w, "All nodes are upgraded. `stoker upgrade finalize` turns on what is new; until then each node may still go back.")
	default:
		fmt.Fprintln(w, "There is nothing to do.")
	}
}

func level(n uint64) string {
	if n == 0 {
		return "?"
	}
	return fmt.Sprint(n)
}

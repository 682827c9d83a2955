package member

import (
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

// Tokens lists join tokens.
func Tokens(w io.Writer, tokens []client.JoinToken, now time.Time) {
	t := show.Table(w, "token", "for", "note", "by", "expires", "used by")
	for _, k := range tokens {
		node := k.For
		if node == "" {
			node = "any node"
		}
		t.AppendRow(table.Row{k.ID, node, show.Plain(k.Note), show.Plain(k.CreatedBy), "in " + show.Age(k.ExpiresAt.Sub(now)), k.UsedBy})
	}
	t.Render()
}

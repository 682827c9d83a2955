package access

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

// Table lists tokens.
func Table(w io.Writer, tokens []client.AccessToken, now time.Time) {
	t := show.Table(w, "name", "for", "scope", "made", "by", "expires", "last used")
	for _, k := range tokens {
		by := k.CreatedBy
		if by == "" {
			by = "the cluster's beginning"
		}
		t.AppendRow(table.Row{show.Plain(k.Name), k.Kind, k.Scope, k.CreatedAt.UTC().Format(time.DateOnly), show.Plain(by), until(k.ExpiresAt, k.Expired, now), show.Ago(k.LastUsed, now)})
	}
	t.Render()
	fmt.Fprintln(w, "\"Last used\" is to the minute, and since the nodes that answer were started.")
}

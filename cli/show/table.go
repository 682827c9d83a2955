package show

import (
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
)

// Table begins a table; Render writes it to w.
func Table(w io.Writer, columns ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row(columns))
	return t
}

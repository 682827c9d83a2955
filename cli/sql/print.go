package sql

import (
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/cli/show"
	"stoker/client"
)

// Mode is a form of answers.
type Mode string

// Modes are all there are.
var Modes = []Mode{TableMode, JSONMode, CSVMode, LineMode}

// The modes.
const (
	TableMode Mode = "table"
	JSONMode  Mode = "json" // an array of objects
	CSVMode   Mode = "csv"  // RFC 4180 with a heading; NULL is empty
	LineMode  Mode = "line" // a column a line
)

// widest is where a column of a table is wrapped.
const widest = 60

// Print shows an answer to its end.
func Print(w io.Writer, mode Mode, rows *client.SQLRows) error {
	var p printer
	switch mode {
	case JSONMode:
		p = &jsonPrinter{w: w, columns: rows.Columns}
	case CSVMode:
		p = &csvPrinter{csv.NewWriter(w), rows.Columns}
	case LineMode:
		p = &linePrinter{w: w, columns: rows.Columns}
	default:
		p = &tablePrinter{w: w, columns: rows.Columns}
	}
	if err := p.begin(); err != nil {
		return err
	}
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return p.end()
		}
		if err != nil {
			return err
		}
		if err := p.row(row); err != nil {
			return err
		}
	}
}

type printer interface {
	begin() error
	row([]any) error
	end() error
}

// plain is a value for people.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case []byte:
		return "x'" + hex.EncodeToString(v) + "'"
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return show.Plain(fmt.Sprint(v))
}

type tablePrinter struct {
	w       io.Writer
	columns []string
	rows    []table.Row
}

func (*tablePrinter) begin() error { return nil }

func (p *tablePrinter) row(row []any) error {
	r := make(table.Row, len(row))
	for i, v := range row {
		r[i] = plain(v)
	}
	p.rows = append(p.rows, r)
	return nil
}

func (p *tablePrinter) end() error {
	if len(p.rows) == 0 {
		return nil // the number of rows says it
	}
	heads, widths := []any{}, []table.ColumnConfig{}
	for i, c := range p.columns {
		heads = append(heads, show.Plain(c))
		widths = append(widths, table.ColumnConfig{Number: i + 1, WidthMax: widest})
	}
	t := show.Table(p.w, heads...)
	t.Style().Format.Header = 0 // names of columns as they are written
	t.SetColumnConfigs(widths)
	t.AppendRows(p.rows)
	t.Render()
	return nil
}

type jsonPrinter struct {
	w       io.Writer
	columns []string
	rows    int
}

func (p *jsonPrinter) begin() error { _, err := io.WriteString(p.w, "["); return err }

// row writes an object in the order of the columns, which a map would lose.
func (p *jsonPrinter) row(row []any) error {
	text := []byte(",\n  {")
	if p.rows == 0 {
		text = text[1:]
	}
	p.rows++
	for i, v := range row {
		if b, ok := v.([]byte); ok {
			v = map[string]string{"base64": base64.StdEncoding.EncodeToString(b)}
		}
		name, err1 := json.Marshal(p.columns[i])
		value, err2 := json.Marshal(v)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if i > 0 {
			text = append(text, ", "...)
		}
		text = append(append(append(text, name...), ": "...), value...)
	}
	_, err := p.w.Write(append(text, '}'))
	return err
}

func (p *jsonPrinter) end() error {
	text := "\n]\n"
	if p.rows == 0 {
		text = "]\n"
	}
	_, err := io.WriteString(p.w, text)
	return err
}

type csvPrinter struct {
	w       *csv.Writer
	columns []string
}

func (p *csvPrinter) begin() error { return p.w.Write(p.columns) }

func (p *csvPrinter) row(row []any) error {
	out := make([]string, len(row))
	for i, v := range row {
		switch v := v.(type) {
		case nil:
		case []byte:
			out[i] = hex.EncodeToString(v)
		default:
			out[i] = fmt.Sprint(v)
		}
	}
	return p.w.Write(out)
}

func (p *csvPrinter) end() error {
	p.w.Flush()
	return p.w.Error()
}

type linePrinter struct {
	w       io.Writer
	columns []string
	rows    int
}

func (*linePrinter) begin() error { return nil }

func (p *linePrinter) row(row []any) error {
	wide := 0
	for _, c := range p.columns {
		wide = max(wide, len([]rune(c)))
	}
	if p.rows++; p.rows > 1 {
		fmt.Fprintln(p.w)
	}
	for i, v := range row {
		if _, err := fmt.Fprintf(p.w, "%*s = %s\n", wide, show.Plain(p.columns[i]), plain(v)); err != nil {
			return err
		}
	}
	return nil
}

func (*linePrinter) end() error { return nil }

package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// SQLQuery is a statement over the replicated state: one SELECT, WITH, VALUES or EXPLAIN.
type SQLQuery struct {
	SQL     string
	Timeout time.Duration // 0: 10 s; at most a minute
	MaxRows int           // 0: 10,000
	Stale   bool          // ask the node's own state: it may be behind, and needs no leader to be read
}

// SQLEnd is what comes behind the last row.
type SQLEnd struct {
	Rows      int     `json:"rows"`
	Read      int64   `json:"rows_read"` // of the tables
	Truncated bool    `json:"truncated"` // there were more than MaxRows
	TookMS    float64 `json:"took_ms"`
}

// SQLRows is an answer on its way. Close it.
type SQLRows struct {
	Columns []string
	Index   uint64 // of the state that it is of
	End     SQLEnd // once Next has said io.EOF

	lines lineReader
}

// SQL asks a statement.
func (o *Operator) SQL(ctx context.Context, q SQLQuery) (*SQLRows, error) {
	body := struct {
		SQL     string  `json:"sql"`
		Timeout float64 `json:"timeout_s,omitempty"`
		MaxRows int     `json:"max_rows,omitempty"`
	}{q.SQL, q.Timeout.Seconds(), q.MaxRows}
	call := request{method: http.MethodPost, path: "/admin/sql", query: url.Values{}, body: body, token: o.client.cluster.AdminToken}
	if q.Stale {
		call.query.Set("consistency", "stale")
	}
	stream, _, err := o.client.stream(ctx, call, "application/x-ndjson", o.client.nodes.round)
	if err != nil {
		return nil, err
	}
	rows := &SQLRows{lines: newLineReader(stream)}
	head := struct {
		Columns []string `json:"columns"`
		Index   uint64   `json:"index"`
	}{}
	if err := rows.lines.head(&head); err != nil {
		return nil, errors.Join(err, stream.Close())
	}
	rows.Columns, rows.Index = head.Columns, head.Index
	return rows, nil
}

// Next gives the next row, whose values are string, int64, float64, []byte or nil; io.EOF after the last. Any other error
// means that the answer is not whole.
func (r *SQLRows) Next() ([]any, error) {
	line, err := r.lines.next()
	if err != nil {
		return nil, err
	}
	if line.End != nil {
		r.End = *line.End
		return nil, io.EOF
	}
	return line.row, nil
}

// Close ends the answer.
func (r *SQLRows) Close() error { return r.lines.from.Close() }

// SQLExport is all tables of one state on their way. Close it.
type SQLExport struct {
	Epoch  uint64     `json:"epoch"`
	Index  uint64     `json:"index"`
	Tables []SQLTable `json:"tables"`
	End    SQLEnd     `json:"-"` // once Next has said io.EOF

	table string
	lines lineReader
}

// SQLTable is one of them.
type SQLTable struct {
	Name    string   `json:"name"`
	Key     []string `json:"key"` // columns that tell its rows apart
	Columns []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	} `json:"columns"`
}

// SQLExport begins an export.
func (o *Operator) SQLExport(ctx context.Context, stale bool) (*SQLExport, error) {
	call := request{method: http.MethodGet, path: "/admin/sql/export", query: url.Values{}, token: o.client.cluster.AdminToken}
	if stale {
		call.query.Set("consistency", "stale")
	}
	stream, _, err := o.client.stream(ctx, call, "application/x-ndjson", o.client.nodes.round)
	if err != nil {
		return nil, err
	}
	e := &SQLExport{lines: newLineReader(stream)}
	if err := e.lines.head(e); err != nil {
		return nil, errors.Join(err, stream.Close())
	}
	return e, nil
}

// Next gives the next row and its table, in the order of Tables; io.EOF after the last. Any other error means that the export
// is not whole.
func (e *SQLExport) Next() (table string, row []any, err error) {
	for {
		line, err := e.lines.next()
		switch {
		case err != nil:
			return "", nil, err
		case line.End != nil:
			e.End = *line.End
			return "", nil, io.EOF
		case line.row != nil:
			return e.table, line.row, nil
		}
		e.table = line.Table
	}
}

// Close ends the export.
func (e *SQLExport) Close() error { return e.lines.from.Close() }

// lineReader takes answers of a JSON value a line apart.
type lineReader struct {
	from io.ReadCloser
	text *bufio.Reader
}

// sqlLine is a line behind the first: a row, the beginning of a table, the end or why there is none.
type sqlLine struct {
	row   []any
	Table string  `json:"table"`
	End   *SQLEnd `json:"end"`
	Error *Error  `json:"error"`
}

func newLineReader(from io.ReadCloser) lineReader {
	return lineReader{from, bufio.NewReaderSize(from, 64<<10)}
}

func (l lineReader) head(into any) error {
	text, err := l.text.ReadBytes('\n')
	if err != nil {
		return cut(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the answer's first line: %w", err)
	}
	return nil
}

func (l lineReader) next() (line sqlLine, err error) {
	text, err := l.text.ReadBytes('\n')
	if err != nil {
		return line, cut(err)
	}
	if text[0] == '[' {
		line.row, err = sqlRow(text)
		return line, err
	}
	if err := json.Unmarshal(text, &line); err != nil {
		return line, fmt.Errorf("a line of the answer: %w", err)
	}
	if line.Error != nil {
		return line, line.Error
	}
	return line, nil
}

// cut says of an answer that ends before its last line that it is not whole.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("the answer broke off: %w", err)
}

func sqlRow(text []byte) ([]any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var row []any
	if err := d.Decode(&row); err != nil {
		return nil, fmt.Errorf("a row of the answer: %w", err)
	}
	for i, v := range row {
		switch v := v.(type) {
		case json.Number:
			if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
				row[i] = n
			} else if row[i], err = v.Float64(); err != nil {
				return nil, fmt.Errorf("a row of the answer: %w", err)
			}
		case map[string]any:
			var blob struct{ Base64 []byte }
			text, err := json.Marshal(v)
			if err == nil {
				err = json.Unmarshal(text, &blob)
			}
			if err != nil {
				return nil, fmt.Errorf("a row of the answer: %w", err)
			}
			row[i] = blob.Base64
		}
	}
	return row, nil
}

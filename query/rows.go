package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"stoker/fsm"
)

// Rows is a statement under way. It is used by one goroutine and must be closed.
type Rows struct {
	sql     string
	timeout time.Duration
	session *session
	conn    *sqlite3.Conn
	stmt    *sqlite3.Stmt
}

// Open compiles a statement over a view, which must stay open until Close. What
// is wrong with the statement is a *Fault, what of the archive cannot be read the
// archive's own error. ctx ends it at any point.
func Open(ctx context.Context, v *fsm.View, archive Archive, sql string, timeout time.Duration) (rows *Rows, err error) {
	switch first := verb(sql); {
	case first == "":
		return nil, fault(Wrong, "there is no statement")
	case !slices.Contains(opening, first):
		return nil, readOnly(first)
	}
	r := &Rows{sql: sql, timeout: timeout, session: &session{ctx: ctx, view: v, archive: archive, open: map[source]struct{}{}}}
	defer func() {
		if p := recover(); p != nil {
			err = r.panicked(p)
		}
		if err != nil {
			r.Close()
			rows = nil
		}
	}()
	return r, r.prepare(ctx)
}

func (r *Rows) prepare(ctx context.Context) (err error) {
	if r.conn, err = sqlite3.OpenContext(sqlite3.WithMaxMemory(ctx, maxMemory), ":memory:"); err != nil {
		return fmt.Errorf("query: open: %w", err)
	}
	for _, t := range Tables {
		if err := define(r.conn, r.session, t); err != nil {
			return err
		}
	}
	if err := guard(r.conn); err != nil {
		return fmt.Errorf("query: guard: %w", err)
	}
	r.conn.SetInterrupt(ctx)
	var tail string
	if r.stmt, tail, err = r.conn.Prepare(r.sql); err != nil {
		return r.explain(err)
	}
	switch {
	case r.stmt == nil:
		return fault(Wrong, "there is no statement")
	case verb(tail) != "" || strings.Trim(tail, " \t\r\n;") != "" && !comment(tail):
		return fault(Wrong, "one statement at a time: what follows the first semicolon is another one")
	case !r.stmt.ReadOnly():
		return readOnly("that statement")
	}
	return nil
}

// comment says whether there is nothing but comments in what follows a statement.
func comment(tail string) bool {
	tail = strings.TrimLeft(tail, " \t\r\n;")
	return strings.HasPrefix(tail, "--") || strings.HasPrefix(tail, "/*")
}

// Columns are the names of the answer's columns.
func (r *Rows) Columns() []string {
	names := make([]string, r.stmt.ColumnCount())
	for i := range names {
		names[i] = r.stmt.ColumnName(i)
	}
	return names
}

// Next takes the next row: its values are string, int64, float64, []byte or nil.
// ok is false after the last.
func (r *Rows) Next() (row []any, ok bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			row, ok, err = nil, false, r.panicked(p)
		}
	}()
	if !r.stmt.Step() {
		if err := r.stmt.Err(); err != nil {
			return nil, false, r.explain(err)
		}
		return nil, false, nil
	}
	row = make([]any, r.stmt.ColumnCount())
	for i := range row {
		switch r.stmt.ColumnType(i) {
		case sqlite3.INTEGER:
			row[i] = r.stmt.ColumnInt64(i)
		case sqlite3.FLOAT:
			row[i] = r.stmt.ColumnFloat(i)
		case sqlite3.TEXT:
			row[i] = r.stmt.ColumnText(i)
		case sqlite3.BLOB:
			row[i] = r.stmt.ColumnBlob(i, []byte{})
		}
	}
	return row, true, nil
}

// Visited is how many rows of the tables were looked at.
func (r *Rows) Visited() int64 { return r.session.visited }

// panicked makes an error of what the engine gives up with: it has no error for
// memory that is not to be had.
func (r *Rows) panicked(p any) error {
	err, ok := p.(error)
	switch {
	case r.session.broken != nil:
		return r.session.broken
	case ok && errors.Is(err, sqlite3.NOMEM), strings.Contains(fmt.Sprint(p), "out of memory"):
		return outOfMemory()
	}
	return fmt.Errorf("query: %v", p)
}

// Close gives everything back.
func (r *Rows) Close() {
	quietly(func() {
		if r.stmt != nil {
			r.stmt.Close() // says again what Next has said
		}
	})
	r.session.close()
	quietly(func() {
		if r.conn != nil {
			r.conn.SetInterrupt(context.Background())
			r.conn.Close()
		}
	})
}

// quietly does what is left to do after an engine without memory, which panics again.
func quietly(do func()) {
	defer func() { _ = recover() }()
	do()
}

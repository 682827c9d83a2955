package handlers

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"stoker/fsm"
	"stoker/query"
)

// The codes of statements.
const (
	sqlError    fsm.Code = "SQL_ERROR"     // it is no SQL, or of tables that there are not
	sqlReadOnly fsm.Code = "SQL_READ_ONLY" // it would change something
	sqlLimit    fsm.Code = "SQL_LIMIT"     // it took more than a statement may
)

var codeOf = map[query.FaultKind]fsm.Code{query.Wrong: sqlError, query.ReadOnly: sqlReadOnly, query.TooMuch: sqlLimit}

// retrySQL is what somebody is told who finds the places taken, in seconds.
const retrySQL = 2

// sqlHead is the first line of an answer, sqlEnd the last; between them each row
// is an array. An answer without its last line is not whole.
type sqlHead struct {
	Columns []string `json:"columns"`
	Index   uint64   `json:"index"` // of the state that it is of
}

type sqlEnd struct {
	Rows      int     `json:"rows"`
	Read      int64   `json:"rows_read"` // of the tables
	Truncated bool    `json:"truncated"` // there were more rows than max_rows
	TookMS    float64 `json:"took_ms"`
}

// adminSQL answers a statement, a row a line. What is wrong with it by the time of
// its first row is answered as everywhere; later an error takes the last line's place.
func (s *Server) adminSQL(c *call) (any, error) {
	in := struct {
		SQL     string  `json:"sql"`
		Timeout float64 `json:"timeout_s"`
		MaxRows int     `json:"max_rows"`
	}{Timeout: query.Timeout.Seconds(), MaxRows: query.Limit}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var f flaws
	f.unless(strings.TrimSpace(in.SQL) != "" && len(in.SQL) <= query.MaxSQL, "sql", "must have 1 to %d bytes", query.MaxSQL)
	f.unless(in.Timeout > 0 && in.Timeout <= query.MaxTimeout.Seconds(), "timeout_s", "must be more than 0 and at most %v", query.MaxTimeout.Seconds())
	f.unless(in.MaxRows >= 1 && in.MaxRows <= query.MaxLimit, "max_rows", "must be 1 to %d", query.MaxLimit)
	if err := f.refusal(); err != nil {
		return nil, err
	}
	c.detail = clip(in.SQL)
	began, timeout := time.Now(), time.Duration(in.Timeout*float64(time.Second))
	leave, err := s.desk.Enter(c)
	if err != nil {
		return nil, atDesk(err)
	}
	v, err := c.pin()
	if err != nil {
		leave()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(s.parked, timeout)
	done := func() { cancel(); v.Close(); leave() }
	rows, err := query.Open(ctx, v, s.shelves(), in.SQL, timeout)
	if err != nil {
		done()
		return nil, sqlRefusal(err)
	}
	row, more, err := rows.Next()
	if err != nil {
		rows.Close()
		done()
		return nil, sqlRefusal(err)
	}
	head := sqlHead{rows.Columns(), v.Index()}
	c.lines(func(w *lineWriter) error {
		defer done()
		defer rows.Close()
		end := sqlEnd{}
		if err := w.line(head); err != nil {
			return err
		}
		for ; more; row, more, err = rows.Next() {
			if end.Truncated = end.Rows == in.MaxRows; end.Truncated {
				break
			}
			if err := w.row(row); err != nil {
				return err
			}
			end.Rows++
		}
		if err != nil {
			return sqlRefusal(err)
		}
		end.Read, end.TookMS = rows.Visited(), float64(time.Since(began).Microseconds())/1000
		return w.line(map[string]any{"end": end})
	})
	return sent{}, nil
}

// exportHead is the first line of an export. Then comes, for each table, a line
// with its name and its rows, each an array.
type exportHead struct {
	Epoch  uint64        `json:"epoch"`
	Index  uint64        `json:"index"`
	Tables []exportTable `json:"tables"`
}

type exportTable struct {
	Name    string         `json:"name"`
	Key     []string       `json:"key"`
	Columns []exportColumn `json:"columns"`
}

type exportColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// adminExport streams all tables of one state.
func (s *Server) adminExport(c *call) (any, error) {
	leave, err := s.desk.Enter(c)
	if err != nil {
		return nil, atDesk(err)
	}
	v, err := c.pin()
	if err != nil {
		leave()
		return nil, err
	}
	head := exportHead{Epoch: v.Epoch(), Index: v.Index()}
	for _, t := range query.Tables {
		e := exportTable{Name: t.Name, Key: t.Key}
		for _, col := range t.Columns {
			e.Columns = append(e.Columns, exportColumn{col.Name, string(col.Kind)})
		}
		head.Tables = append(head.Tables, e)
	}
	ctx, cancel := context.WithTimeout(s.parked, s.cfg.Transfer)
	began := time.Now()
	c.lines(func(w *lineWriter) error {
		defer leave()
		defer v.Close()
		defer cancel()
		if err := w.line(head); err != nil {
			return err
		}
		end := sqlEnd{}
		for _, t := range query.Tables {
			if err := w.line(map[string]string{"table": t.Name}); err != nil {
				return err
			}
			if err := t.Rows(ctx, v, s.shelves(), func(row []any) error { end.Rows++; return w.row(row) }); err != nil {
				return fromArchive(err)
			}
		}
		end.Read, end.TookMS = int64(end.Rows), float64(time.Since(began).Microseconds())/1000
		return w.line(map[string]any{"end": end})
	})
	return sent{}, nil
}

// shelves is the archive as statements read it.
func (s *Server) shelves() query.Archive {
	return query.Archive{Jobs: s.archive.Jobs, Bookings: s.archive.Bookings}
}

// pin is view for an answer that outlives the call: whoever sends it closes it.
func (c *call) pin() (*fsm.View, error) {
	how, err := c.consistency()
	if err != nil {
		return nil, err
	}
	v, err := c.s.node.Read(c, how)
	if err != nil {
		return nil, err
	}
	c.token = tokenText(v.Epoch(), v.Index())
	return v, nil
}

func atDesk(err error) error {
	if !errors.Is(err, query.ErrBusy) {
		return err
	}
	r := fsm.Refuse(rateLimited, "this node works on as many statements as it may; try again, or ask another node")
	r.RetryAfter = retrySQL
	return r
}

// sqlRefusal makes a refusal of what is wrong with a statement.
func sqlRefusal(err error) error {
	var f *query.Fault
	if errors.As(err, &f) {
		return fsm.Refuse(codeOf[f.Kind], "%s", f.Message)
	}
	return fromArchive(err)
}

// lines answers with one JSON value a line, as send writes them. An error of send
// takes the place of the last line.
func (c *call) lines(send func(*lineWriter) error) {
	conn, log, id := c.http.Conn(), c.s.log, c.id
	c.http.SetStatusCode(fasthttp.StatusOK)
	c.http.SetContentType("application/x-ndjson")
	c.http.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	c.http.SetBodyStreamWriter(func(w *bufio.Writer) {
		// From here on only conn and w may be touched: the request is over.
		to := &lineWriter{conn: conn, to: w}
		err := send(to)
		if err == nil || to.broken {
			return // who is gone needs no last line
		}
		r, foreseen := refusalOf(err)
		if !foreseen {
			log.Error("an answer broke off", keyRequest, id, keyError, err)
		}
		to.line(map[string]any{"error": errorV{Code: r.Code, Message: r.Message}})
	})
}

// lineWriter writes lines, and gives the other side time anew for each.
type lineWriter struct {
	conn   net.Conn
	to     *bufio.Writer
	lines  int
	broken bool // the other side takes no more
}

// deadlineEvery is how many lines share a deadline: setting one is a system call.
const deadlineEvery = 64

func (w *lineWriter) line(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if w.lines%deadlineEvery == 0 {
		if err := w.conn.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
			w.broken = true
			return err
		}
	}
	w.lines++
	if _, err := io.WriteString(w.to, string(raw)+"\n"); err != nil {
		w.broken = true
		return err
	}
	return nil
}

// row writes a row. What JSON has no word for is said in others: a blob as
// {"base64": …}, an infinite number as text.
func (w *lineWriter) row(row []any) error {
	out := make([]any, len(row))
	for i, v := range row {
		switch v := v.(type) {
		case []byte:
			out[i] = map[string][]byte{"base64": v}
		case string:
			out[i] = strings.ToValidUTF8(v, "\ufffd")
		case float64:
			out[i] = floatJSON(v)
		default:
			out[i] = v
		}
	}
	return w.line(out)
}

// floatJSON writes a number so that whoever reads it sees that it is no integer.
func floatJSON(v float64) any {
	text := strconv.FormatFloat(v, 'g', -1, 64)
	switch {
	case math.IsInf(v, 0):
		return text // +Inf, -Inf
	case !strings.ContainsAny(text, ".e"):
		text += ".0"
	}
	return jsontext.Value(text)
}

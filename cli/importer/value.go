package importer

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"stoker/client"
)

// rows gives the rows of a query, each a new slice of int64, float64, string, []byte or nil. What SQLite cannot read panics with a
// readError, which [Dump.guard] catches: a dump that breaks off in the middle is no dump.
func (d *Dump) rows(query string, args ...string) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		s, _, err := d.db.Prepare(query)
		if err != nil {
			panic(readError{fmt.Errorf("%s: %w", query, err)})
		}
		defer s.Close()
		for i, a := range args {
			if err := s.BindText(i+1, a); err != nil {
				panic(readError{err})
			}
		}
		for s.Step() {
			row := make([]any, s.ColumnCount())
			for i := range row {
				switch s.ColumnType(i) {
				case sqlite3.INTEGER:
					row[i] = s.ColumnInt64(i)
				case sqlite3.FLOAT:
					row[i] = s.ColumnFloat(i)
				case sqlite3.TEXT:
					row[i] = s.ColumnText(i)
				case sqlite3.BLOB:
					row[i] = s.ColumnBlob(i, nil)
				}
			}
			if !yield(row) {
				return
			}
		}
		if err := s.Err(); err != nil {
			panic(readError{fmt.Errorf("%s: %w", query, err)})
		}
	}
}

type readError struct{ error }

// guard turns a readError into an error.
func guard(err *error) {
	if p := recover(); p != nil {
		e, ok := p.(readError)
		if !ok {
			panic(p)
		}
		*err = e.error
	}
}

// columns lists a table's, for a SELECT, with what names the row first and NULL for those that are not there.
func (d *Dump) columns(table string) string {
	list := []string{d.where[table]}
	for _, c := range schema[table] {
		c = strings.TrimSuffix(c, "*")
		if !d.has[table+"."+c] {
			c = "NULL"
		}
		list = append(list, c)
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + table
}

// text is a value as text; "" for none.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []byte:
		return string(v)
	}
	return ""
}

// whole is a value as a whole number.
func whole(v any) (int64, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
	case string:
		if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s is no whole number", told(v))
}

func told(v any) string {
	if v == nil {
		return "NULL"
	}
	return fmt.Sprintf("%.60q", text(v))
}

// The forms that times come in.
const (
	inSeconds = "unix seconds"
	inMillis  = "unix milliseconds"
	inISO     = "ISO 8601 text"
)

var layouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04", time.DateOnly}

// when reads a time in whatever form it is, and says which. A time without a zone is UTC, as SQLite's own.
func when(v any) (at time.Time, form string, err error) {
	switch n, notNumber := whole(v); {
	case notNumber == nil && n > 0 && n < 1e11: // until the year 5138
		return time.Unix(n, 0).UTC(), inSeconds, nil
	case notNumber == nil && n > 0 && n < 1e14:
		return time.UnixMilli(n).UTC(), inMillis, nil
	}
	if f, ok := v.(float64); ok && f > 0 && f < 1e11 {
		return time.UnixMilli(int64(f * 1000)).UTC(), inSeconds, nil
	}
	s, ok := v.(string)
	if ok {
		for _, layout := range layouts {
			if at, err := time.Parse(layout, strings.TrimSpace(s)); err == nil && at.Unix() >= 0 {
				return at.UTC(), inISO, nil
			}
		}
	}
	return time.Time{}, "", fmt.Errorf("%s is no time: ISO 8601 text, unix seconds and unix milliseconds are understood", told(v))
}

// concepts reads {"Wall":{"action":"recolor","value":"white"}}; a value may be a number.
func concepts(v any) (map[string]client.Concept, error) {
	s := text(v)
	if s == "" {
		return nil, nil
	}
	var in map[string]struct {
		Action string `json:"action"`
		Value  any    `json:"value"`
	}
	if err := json.Unmarshal([]byte(s), &in); err != nil {
		return nil, fmt.Errorf("concepts_json: %w", err)
	}
	out := map[string]client.Concept{}
	for name, c := range in {
		value := ""
		switch v := c.Value.(type) {
		case nil:
		case string, float64, bool:
			value = fmt.Sprint(v)
		default:
			return nil, fmt.Errorf("concepts_json: the value of %.60q is no text", name)
		}
		out[name] = client.Concept{Action: c.Action, Value: value}
	}
	return out, nil
}

// names reads ["Window"].
func names(v any) (out []string, err error) {
	if s := text(v); s != "" {
		if err := json.Unmarshal([]byte(s), &out); err != nil {
			return nil, fmt.Errorf("protect_json: %w", err)
		}
	}
	return out, nil
}

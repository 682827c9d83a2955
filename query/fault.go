package query

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Fault is what is wrong with a statement, for whoever wrote it.
type Fault struct {
	Kind    FaultKind
	Message string
}

// FaultKind tells faults apart.
type FaultKind string

// The kinds.
const (
	Wrong    FaultKind = "wrong"     // it is no SQL, or of tables that there are not
	ReadOnly FaultKind = "read-only" // it would change something
	TooMuch  FaultKind = "too much"  // it took more time or memory than a statement may
)

func (f *Fault) Error() string { return f.Message }

func fault(kind FaultKind, format string, args ...any) *Fault {
	return &Fault{kind, fmt.Sprintf(format, args...)}
}

// readOnly refuses what is no question.
func readOnly(what string) *Fault {
	return fault(ReadOnly, "read-only: %s is not taken; this answers SELECT, WITH, VALUES and EXPLAIN. What changes the state are commands, as `stoker user grant` and `stoker queue kick`", what)
}

// explain makes a fault of what SQLite said about a statement.
func (r *Rows) explain(err error) error {
	switch {
	case r.session.broken != nil:
		return r.session.broken
	case errors.Is(r.session.ctx.Err(), context.DeadlineExceeded):
		return fault(TooMuch, "the query ran longer than the %s it was given; look up by an id, add a LIMIT, or give it more (--timeout, at most %s)", r.timeout, MaxTimeout)
	case r.session.ctx.Err() != nil:
		return r.session.ctx.Err()
	case errors.Is(err, sqlite3.NOMEM):
		return outOfMemory()
	case errors.Is(err, sqlite3.TOOBIG):
		return fault(TooMuch, "a value of more than %d MiB, or a statement of more than %d bytes", maxValue>>20, MaxSQL)
	case errors.Is(err, sqlite3.AUTH), errors.Is(err, sqlite3.READONLY):
		return readOnly("that statement")
	}
	said, offset := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "sqlite3: "), "SQL logic error: "), -1
	if strings.Contains(said, "may not be modified") {
		return readOnly("that statement")
	}
	var at *sqlite3.Error
	if errors.As(err, &at) && at.SQL() != "" {
		offset = len(r.sql) - len(at.SQL())
	} else if _, name, ok := strings.Cut(said, noTable); ok {
		offset = word(r.sql, name) // SQLite says no place for it
	}
	if offset >= 0 {
		line := 1 + strings.Count(r.sql[:offset], "\n")
		column := 1 + len([]rune(r.sql[strings.LastIndexByte(r.sql[:offset], '\n')+1:offset]))
		said, _, _ = strings.Cut(said, "\n")
		said = fmt.Sprintf("line %d, column %d: %s", line, column, strings.TrimSpace(said))
	}
	return fault(Wrong, "%s%s", said, hint(said))
}

func outOfMemory() *Fault {
	return fault(TooMuch, "the query needs more than the %d MiB it may use; group by fewer values, sort fewer rows, or `stoker export --sqlite FILE` and ask there", maxMemory>>20)
}

// word is where a name first stands by itself in a statement, -1: nowhere.
func word(sql, name string) int {
	at := regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(name) + `\b`).FindStringIndex(sql)
	if at == nil {
		return -1
	}
	return at[0]
}

const noTable = "no such table: "

// hint says what there is instead of what there is not.
func hint(said string) string {
	if _, name, ok := strings.Cut(said, noTable); ok {
		names := []string{}
		for _, t := range Tables {
			names = append(names, t.Name)
		}
		return didYouMean(name, names) + "; the tables are " + strings.Join(names, ", ")
	}
	if _, name, ok := strings.Cut(said, "no such column: "); ok {
		names := []string{}
		for _, t := range Tables {
			for _, c := range t.Columns {
				names = append(names, c.Name)
			}
		}
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			name = name[i+1:]
		}
		return didYouMean(name, names) + "; SELECT * FROM schema lists the columns of all tables"
	}
	return ""
}

// didYouMean names what is spelled nearly so.
func didYouMean(name string, names []string) string {
	name = strings.ToLower(strings.Trim(name, `"'`))
	near := slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		return distance(name, n) > max(1, len(name)/3) && !(len(name) > 2 && strings.Contains(n, name))
	})
	slices.SortStableFunc(near, func(a, b string) int { return distance(name, a) - distance(name, b) })
	near = slices.Compact(near)
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near[:min(3, len(near))], ", ") + "?"
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// The bounds of a statement.
const (
	Timeout    = 10 * time.Second // if nobody says
	MaxTimeout = 60 * time.Second
	Limit      = 10_000 // rows, if nobody says
	MaxLimit   = 1_000_000
)

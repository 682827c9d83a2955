package query

import (
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// define makes a table known to a connection, as a virtual table over the session's view.
func define(c *sqlite3.Conn, s *session, t *Table) error {
	connect := func(c *sqlite3.Conn, _, _, _ string, _ ...string) (*module, error) {
		if err := c.DeclareVTab(t.declaration()); err != nil {
			return nil, err
		}
		return &module{s, t}, c.VTabConfig(sqlite3.VTAB_INNOCUOUS)
	}
	if err := sqlite3.CreateModule(c, t.Name, connect, connect); err != nil {
		return fmt.Errorf("query: table %s: %w", t.Name, err)
	}
	if err := c.Exec("CREATE VIRTUAL TABLE " + t.Name + " USING " + t.Name); err != nil {
		return fmt.Errorf("query: table %s: %w", t.Name, err)
	}
	return nil
}

// declaration has no rowid, mostly: where the planner looks up several values it
// tells rows apart by their key. But then it counts the key among the columns that
// a statement uses, and a table that is tallied must know better.
func (t *Table) declaration() string {
	var b strings.Builder
	b.WriteString("CREATE TABLE x(")
	for _, c := range t.Columns {
		fmt.Fprintf(&b, "%s %s, ", c.Name, c.Kind)
	}
	if t.tallied < 0 {
		fmt.Fprintf(&b, "PRIMARY KEY(%s)) WITHOUT ROWID", strings.Join(t.Key, ","))
		return b.String()
	}
	return strings.TrimSuffix(b.String(), ", ") + ")"
}

// module is a table on a connection.
type module struct {
	s *session
	t *Table
}

// BestIndex chooses a path. What it takes is checked once more by SQLite, so a
// path may give too much, never too little.
func (m *module) BestIndex(x *sqlite3.IndexInfo) error {
	for i, on := range m.t.Lookup {
		for j, c := range x.Constraint {
			if !c.Usable || c.Op != sqlite3.INDEX_CONSTRAINT_EQ || c.Column < 0 || m.t.Columns[c.Column].Name != on || x.Collation(j) != "BINARY" {
				continue
			}
			x.ConstraintUsage[j].ArgvIndex = 1
			x.IdxNum, x.EstimatedCost, x.EstimatedRows = i+1, 20, 10
			if len(m.t.Key) == 1 && m.t.Key[0] == on {
				x.EstimatedCost, x.EstimatedRows, x.IdxFlags = 2, 1, sqlite3.INDEX_SCAN_UNIQUE
			}
			x.IdxStr = on
			return nil
		}
	}
	x.EstimatedCost, x.EstimatedRows = float64(m.t.size)*2, m.t.size
	if m.t.tallied >= 0 && x.ColumnsUsed&^(1<<m.t.tallied) == 0 {
		x.IdxNum, x.EstimatedCost = tallyPath, float64(m.t.size)
		x.OrderByConsumed = len(x.OrderBy) == 1 && x.OrderBy[0].Column == m.t.tallied && !x.OrderBy[0].Desc
	}
	return nil
}

func (m *module) Open() (sqlite3.VTabCursor, error) { return &cursor{m: m}, nil }

// cursor walks a table once or, in a join, again and again.
type cursor struct {
	m     *module
	rows  source
	ended bool
}

func (c *cursor) Filter(path int, _ string, arg ...sqlite3.Value) error {
	if err := c.Close(); err != nil {
		return err
	}
	at := ""
	if len(arg) > 0 {
		if c.ended = arg[0].Type() == sqlite3.NULL; c.ended {
			return nil // equal to nothing
		}
		at = arg[0].Text()
	}
	if err := c.m.s.sound(func() { c.rows = c.m.t.open(c.m.s, path, at) }); err != nil {
		return err
	}
	c.m.s.open[c.rows] = struct{}{}
	return c.Next()
}

func (c *cursor) Next() error {
	return c.m.s.sound(func() { c.ended = !c.rows.next() })
}

func (c *cursor) EOF() bool { return c.ended }

func (c *cursor) Column(ctx sqlite3.Context, n int) error {
	var value any
	if err := c.m.s.sound(func() { value = c.rows.value(n) }); err != nil {
		return err
	}
	switch v := value.(type) {
	case string:
		ctx.ResultText(v)
	case int64:
		ctx.ResultInt64(v)
	default:
		ctx.ResultNull()
	}
	return nil
}

// RowID is asked for of tallied tables alone: the others have none.
func (c *cursor) RowID() (int64, error) { return c.rows.id(), nil }

func (c *cursor) Close() error {
	if c.rows != nil {
		c.rows.close()
		delete(c.m.s.open, c.rows)
		c.rows = nil
	}
	return nil
}

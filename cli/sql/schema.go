package sql

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"stoker/cli/show"
	"stoker/client"
)

// SchemaStatement asks for what ReadSchema reads.
const SchemaStatement = "SELECT table_name, table_about, column_name, type, is_key, about FROM schema"

// Schema is the tables that a cluster has.
type Schema []schemaTable

type schemaTable struct {
	name, about string
	columns     []schemaColumn
}

type schemaColumn struct {
	name, kind, about string
	key               bool
}

// ReadSchema reads the answer to SchemaStatement.
func ReadSchema(rows *client.SQLRows) (s Schema, err error) {
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		text := func(i int) string { v, _ := row[i].(string); return v }
		if len(s) == 0 || s[len(s)-1].name != text(0) {
			s = append(s, schemaTable{name: text(0), about: text(1)})
		}
		last := &s[len(s)-1]
		last.columns = append(last.columns, schemaColumn{text(2), text(3), text(5), row[4] == int64(1)})
	}
}

// Tables lists the tables.
func (s Schema) Tables(w io.Writer) error {
	t := show.Table(w, "table", "what it holds")
	for _, table := range s {
		t.AppendRow([]any{show.Plain(table.name), show.Plain(table.about)})
	}
	t.Render()
	return nil
}

// Print writes the tables, or one, as SQL would declare them.
func (s Schema) Print(w io.Writer, one string) error {
	found := false
	for _, t := range s {
		if one != "" && t.name != one {
			continue
		}
		found = true
		fmt.Fprintf(w, "-- %s\nCREATE TABLE %s(\n", show.Plain(t.about), show.Plain(t.name))
		var keys []string
		for _, c := range t.columns {
			about := ""
			if c.about != "" {
				about = " -- " + show.Plain(c.about)
			}
			fmt.Fprintf(w, "  %s %s,%s\n", show.Plain(c.name), show.Plain(c.kind), about)
			if c.key {
				keys = append(keys, show.Plain(c.name))
			}
		}
		fmt.Fprintf(w, "  PRIMARY KEY(%s)\n);\n", strings.Join(keys, ", "))
	}
	if !found {
		return fmt.Errorf("there is no table %s; .tables lists them", one)
	}
	return nil
}

// Words are all names, for completion.
func (s Schema) Words() []string {
	var words []string
	for _, t := range s {
		words = append(words, t.name)
		for _, c := range t.columns {
			words = append(words, c.name)
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

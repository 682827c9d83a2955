package query_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"stoker/query"
)

var rewrite = flag.Bool("rewrite", false, "write the tables into docs/sql.md")

// TestDocs: docs/sql.md lists the tables and columns as they are.
func TestDocs(t *testing.T) {
	const path, mark = "../docs/sql.md", "-rewrite` -->\n"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	hand, _, ok := strings.Cut(string(raw), mark)
	if !ok {
		t.Fatalf("%s has no mark %q", path, mark)
	}
	var b strings.Builder
	b.WriteString(hand + mark)
	for _, table := range query.Tables {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| column | type | |\n|---|---|---|\n", table.Name, table.About)
		for _, c := range table.Columns {
			var words []string
			if slices.Contains(table.Key, c.Name) {
				words = append(words, "*key*")
			}
			if slices.Contains(table.Lookup, c.Name) {
				words = append(words, "*lookup*")
			}
			if c.About != "" {
				words = append(words, c.About)
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", c.Name, c.Kind, strings.Join(words, " "))
		}
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if b.String() != string(raw) {
		t.Errorf("%s is behind the code: go test ./query -run Docs -rewrite", path)
	}
}

// TestColumns_old: the columns of the rented database are here under their names.
func TestColumns_old(t *testing.T) {
	for table, columns := range map[string]string{
		"users":          "id, created_at, plan, credits, auth_provider, email, device_hash",
		"rules":          "id, user_id, name, preset_id, concepts_json, protect_json, created_at, updated_at",
		"jobs_log":       "job_id, user_id, created_at, finished_at, status, preset, rule_id, concepts_json, protect_json, params_json, cost_estimate, error",
		"job_items_log":  "job_id, idx, status, input_key, output_key, error",
		"billing_events": "id, user_id, type, amount, ref, created_at",
	} {
		newHouse(t).ask("SELECT " + columns + " FROM " + table)
	}
}

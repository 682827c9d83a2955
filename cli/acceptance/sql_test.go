package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stoker/client"
)

// What was written on one node is what the very next statement on another one finds.
func TestSQL_SeesWhatWasJustWritten(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	for round := range 6 {
		writer, reader := round%3, (round+1+round/3)%3
		want, _ := c.grant(t, writer, u)
		rows, err := c.at[reader].Operator().SQL(t.Context(), client.SQLQuery{SQL: "SELECT credits, (SELECT sum(amount) FROM billing_events b WHERE b.user_id = u.id) FROM users u WHERE u.id = '" + u.id + "'"})
		if err != nil {
			t.Fatal(err)
		}
		row, err := rows.Next()
		if err != nil || len(row) != 2 || row[0] != want || row[1] != want {
			t.Errorf("written at node %d, asked at %d: %v %v, want %d", writer, reader, row, err, want)
		}
		rows.Close()
	}
}

// The command over a real cluster: its forms, a script, and what is wrong said for people.
func TestSQL_Command(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	script := filepath.Join(t.TempDir(), "q.sql")
	if err := os.WriteFile(script, []byte("SELECT 'a;b' AS x; -- one; two\nSELECT 2 AS y;"), 0o600); err != nil {
		t.Fatal(err)
	}
	one := "SELECT id, plan, credits, email FROM users WHERE id = '" + u.id + "'"
	for _, k := range []struct {
		args  []string
		input string
		out   string // in what is printed
		said  string // in what is said beside it
		fails bool
	}{
		{args: []string{one}, out: "│ " + u.id + " │ free │ 10      │ NULL  │", said: "1 row; 1 row read"},
		{args: []string{"--json", one}, out: `{"id": "` + u.id + `", "plan": "free", "credits": 10, "email": null}`},
		{args: []string{"--csv", "--stale", "SELECT 1 AS n, 'a,b' AS t, 2.0 AS f"}, out: "n,t,f\n1,\"a,b\",2\n"},
		{args: []string{"--file", script}, out: "a;b", said: "1 row"},
		{args: []string{"--file", "-"}, input: "VALUES (7)", out: "│ 7"},
		{args: nil, input: ".mode csv\nSELECT 1 AS a,\n  2 AS b;\n.mode\n.tables\n.schema users\nVALUES (3)", out: "a,b\n1,2\ncsv\n"},
		{args: []string{"--shell"}, input: ".schema rules\n.quit\nSELECT nonsense;\n", out: "  PRIMARY KEY(id, user_id)"},
		{args: []string{"--limit", "2", "SELECT * FROM schema"}, said: "There are more: the answer was cut after 2"},
		{args: []string{"DELETE FROM users"}, said: "stoker: read-only: DELETE is not taken", fails: true},
		{args: []string{"SELECT * FROM usrs"}, said: "line 1, column 15: no such table: usrs; did you mean users?", fails: true},
		{args: []string{"SELECT 1; SELECT nonesuch; SELECT 3"}, out: "│ 1 │", said: "no such column: nonesuch", fails: true},
		{args: []string{"--shell", "SELECT 1"}, said: "one of a statement, --file and --shell", fails: true},
		{args: nil, input: ".nonsense\n", said: "there is no .nonsense; .help", fails: true},
	} {
		out, said, err := c.stokerAt(t, 1, k.input, append([]string{"sql"}, k.args...)...)
		if (err != nil) != k.fails || !strings.Contains(out, k.out) || !strings.Contains(said, k.said) {
			t.Errorf("stoker sql %q < %q: %v\n%s%s", k.args, k.input, err, out, said)
		}
	}
}

// An export is a file that another SQLite opens and finds sound, with what the cluster answers.
func TestExport_OpensElsewhere(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	u.created(t, 0, 3)
	file := filepath.Join(t.TempDir(), "cluster.db")
	out, said, err := c.stokerAt(t, 2, "", "export", "--sqlite", file)
	if err != nil || !strings.Contains(out, "as of entry") {
		t.Fatal(err, out, said)
	}
	if _, said, err := c.stokerAt(t, 2, "", "export", "--sqlite", file); err == nil || !strings.Contains(said, "--force replaces it") {
		t.Errorf("a second time: %v %s", err, said)
	}
	if _, said, err := c.stokerAt(t, 0, "", "export", "--sqlite", file, "--force"); err != nil {
		t.Errorf("with --force: %v %s", err, said)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	questions := []string{
		"SELECT id, plan, credits, created_at, email FROM users WHERE id = '" + u.id + "'",
		"SELECT job_id, user_id, status, cost_estimate, total_items FROM jobs_log WHERE user_id = '" + u.id + "'",
		"SELECT i.job_id, i.idx, i.status, i.input_key FROM job_items_log i JOIN jobs_log j ON j.job_id = i.job_id WHERE j.user_id = '" + u.id + "' ORDER BY i.idx",
		"SELECT id, type, amount, balance, created_at FROM billing_events WHERE user_id = '" + u.id + "' ORDER BY log_index",
		"SELECT id, name, price, concepts_json FROM presets ORDER BY id",
	}
	python := `
import json, sqlite3, sys
db = sqlite3.connect("file:%s?mode=ro", uri=True)
assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
print(json.dumps([[list(r) for r in db.execute(q)] for q in json.loads(sys.stdin.read())]))`
	asked, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "python3", "-c", fmt.Sprintf(python, file))
	cmd.Stdin = bytes.NewReader(asked)
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var found [][][]any
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for i, q := range questions {
		out, _, err := c.stokerAt(t, 1, "", "sql", "--json", q)
		if err != nil {
			t.Fatal(err)
		}
		have, err := json.Marshal(found[i])
		if err != nil {
			t.Fatal(err)
		}
		if want := values(t, out); len(found[i]) == 0 || string(have) != want {
			t.Errorf("%s\nthe file has %s\nthe cluster  %s", q, have, want)
		}
	}
}

// values are what objects hold, in the order in which they were printed: a list of lists.
func values(t *testing.T, objects string) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(objects))
	rows, depth, key := [][]any{}, 0, true
	for d.More() || depth > 0 {
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
			if token == json.Delim('{') {
				rows, key = append(rows, nil), true
			}
		case json.Delim(']'), json.Delim('}'):
			depth--
		default:
			if !key {
				rows[len(rows)-1] = append(rows[len(rows)-1], token)
			}
			key = !key
		}
	}
	text, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

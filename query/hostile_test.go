package query_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"stoker/query"
)

// TestReadOnly: nothing but a question is taken, however it is dressed.
func TestReadOnly(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	for _, sql := range []string{
		"DELETE FROM users", "INSERT INTO users(id) VALUES ('x')", "UPDATE users SET credits = 1", "REPLACE INTO users(id) VALUES ('x')",
		"WITH x AS (SELECT 1) DELETE FROM users", "WITH x AS (SELECT 1) INSERT INTO users(id) SELECT 'x'",
		"CREATE TABLE x(y)", "CREATE TEMP TABLE x(y)", "CREATE VIRTUAL TABLE x USING users", "DROP TABLE users", "ALTER TABLE users RENAME TO y",
		"ATTACH 'x.db' AS x", "DETACH main", "PRAGMA writable_schema = 1", "PRAGMA table_info(users)", "VACUUM", "VACUUM INTO 'x.db'", "REINDEX", "ANALYZE",
		"BEGIN", "COMMIT", "SAVEPOINT x", "/* SELECT */ DELETE FROM users", "EXPLAIN DELETE FROM users",
		"SELECT * FROM pragma_table_info('users')", "SELECT load_extension('x')", "SELECT * FROM pragma_writable_schema",
	} {
		_, err := h.try(t.Context(), sql)
		var f *query.Fault
		if !errors.As(err, &f) || f.Kind != query.ReadOnly && !strings.Contains(f.Message, "no such") || f.Kind == query.ReadOnly && !strings.HasPrefix(f.Message, "read-only: ") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if got := h.ask("SELECT count(*) FROM users").String(); got != "2\n" {
		t.Errorf("%s users are left", got)
	}
}

// TestFaults: what is wrong is said with its place, and what there is instead.
func TestFaults(t *testing.T) {
	h := newHouse(t)
	for sql, want := range map[string]string{
		"SELECT * FROM user":                       "line 1, column 15: no such table: user; did you mean users?; the tables are users, rules, jobs_log",
		"SELECT credit FROM users":                 "line 1, column 8: no such column: credit; did you mean credits",
		"SELECT\n  id,\n  u.pln FROM users u":      "line 3, column 3: no such column: u.pln; did you mean plan?",
		"SELECT '한글', FROM users":                  "line 1, column 14: near \"FROM\": syntax error",
		"SELECT 1; SELECT 2":                       "one statement at a time",
		"SELECT":                                   "incomplete input",
		"  ;  ":                                    "there is no statement",
		"-- nothing":                               "there is no statement",
		"SELECT ?":                                 "line 1, column 8: ",
		"SELECT nofunction(1)":                     "no such function: nofunction",
		"SELECT zeroblob(5000000)":                 "a value of more than 4 MiB",
		"SELECT x FROM jobs_log, (SELECT 1 AS id)": "no such column: x",
	} {
		_, err := h.try(t.Context(), sql)
		var f *query.Fault
		if !errors.As(err, &f) || !strings.Contains(f.Message, want) {
			t.Errorf("%q: %v\nwant %s", sql, err, want)
		}
	}
}

// TestHostile: a statement that would go on for ever, or take everything, ends
// with a word about it, leaves nothing on the disk, and the next one is answered.
func TestHostile(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	for _, sql := range []string{
		"WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM x) SELECT count(*) FROM x",
		"WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM x LIMIT 1000000000) SELECT sum(a.n*b.n) FROM x a, x b",
		"WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM x) SELECT n FROM x ORDER BY n DESC",
		"SELECT count(*) FROM schema a, schema b, schema c, schema d, schema e",
		"WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM x) SELECT group_concat(hex(randomblob(100000))) FROM x",
		"WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM x LIMIT 100000) SELECT randomblob(1000000) b FROM x ORDER BY b",
		"WITH RECURSIVE x(n, s) AS (SELECT 1, 'x' UNION SELECT n+1, hex(randomblob(50000)) FROM x) SELECT max(s) FROM x",
		"SELECT randomblob(1000000000)",
		"SELECT replace(hex(zeroblob(1000000)), '0', 'aaaaaaaaaaaaaaaa')",
		"SELECT " + strings.Repeat("abs(", 1000) + "1" + strings.Repeat(")", 1000),
		"SELECT printf('%.*c', 1000000000, 'x')",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		began := time.Now()
		_, err := h.try(ctx, sql)
		cancel()
		var f *query.Fault
		if !errors.As(err, &f) {
			t.Errorf("%.80s: %v", sql, err)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%.80s took %v with a deadline of 500 ms", sql, took)
		}
		t.Logf("%.60s: %v", sql, err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if got := h.ask("SELECT count(*) FROM users").String(); got != "2\n" {
		t.Error(got)
	}
}

// TestMemory: what needs too much is told so before the deadline.
func TestMemory(t *testing.T) {
	h := newHouse(t)
	_, err := h.try(t.Context(), "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM x LIMIT 1000) SELECT randomblob(1000000) b FROM x ORDER BY b")
	var f *query.Fault
	if !errors.As(err, &f) || f.Kind != query.TooMuch || !strings.Contains(f.Message, "128 MiB") {
		t.Error(err)
	}
}

// TestDesk: two are let in, the third is told to wait once it has waited for a while.
func TestDesk(t *testing.T) {
	d := query.NewDesk()
	leave, err := d.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Enter(t.Context()); !errors.Is(err, query.ErrBusy) {
		t.Fatal(err)
	}
	leave()
	if _, err := d.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
}

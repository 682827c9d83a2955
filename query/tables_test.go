package query_test

import (
	"strings"
	"testing"

	"stoker/query"
)

// TestTables: each table says what the state holds.
func TestTables(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	for _, c := range []struct{ sql, want string }{
		{"SELECT id, plan, credits, auth_provider, email, device_hash, active_jobs, rule_slots_used, revoked, created_at FROM users", "u1|free|999999997|anonymous|NULL|d1|2|1|0|2025-06-15 15:06:40.000\nu2|free|1000000005|anonymous|NULL|NULL|0|0|0|2025-06-15 15:06:40.000\n"},
		{"SELECT id, user_id, name, preset_id, concepts_json, protect_json FROM rules", `r1|u1|white|interior|{"Wall":{"action":"recolor","value":"white"}}|["Grout","Frame_Molding","Glass_highlight"]` + "\n"},
		{"SELECT job_id, user_id, created_at, finished_at, status, preset, rule_id, params_json, cost_estimate, error, total_items FROM jobs_log ORDER BY job_id",
			"j1|u1|2025-06-15 15:06:41.000|NULL|queued|interior|r1|{\"output_template\":\"전후비교\"}|2|NULL|2\n" +
				"j2|u1|2025-06-15 15:06:41.000|NULL|created|seller|NULL|NULL|1|NULL|1\n" +
				"j3|u2|2025-06-15 15:06:41.000|2025-06-15 15:06:41.000|canceled|interior|NULL|NULL|3|NULL|3\n"},
		{"SELECT job_id, idx, status, input_key, output_key, error, place, attempt FROM job_items_log WHERE job_id='j1'", "j1|0|pending|inputs/u1/j1/0.jpg|NULL|NULL|ready|1\nj1|1|pending|inputs/u1/j1/1.jpg|NULL|NULL|ready|1\n"},
		{"SELECT user_id, type, amount, ref, balance FROM billing_events WHERE user_id='u2' ORDER BY log_index", "u2|signup|1000000000|NULL|1000000000\nu2|debit|-3|j3|999999997\nu2|refund|3|j3|1000000000\nu2|grant|5|sorry|1000000005\n"},
		{"SELECT id, price FROM presets", "interior|1\nseller|1\n"},
		{"SELECT job_id, idx, user_id, preset, class, alone, ready_since FROM queue", "j1|0|u1|interior|free|0|2025-06-15 15:06:41.000\nj1|1|u1|interior|free|0|2025-06-15 15:06:41.000\n"},
		{"SELECT id, state, slots, gpu, presets_json FROM workers", "w1|active|2|L4|NULL\n"},
		{"SELECT who, action, subject, detail, code, request_id FROM audit", "ci|GrantCredits|u2|+5: sorry|NULL|req_1\n"},
		{"SELECT idx, from_status, to_status FROM history WHERE job_id='j1' ORDER BY log_index, ordinal", "NULL|NULL|created\nNULL|created|uploaded\nNULL|uploaded|queued\n"},
		{"SELECT key, size, sha256, nodes_json FROM objects WHERE bucket='photos'", "inputs/u1/j1/0.jpg|7|01|[\"n1\"]\ninputs/u1/j1/1.jpg|7|01|[\"n1\"]\n"},
		{"SELECT id, max_rule_slots FROM plans", "free|2\npro|20\n"},
		{"SELECT version, in_force, bucket FROM settings", "1|1|photos\n"},
		{"SELECT count(*) FROM leases UNION ALL SELECT count(*) FROM dead UNION ALL SELECT count(*) FROM members", "0\n0\n0\n"},
		{"SELECT column_name FROM schema WHERE table_name='users' AND is_lookup", "id\n"},
		// What people write: joins, groups, CTEs, windows, times.
		{"SELECT u.id, count(j.job_id) FROM users u LEFT JOIN jobs_log j ON j.user_id = u.id GROUP BY u.id", "u1|2\nu2|1\n"},
		{"SELECT status, count(*) FROM jobs_log GROUP BY status", "canceled|1\ncreated|1\nqueued|1\n"},
		{"SELECT status, count(*) FROM jobs_log GROUP BY status ORDER BY status DESC", "queued|1\ncreated|1\ncanceled|1\n"},
		{"SELECT DISTINCT status FROM jobs_log ORDER BY 1", "canceled\ncreated\nqueued\n"},
		{"SELECT count(*) FROM jobs_log WHERE status = 'queued'", "1\n"},
		{"SELECT count(*) FROM jobs_log", "3\n"},
		{"SELECT a.status, b.status FROM jobs_log a JOIN jobs_log b ON a.job_id = b.job_id ORDER BY 1", "canceled|canceled\ncreated|created\nqueued|queued\n"},
		{"SELECT job_id FROM jobs_log WHERE created_at > datetime('2025-06-15 15:06:41') ORDER BY job_id", "j1\nj2\nj3\n"},
		{"SELECT job_id FROM jobs_log WHERE job_id='j1' OR user_id='u2' OR job_id='j3' ORDER BY 1", "j1\nj3\n"},
		{"SELECT job_id FROM jobs_log WHERE job_id IN ('j1','j3','nobody') ORDER BY 1", "j1\nj3\n"},
		{"SELECT job_id FROM jobs_log WHERE job_id = 'J1' COLLATE NOCASE", "j1\n"},
		{"SELECT job_id FROM jobs_log WHERE job_id = NULL", ""},
		{"SELECT count(*) FROM rules WHERE id='r1' AND user_id='u2'", "0\n"},
		{"WITH x AS (SELECT credits c FROM users) SELECT sum(c) FROM x", "2000000002\n"},
		{"SELECT job_id, row_number() OVER (ORDER BY job_id) FROM jobs_log WHERE user_id='u1'", "j1|1\nj2|2\n"},
		{"SELECT json_extract(concepts_json, '$.Wall.value') FROM rules", "white\n"},
		{"VALUES (1, 'x'), (2, NULL)", "1|x\n2|NULL\n"},
		{"-- why\n/* so */ SELECT 1; -- done", "1\n"},
		{"SELECT count(*) > 5 FROM sqlite_schema", "1\n"},
	} {
		if got := h.ask(c.sql).String(); got != c.want {
			t.Errorf("%s\n got\n%swant\n%s", c.sql, got, c.want)
		}
	}
}

// TestTables_sum: the ledger is every user's credits.
func TestTables_sum(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	if got := h.ask("SELECT u.id FROM users u WHERE credits <> (SELECT sum(amount) FROM billing_events b WHERE b.user_id = u.id)"); len(got.rows) != 0 {
		t.Error(got)
	}
}

// TestTables_nothingSecret: no column of any table shows a key, a session or a token's hash.
func TestTables_nothingSecret(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	for _, table := range query.Tables {
		text := h.ask("SELECT * FROM " + table.Name).String()
		for _, secret := range []string{"hushhush", "sealedbytes", "topsecretkey", "aabb", "\xaa\xbb"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %q:\n%s", table.Name, secret, text)
			}
		}
	}
}

// TestTables_lookups: what is looked up visits what it finds and no more.
func TestTables_lookups(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	for _, c := range []struct {
		sql  string
		most int64
	}{
		{"SELECT * FROM users WHERE id='u1'", 1},
		{"SELECT * FROM jobs_log WHERE job_id='j2'", 1},
		{"SELECT * FROM jobs_log WHERE user_id='u2'", 1},
		{"SELECT * FROM jobs_log WHERE job_id IN ('j1', 'j2')", 2},
		{"SELECT * FROM job_items_log WHERE job_id='j2'", 1},
		{"SELECT * FROM billing_events WHERE user_id='u1'", 3},
		{"SELECT * FROM history WHERE job_id='j2'", 1},
		{"SELECT * FROM rules WHERE user_id='u2'", 0},
		{"SELECT * FROM rules WHERE id='nobody'", 0},
		{"SELECT * FROM objects WHERE key='inputs/u1/j1/0.jpg'", 1},
		{"SELECT i.idx FROM jobs_log j JOIN job_items_log i ON i.job_id = j.job_id WHERE j.user_id = 'u2'", 4},
	} {
		if got := h.ask(c.sql); got.visited > c.most {
			t.Errorf("%s visits %d rows, %d are enough", c.sql, got.visited, c.most)
		}
	}
	if got := h.ask("SELECT * FROM jobs_log WHERE preset='interior'"); got.visited != 3 {
		t.Errorf("a search visits %d rows of 3", got.visited)
	}
}

// TestTables_tally: a count by status sorts nothing.
func TestTables_tally(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	for _, sql := range []string{"SELECT status, count(*) FROM jobs_log GROUP BY status", "SELECT count(*) FROM jobs_log WHERE status = 'queued'", "SELECT count(*) FROM jobs_log"} {
		if plan := h.ask("EXPLAIN QUERY PLAN " + sql).String(); strings.Contains(plan, "TEMP B-TREE") || !strings.Contains(plan, "VIRTUAL TABLE INDEX -1") {
			t.Errorf("%s\n%s", sql, plan)
		}
	}
	if plan := h.ask("EXPLAIN QUERY PLAN SELECT status, job_id FROM jobs_log ORDER BY status").String(); strings.Contains(plan, "INDEX -1") {
		t.Error(plan)
	}
}

// TestTable_Rows: an export gives the rows that a statement gives.
func TestTable_Rows(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	v := h.machine.View()
	defer v.Close()
	for _, table := range query.Tables {
		var got answer
		err := table.Rows(t.Context(), v, shelf, func(row []any) error {
			got.rows = append(got.rows, append([]any(nil), row...))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := h.ask("SELECT * FROM " + table.Name); got.String() != want.String() {
			t.Errorf("%s\n got\n%s\nwant\n%s", table.Name, got, want)
		}
	}
}

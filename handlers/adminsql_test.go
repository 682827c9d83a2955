package handlers

import (
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/go-json-experiment/json"

	"stoker/query"
)

func init() {
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", openapi3filter.FileBodyDecoder)
}

// sqlLines are the lines of a streamed answer.
func sqlLines(t *testing.T, got answer) []string {
	t.Helper()
	if got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.text)
	}
	return strings.Split(strings.TrimSpace(string(got.text)), "\n")
}

// TestSQL: an answer is its head, its rows and its end; it is of the state that the
// header names, and what was asked is in the audit log.
func TestSQL(t *testing.T) {
	h := newHouse(t)
	h.signUp("free")
	got := h.do(ask{method: "POST", path: "/admin/sql", token: adminToken, body: `{"sql":"SELECT plan, credits, email, x'00ff' AS b, 1.5, 2.0 FROM users"}`})
	lines := sqlLines(t, got)
	if len(lines) != 3 || !strings.HasPrefix(lines[0], `{"columns":["plan","credits","email","b","1.5","2.0"],"index":`) || lines[1] != `["free",10,null,{"base64":"AP8="},1.5,2.0]` {
		t.Fatal(lines)
	}
	if got.header.Get(headerIndex) == "" || got.header.Get("Content-Type") != "application/x-ndjson" {
		t.Error(got.header)
	}
	var last struct{ End sqlEnd }
	if err := json.Unmarshal([]byte(lines[2]), &last, json.MatchCaseInsensitiveNames(true)); err != nil || last.End.Rows != 1 || last.End.Read != 1 || last.End.Truncated {
		t.Errorf("%s %v", lines[2], err)
	}
	if text := string(h.do(ask{method: "GET", path: "/admin/audit", token: adminToken}).text); !strings.Contains(text, "POST /admin/sql") || !strings.Contains(text, "SELECT plan, credits") {
		t.Error(text)
	}
	lines = sqlLines(t, h.do(ask{method: "POST", path: "/admin/sql?consistency=stale", token: adminToken, body: `{"sql":"SELECT * FROM schema","max_rows":3}`}))
	if len(lines) != 5 || !strings.Contains(lines[4], `"truncated":true`) {
		t.Error(lines)
	}
}

// TestSQL_refusals: each is the envelope with a code that a program can tell.
func TestSQL_refusals(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		body, token string
		status      int
		code, says  string
	}{
		{`{"sql":"SELEC 1"}`, adminToken, 400, "SQL_READ_ONLY", "read-only: SELEC"},
		{`{"sql":"SELECT * FROM user"}`, adminToken, 400, "SQL_ERROR", "did you mean users"},
		{`{"sql":"DELETE FROM users"}`, adminToken, 400, "SQL_READ_ONLY", "read-only: DELETE"},
		{`{"sql":"WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM x) SELECT count(*) FROM x","timeout_s":0.1}`, adminToken, 400, "SQL_LIMIT", "longer than the 100ms"},
		{`{"sql":""}`, adminToken, 400, "VALIDATION_FAILED", "sql"},
		{`{"sql":"SELECT 1","timeout_s":61}`, adminToken, 400, "VALIDATION_FAILED", "timeout_s"},
		{`{"sql":"SELECT 1","max_rows":0}`, adminToken, 400, "VALIDATION_FAILED", "max_rows"},
		{`{"sql":"SELECT 1"}`, workerToken, 401, "AUTH_INVALID_TOKEN", ""},
	} {
		got := h.do(ask{method: "POST", path: "/admin/sql", token: c.token, body: c.body})
		if got.status != c.status || got.Error == nil || string(got.Error.Code) != c.code || !strings.Contains(string(got.text), c.says) {
			t.Errorf("%s: %d %s", c.body, got.status, got.text)
		}
	}
}

// TestSQL_breaksOff: an error after the first row takes the place of the last line.
func TestSQL_breaksOff(t *testing.T) {
	h := newHouse(t)
	lines := sqlLines(t, h.do(ask{method: "POST", path: "/admin/sql", token: adminToken,
		body: `{"sql":"SELECT 1 UNION ALL SELECT count(*) FROM schema a, schema b, schema c, schema d, schema e","timeout_s":0.3}`}))
	if last := lines[len(lines)-1]; len(lines) != 3 || !strings.Contains(last, `{"error":{"code":"SQL_LIMIT"`) {
		t.Error(lines)
	}
}

// TestSQL_busy: who finds all places taken is told when to come again.
func TestSQL_busy(t *testing.T) {
	h := newHouse(t)
	for range 2 {
		leave, err := h.server.desk.Enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
	}
	got := h.do(ask{method: "POST", path: "/admin/sql", token: adminToken, body: `{"sql":"SELECT 1"}`})
	if got.status != http.StatusTooManyRequests || got.Error == nil || string(got.Error.Code) != "RATE_LIMITED" || got.header.Get("Retry-After") != "2" {
		t.Errorf("%d %s", got.status, got.text)
	}
}

// TestSQL_export: all tables come, of one state, with an end; a look that the audit log tells of.
func TestSQL_export(t *testing.T) {
	h := newHouse(t)
	h.signUp("free")
	lines := sqlLines(t, h.do(ask{method: "GET", path: "/admin/sql/export", token: adminToken}))
	var head exportHead
	if err := json.Unmarshal([]byte(lines[0]), &head); err != nil || len(head.Tables) != len(query.Tables) || head.Index == 0 {
		t.Fatalf("%s %v", lines[0], err)
	}
	begun := 0
	for _, l := range lines {
		if strings.HasPrefix(l, `{"table":`) {
			begun++
		}
	}
	if begun != len(query.Tables) || !strings.HasPrefix(lines[len(lines)-1], `{"end":`) {
		t.Errorf("%d tables, at the end %s", begun, lines[len(lines)-1])
	}
	if text := string(h.do(ask{method: "GET", path: "/admin/audit", token: adminToken}).text); !strings.Contains(text, "GET /admin/sql/export") {
		t.Error(text)
	}
}

package handlers

import (
	"strings"
	"testing"

	"stoker/fsm"
)

// audited is the audit log as "who action subject code", one row a line.
func (h *house) audited(query string) string {
	h.t.Helper()
	var lines []string
	for _, one := range h.good(200, h.operate("GET", "/admin/audit"+query, nil)).Data["rows"].([]any) {
		r := one.(map[string]any)
		lines = append(lines, strings.TrimSpace(r["who"].(string)+" "+r["action"].(string)+" "+r["subject"].(string)+" "+r["code"].(string)))
	}
	return strings.Join(lines, "\n")
}

func TestAudit_SaysWhoDidWhat(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	h.newToken("ci", m{"scope": "operate"})
	h.good(200, ask{method: "POST", path: "/admin/queue/pause", token: "ci", header: map[string]string{headerRequestID: "r-1"}})
	h.bad(fsm.NotFound, ask{method: "POST", path: "/admin/workers/w1/drain", token: "ci"})
	// Who may not act writes nothing into the cluster's log, and neither does who looks.
	h.bad(fsm.Forbidden, ask{method: "POST", path: "/admin/users/" + p.id + "/credits", token: "ci", body: m{"amount": 1, "reason": "x"}})
	h.good(200, ask{method: "GET", path: "/admin/status", token: "ci"})
	// A request that is sent again with its key was done once.
	for range 2 {
		h.good(200, ask{
			method: "POST", path: "/admin/users/" + p.id + "/credits", token: adminToken, body: m{"amount": 1, "reason": "x"},
			header: map[string]string{headerKey: "once"},
		})
	}
	want := "first admin GrantCredits " + p.id + "\nci SetWorker w1 NOT_FOUND\nci PauseQueue *\nfirst admin CreateToken ci"
	if got := h.audited(""); got != want {
		t.Errorf("newest first:\n%s\nwant:\n%s", got, want)
	}
	if got := h.audited("?after=0&limit=1"); got != "first admin CreateToken ci" {
		t.Errorf("oldest first: %s", got)
	}
	if got := h.audited("?who=ci"); strings.Count(got, "ci ") != 2 || strings.Contains(got, "first") {
		t.Errorf("of ci: %s", got)
	}
	if got := h.audited("?since=2999-01-01T00:00:00Z"); got != "" {
		t.Errorf("of the future: %s", got)
	}
	for _, query := range []string{"?since=today", "?after=x", "?cursor=x", "?limit=0"} {
		h.bad(fsm.ValidationFailed, h.operate("GET", "/admin/audit"+query, nil))
	}
	row := h.good(200, h.operate("GET", "/admin/audit?who=ci", nil)).Data["rows"].([]any)[1].(map[string]any)
	if row["request_id"] != "r-1" {
		t.Errorf("the request is not in %v", row)
	}
}

func TestAudit_Pages(t *testing.T) {
	h := newHouse(t)
	for range 5 {
		h.good(200, h.operate("POST", "/admin/queue/pause", nil))
	}
	for _, c := range []struct{ first, next string }{{"?limit=2", "&cursor="}, {"?limit=2&after=0", "&after="}} {
		seen, query := map[string]bool{}, c.first
		for pages := 0; query != "" && pages < 9; pages++ {
			a := h.good(200, h.operate("GET", "/admin/audit"+query, nil))
			for _, r := range a.Data["rows"].([]any) {
				seen[r.(map[string]any)["id"].(string)] = true
			}
			query = ""
			if next, more := a.Data["next_cursor"].(string); more {
				query = "?limit=2" + c.next + next
			}
		}
		if len(seen) != 5 {
			t.Errorf("%s: %d rows of 5", c.first, len(seen))
		}
	}
}

// TestAudit_NotesWhatIsNoCommand: an operator's action that proposes nothing by itself, and a look that shows all there is.
func TestAudit_NotesWhatIsNoCommand(t *testing.T) {
	h := newHouse(t)
	s := h.server
	nothing := func(*Server, *call) (any, error) { return map[string]bool{}, nil }
	fails := func(*Server, *call) (any, error) { return nil, fsm.Refuse(fsm.NotFound, "not there") }
	h.good(200, ask{method: "GET", path: "/health"})
	usual := s.http.Handler
	for _, line := range []route{
		{"POST", "/admin/hand-over", admin, 200, nothing},
		{"GET", "/admin/backup", admin, 200, nothing},
		{"GET", "/admin/look", admin, 200, nothing},
		{"POST", "/admin/nothing", admin, 200, fails},
		{"POST", "/nobody", anyone, 200, nothing},
	} {
		s.http.Handler = s.serve(line)
		res, err := h.client.Do(h.request(ask{method: line.method, path: line.path, token: adminToken}))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	s.http.Handler = usual
	want := "first admin GET /admin/backup\nfirst admin POST /admin/hand-over"
	if got := h.audited(""); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

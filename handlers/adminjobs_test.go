package handlers

import (
	"testing"

	"stoker/fsm"
)

func TestAdminJobs_AreListedAndFiltered(t *testing.T) {
	h := newHouse(t)
	list := func(query string) (ids []string, next any) {
		t.Helper()
		page := h.good(200, h.operate("GET", "/admin/jobs"+query, nil)).Data
		for _, raw := range page["jobs"].([]any) {
			ids = append(ids, raw.(map[string]any)["job_id"].(string))
		}
		return ids, page["next_cursor"]
	}
	if ids, next := list(""); ids != nil || next != nil {
		t.Errorf("none: %v, %v", ids, next)
	}
	p, q := h.signUp("pro"), h.signUp("free")
	first, second, third := p.queued(1), q.queued(1), p.queued(2)
	h.good(200, h.operate("POST", "/admin/jobs/"+first+"/cancel", nil))
	for query, want := range map[string][]string{
		"": {third, second, first}, "?user=" + p.id: {third, first}, "?status=queued": {third, second},
		"?status=canceled": {first}, "?preset=seller": nil, "?user=" + q.id + "&status=done": nil,
	} {
		if ids, next := list(query); len(ids) != len(want) || next != nil || len(ids) > 0 && ids[0] != want[0] {
			t.Errorf("%s: %v, want %v", query, ids, want)
		}
	}
	ids, next := list("?limit=2")
	if rest, end := list("?limit=2&cursor=" + next.(string)); len(ids) != 2 || len(rest) != 1 || rest[0] != first || end != nil {
		t.Errorf("pages: %v, %v, %v", ids, rest, end)
	}
	h.bad(fsm.NotFound, h.operate("GET", "/admin/jobs?user=u_none", nil))
	for _, wrong := range []string{"status=busy", "user=a/b", "cursor=x", "limit=0"} {
		h.bad(fsm.ValidationFailed, h.operate("GET", "/admin/jobs?"+wrong, nil))
	}
}

func TestAdminJob_IsShownFromItsCreationToItsEnd(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id, _ := lived(h, p)
	j := h.good(200, h.operate("GET", "/admin/jobs/"+id, nil)).Data["job"].(map[string]any)
	if j["user_id"] != p.id || j["status"] != "done" || len(j["items"].([]any)) != 2 {
		t.Errorf("%v", j)
	}
	log := h.good(200, h.operate("GET", "/admin/jobs/"+id+"/log", nil)).Data
	var events []string
	for _, raw := range log["lines"].([]any) {
		events = append(events, raw.(map[string]any)["event"].(string))
	}
	if events[0] != "credits.debit" || events[1] != "job.created" || events[len(events)-2] != "job.done" || events[len(events)-1] != "credits.refund" {
		t.Errorf("%v", events)
	}
	lease := log["leases"].([]any)[0].(map[string]any)
	if lease["worker"] != "w" || lease["ended"] != "done" || len(lease["items"].([]any)) != 2 {
		t.Errorf("%v", lease)
	}
	for _, path := range []string{"", "/log", "/why"} {
		h.bad(fsm.JobNotFound, h.operate("GET", "/admin/jobs/j_none"+path, nil))
	}
}

func TestAdminJob_CancelAndRetry(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := p.queued(2)
	h.bad(fsm.JobInvalidTransition, h.operate("POST", "/admin/jobs/"+id+"/retry", nil))
	if a := h.good(200, h.operate("POST", "/admin/jobs/"+id+"/cancel", nil)).Data; a["status"] != "canceled" || number(a["refunded"]) != 2 || p.credits() != 10 {
		t.Errorf("%v, %d credits", a, p.credits())
	}
	h.bad(fsm.JobInvalidTransition, h.operate("POST", "/admin/jobs/"+id+"/cancel", nil))
	retry := h.operate("POST", "/admin/jobs/"+id+"/retry", nil)
	retry.header = map[string]string{headerKey: "k1"}
	a := h.good(201, retry).Data
	if again := h.good(201, retry); again.Data["job_id"] != a["job_id"] || p.credits() != 8 {
		t.Errorf("retried twice: %v, %v", a, again.Data)
	}
	if a["retry_of"] != id || number(a["items"]) != 2 {
		t.Errorf("%v", a)
	}
	if work := h.leased("w", 2); work["job_id"] != a["job_id"] {
		t.Errorf("%v", work)
	}
	row := h.good(200, h.operate("GET", "/admin/audit", nil)).Data["rows"].([]any)[0].(map[string]any)
	if row["action"] != "RetryJob" || row["subject"] != id {
		t.Errorf("audit: %v", row)
	}
	for _, verb := range []string{"cancel", "retry"} {
		h.bad(fsm.JobNotFound, h.operate("POST", "/admin/jobs/j_none/"+verb, nil))
		h.bad(fsm.Forbidden, reader(h, "/admin/jobs/"+id+"/"+verb))
	}
}

// reader asks with a token that may only read.
func reader(h *house, path string) ask {
	name := newID("r")
	h.newToken(name, m{"scope": "read"})
	return ask{method: "POST", path: path, token: name}
}

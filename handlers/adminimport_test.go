package handlers

import (
	"testing"

	"stoker/fsm"
)

// oldUser and oldJob are as another stack knew them.
func oldUser(id string, more m) m {
	u := m{"id": id, "plan": "pro", "credits": 7, "device_hash": "device of " + id, "created_at": "2024-05-06T07:08:09Z", "events": []m{
		{"id": "b_1", "type": "purchase", "amount": 10, "ref": "order 17", "created_at": "2024-05-06T07:10:00Z"},
		{"id": "b_2", "type": "debit", "amount": -3, "ref": "j_old", "created_at": "2024-05-07T07:10:00Z"},
	}, "rules": []m{{"id": "r_old", "name": "White", "preset_id": "interior", "concepts": m{"Wall": m{"action": "recolor", "value": "white"}}}}}
	for k, v := range more {
		u[k] = v
	}
	return u
}

func oldJob(id, user string) m {
	return m{"job_id": id, "user_id": user, "status": "done", "preset": "interior", "price": 1,
		"created_at": "2024-05-07T07:10:00Z", "finished_at": "2024-05-07T07:12:00Z",
		"items": []m{{"status": "done"}, {"status": "done", "output_key": "old/7.png", "input_key": "old/7.heic"}, {"status": "failed", "error": "too dark"}}}
}

func (h *house) imports(body m) (users, jobs []any) {
	h.t.Helper()
	a := h.good(200, ask{method: "POST", path: "/admin/import", token: adminToken, body: body})
	return a.Data["users"].([]any), a.Data["jobs"].([]any)
}

func result(fate any) any { return fate.(map[string]any)["result"] }

// TestImport: what another stack knew is there as if it had always been, for the app, the operator and the object store.
func TestImport(t *testing.T) {
	h := newHouse(t)
	both := m{"users": []m{oldUser("u-old", nil)}, "jobs": []m{oldJob("j_old", "u-old")}}
	dry := m{"dry_run": true, "users": both["users"], "jobs": both["jobs"]}
	users, jobs := h.imports(dry)
	if result(users[0]) != "imported" || result(jobs[0]) != "refused" || jobs[0].(map[string]any)["code"] != "NOT_FOUND" {
		t.Errorf("rehearsed: %v, %v", users, jobs)
	}
	h.bad(fsm.NotFound, ask{method: "GET", path: "/admin/users/u-old", token: adminToken})
	for i, want := range []string{"imported", "there"} {
		if users, jobs = h.imports(both); result(users[0]) != want || result(jobs[0]) != want {
			t.Errorf("time %d: %v, %v", i, users, jobs)
		}
	}
	in := h.good(200, ask{method: "POST", path: "/auth/anon", body: m{"device_hash": "device of u-old"}})
	p := &person{h, in.Data["user_id"].(string), in.Data["token"].(string)}
	if p.id != "u-old" || in.Data["is_new"] != false || p.credits() != 7 {
		t.Errorf("the device signs in as %v", in.Data)
	}
	bill := p.get("/me/billing").Data["events"].([]any)
	if e := bill[0].(map[string]any); e["type"] != "debit" || e["created_at"] != "2024-05-07T07:10:00.000Z" || e["ref"] != "j_old" {
		t.Errorf("the ledger: %v", bill)
	}
	if rules := p.get("/rules").Data["rules"].([]any); len(rules) != 1 {
		t.Errorf("rules: %v", rules)
	}
	list := p.get("/jobs").List
	if j := list[0].(map[string]any); len(list) != 1 || j["created_at"] != "2024-05-07T07:10:00.000Z" || number(j["progress"].(map[string]any)["done"]) != 2 {
		t.Errorf("jobs: %v", list)
	}
	job := h.good(200, ask{method: "GET", path: "/admin/jobs/j_old", token: adminToken}).Data["job"].(map[string]any)
	items := job["items"].([]any)
	if first, second := items[0].(map[string]any), items[1].(map[string]any); first["output_key"] != "outputs/u-old/j_old/0_result.png" ||
		second["output_key"] != "old/7.png" || second["input_key"] != "old/7.heic" || items[2].(map[string]any)["error"] != "too dark" {
		t.Errorf("items: %v", items)
	}
	h.bad(fsm.JobInvalidTransition, p.ask("POST", "/jobs/j_old/cancel", nil))
	if a := h.good(200, ask{method: "GET", path: "/admin/audit", token: adminToken}); len(a.Data["rows"].([]any)) != 3 { // a look at everything is one too
		t.Errorf("the audit log: %s", a.text)
	}
}

func TestImport_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	post := ask{method: "POST", path: "/admin/import", token: adminToken}
	for _, body := range []any{m{}, m{"users": 1}, m{"users": []m{{"credits": "1"}}}, m{"users": []m{{"credits": 1.5}}}, m{"jobs": []m{{"created_at": "yesterday"}}}} {
		post.body = body
		h.bad(fsm.ValidationFailed, post)
	}
	var many []m
	for range 501 {
		many = append(many, m{"id": "u"})
	}
	post.body = m{"users": many}
	h.bad(fsm.ValidationFailed, post)
	post.token, post.body = p.token, m{"users": []m{oldUser("u", nil)}}
	h.bad(fsm.AuthInvalidToken, post)
	users, jobs := h.imports(m{
		"users": []m{oldUser(p.id, nil), oldUser("u2", m{"plan": "gold"}), oldUser("u3", m{"created_at": "1960-01-01T00:00:00Z"}), oldUser("u4", nil), oldUser("u5", m{"created_at": "1000-01-01T00:00:00Z"})},
		"jobs":  []m{oldJob("j1", p.id), oldJob("j2", "u2"), oldJob("j4", "u4")},
	})
	for i, want := range []string{"conflict", "refused", "refused", "imported", "refused"} {
		if result(users[i]) != want {
			t.Errorf("user %d: %v", i, users[i])
		}
	}
	for i, want := range []string{"conflict", "refused", "imported"} {
		if result(jobs[i]) != want {
			t.Errorf("job %d: %v", i, jobs[i])
		}
	}
	if p.credits() != 10 {
		t.Error("a user who was here was changed")
	}
}

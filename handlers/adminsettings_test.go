package handlers

import (
	"maps"
	"strings"
	"testing"

	"stoker/fsm"
)

func (h *house) settings() map[string]any {
	return h.good(200, ask{method: "GET", path: "/admin/settings", token: adminToken}).Data["settings"].(map[string]any)
}

// priced is the settings with another price.
func priced(settings map[string]any, price int) map[string]any {
	out := maps.Clone(settings)
	presets := maps.Clone(settings["presets"].(map[string]any))
	one := maps.Clone(presets["interior"].(map[string]any))
	one["price"] = price
	presets["interior"], out["presets"] = one, presets
	return out
}

func TestSettings_DeployAndRollBack(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	now := h.settings()

	// What is in force is no change.
	a := h.good(200, h.operate("POST", "/admin/settings/check", m{"settings": now, "base": 1}))
	if a.Data["changes"] != false || number(a.Data["version"]) != 1 {
		t.Errorf("check: %s", a.text)
	}
	if a := h.good(200, h.operate("POST", "/admin/settings", m{"settings": now, "base": 1})); a.Data["changed"] != false || number(a.Data["version"]) != 1 {
		t.Errorf("the same again: %s", a.text)
	}

	// A deploy; the same key again makes no second version.
	dearer := h.operate("POST", "/admin/settings", m{"settings": priced(now, 3), "base": 1, "author": "ada@laptop", "message": "dearer"})
	dearer.header = map[string]string{headerKey: "deploy-1"}
	for range 2 {
		if a := h.good(200, dearer); a.Data["changed"] != true || number(a.Data["version"]) != 2 {
			t.Errorf("deploy: %s", a.text)
		}
	}
	if p.newJob(2); p.credits() != 4 {
		t.Errorf("%v credits are left of 10 after 2 pictures at 3", p.credits())
	}
	a = h.good(200, h.operate("GET", "/admin/settings/versions", nil))
	lines := a.Data["versions"].([]any)
	first := lines[0].(map[string]any)
	if len(lines) != 2 || first["message"] != "dearer" || first["author"] != "ada@laptop" || first["in_force"] != true || lines[1].(map[string]any)["deployed_at"] != nil {
		t.Errorf("versions: %s", a.text)
	}
	one := h.good(200, h.operate("GET", "/admin/settings/versions?limit=1", nil))
	if one.Data["next_cursor"] != "2" {
		t.Fatalf("a page of one: %s", one.text)
	}
	rest := h.good(200, h.operate("GET", "/admin/settings/versions?cursor=2", nil)).Data["versions"].([]any)
	if len(rest) != 1 || number(rest[0].(map[string]any)["version"]) != 1 {
		t.Errorf("the rest: %v", rest)
	}
	old := h.good(200, h.operate("GET", "/admin/settings/versions/1", nil))
	if old.Data["in_force"] != false || number(old.Data["settings"].(map[string]any)["presets"].(map[string]any)["interior"].(map[string]any)["price"]) != 1 {
		t.Errorf("version 1: %s", old.text)
	}

	// Somebody was faster.
	r := h.bad(fsm.SettingsMoved, h.operate("POST", "/admin/settings", m{"settings": now, "base": 1}))
	if !strings.Contains(string(r.text), `"version":2`) {
		t.Errorf("the version in force is not told: %s", r.text)
	}
	h.bad(fsm.SettingsMoved, h.operate("POST", "/admin/settings/check", m{"settings": now, "base": 1}))
	h.bad(fsm.SettingsMoved, h.operate("POST", "/admin/settings/rollback", m{"to": 1, "base": 1}))

	a = h.good(200, h.operate("POST", "/admin/settings/rollback", m{"to": 1, "base": 2, "message": "too dear"}))
	if number(a.Data["version"]) != 3 {
		t.Errorf("rollback: %s", a.text)
	}
	if v := h.good(200, h.operate("GET", "/admin/settings", nil)); number(v.Data["rollback_of"]) != 1 || v.Data["message"] != "too dear" {
		t.Errorf("after it: %s", v.text)
	}
}

func TestSettings_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	h.signUp("pro")
	now := h.settings()
	with := func(key string, value any) map[string]any { s := maps.Clone(now); s[key] = value; return s }
	for field, settings := range map[string]any{
		"plans.free":                 with("plans", m{"pro": now["plans"].(map[string]any)["pro"]}),
		"settings.limits.max_uplod":  with("limits", m{"max_uplod": "1MiB"}),
		"settings.limits.max_upload": with("limits", m{"max_upload": "25MB"}),
		"settings.budgets.run":       with("budgets", m{"run": "tomorrow"}),
		"settings.budgets.queue":     with("budgets", m{"queue": 30}),
		"budgets.queue":              with("budgets", m{"queue": "0s"}),
		"cors.origins[1]":            with("cors", m{"origins": []string{"*", "https://a.example/"}}),
		"rates.requests_per_second":  with("rates", m{"requests_per_second": -2}),
	} {
		for _, path := range []string{"/admin/settings", "/admin/settings/check"} {
			a := h.bad(fsm.ValidationFailed, h.operate("POST", path, m{"settings": settings}))
			if !strings.Contains(string(a.text), `"field":"`+field+`"`) {
				t.Errorf("%s: %s", field, a.text)
			}
		}
	}
	h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/settings", m{"settings": now, "bsae": 1}))
	h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/settings", m{"settings": now, "base": -1}))
	h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/settings", m{"settings": now, "message": strings.Repeat("x", maxText+1)}))
	h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/settings/rollback", m{}))
	h.bad(fsm.ValidationFailed, h.operate("GET", "/admin/settings/versions?cursor=x", nil))
	h.bad(fsm.NotFound, h.operate("POST", "/admin/settings/rollback", m{"to": 9}))
	h.bad(fsm.NotFound, h.operate("GET", "/admin/settings/versions/9", nil))
	h.bad(fsm.NotFound, h.operate("GET", "/admin/settings/versions/x", nil))
	h.bad(fsm.PlanInUse, h.operate("POST", "/admin/settings", m{"settings": with("plans", m{"free": now["plans"].(map[string]any)["free"]})}))
	if v := h.good(200, h.operate("GET", "/admin/settings", nil)); number(v.Data["version"]) != 1 {
		t.Error("something that was refused is in force")
	}
}

// TestSettings_HoldAtOnce: what each request looks at changes with the deploy, and
// goes back to the node's own file with the rollback.
func TestSettings_HoldAtOnce(t *testing.T) {
	h := newHouse(t, func(_ *fsm.Settings, c *Config) {
		c.CORSOrigins = []string{"https://file.example"}
		c.Limits.WrongTokens = 7
	})
	allowed := func(origin string) bool {
		a := h.good(200, ask{method: "GET", path: "/health", header: map[string]string{"Origin": origin}})
		return a.header.Get("Access-Control-Allow-Origin") == origin
	}
	if !allowed("https://file.example") || allowed("https://app.example") {
		t.Fatal("the node's own file does not hold")
	}
	buckets := h.server.live.Load().throttle
	s := maps.Clone(h.settings())
	s["cors"] = m{"origins": []string{"https://app.example"}}
	h.good(200, h.operate("POST", "/admin/settings", m{"settings": s}))
	if allowed("https://file.example") || !allowed("https://app.example") {
		t.Error("the deployed origins do not hold")
	}
	if h.server.live.Load().throttle != buckets {
		t.Error("a deploy of something else emptied the buckets")
	}
	s["cors"], s["rates"] = m{"origins": []string{}}, m{"user_requests_per_second": -1, "signups_per_minute": 3}
	h.good(200, h.operate("POST", "/admin/settings", m{"settings": s}))
	if allowed("https://file.example") || allowed("https://app.example") {
		t.Error("no origin is deployed and one may call")
	}
	if l := h.server.live.Load().limits; l.User != -1 || l.SignUps != 3 || l.WrongTokens != 7 || l.Address != 0 {
		t.Errorf("the limits are %+v", l)
	}
	h.good(200, h.operate("POST", "/admin/settings/rollback", m{"to": 1}))
	if !allowed("https://file.example") || h.server.live.Load().limits.User != 0 {
		t.Error("after the rollback the node's own file does not hold")
	}
}

// TestSettings_ALookNeedsToReadOnly: a pull request's check holds no token that deploys,
// and a look stands in no audit log.
func TestSettings_ALookNeedsToReadOnly(t *testing.T) {
	h := newHouse(t)
	h.newToken("ci", m{"scope": "read"})
	rows := func() int { return len(h.good(200, h.operate("GET", "/admin/audit", nil)).Data["rows"].([]any)) }
	before := rows()
	body := m{"settings": priced(h.settings(), 2)}
	if a := h.good(200, ask{method: "POST", path: "/admin/settings/check", token: "ci", body: body}); a.Data["changes"] != true {
		t.Errorf("check: %s", a.text)
	}
	h.bad(fsm.Forbidden, ask{method: "POST", path: "/admin/settings", token: "ci", body: body})
	if n := rows(); n != before {
		t.Errorf("%d rows in the audit log, %d before", n, before)
	}
	h.good(200, h.operate("POST", "/admin/settings", body))
	if n := rows(); n != before+1 {
		t.Errorf("%d rows in the audit log after a deploy, %d before", n, before)
	}
}

func TestAdmin_ListsUsers(t *testing.T) {
	h := newHouse(t)
	ids := map[string]bool{}
	for range 3 {
		ids[h.signUp("free").id] = true
	}
	rich := h.signUp("pro")
	h.good(200, h.operate("POST", "/admin/users/"+rich.id+"/credits", m{"amount": 500, "reason": "order"}))
	var found []string
	for path := "/admin/users?limit=3"; path != ""; {
		a := h.good(200, h.operate("GET", path, nil))
		for _, u := range a.Data["users"].([]any) {
			found = append(found, u.(map[string]any)["user_id"].(string))
		}
		path = ""
		if next, ok := a.Data["next_cursor"].(string); ok {
			path = "/admin/users?limit=3&cursor=" + next
		}
	}
	if len(found) != 4 {
		t.Errorf("found %v", found)
	}
	for _, query := range []string{"plan=pro", "min_credits=400", "plan=pro&min_credits=400"} {
		a := h.good(200, h.operate("GET", "/admin/users?"+query, nil))
		if list := a.Data["users"].([]any); len(list) != 1 || list[0].(map[string]any)["user_id"] != rich.id {
			t.Errorf("%s: %s", query, a.text)
		}
	}
	for path := "/admin/users?plan=free&limit=2"; path != ""; {
		a := h.good(200, h.operate("GET", path, nil))
		for _, u := range a.Data["users"].([]any) {
			delete(ids, u.(map[string]any)["user_id"].(string))
		}
		path = ""
		if next, ok := a.Data["next_cursor"].(string); ok {
			path = "/admin/users?plan=free&limit=2&cursor=" + next
		}
	}
	if len(ids) > 0 {
		t.Errorf("on plan free and not listed: %v", ids)
	}
	h.bad(fsm.ValidationFailed, h.operate("GET", "/admin/users?plan=gold", nil))
	h.bad(fsm.ValidationFailed, h.operate("GET", "/admin/users?min_credits=x", nil))
	h.bad(fsm.ValidationFailed, h.operate("GET", "/admin/users?cursor=a%2Fb", nil))
}

// TestAdmin_CreditsOnce: a payment that is told twice is booked once, with its
// reason; another one under the same key is refused.
func TestAdmin_CreditsOnce(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	pay := h.operate("POST", "/admin/users/"+p.id+"/credits", m{"amount": 100, "reason": "order 4711"})
	pay.header = map[string]string{headerKey: "order-4711"}
	first, again := h.good(200, pay), h.good(200, pay)
	if first.header.Get(headerReplayed) != "" || again.header.Get(headerReplayed) != "true" || number(again.Data["credits"]) != 110 {
		t.Errorf("first %s, again %s", first.text, again.text)
	}
	other := pay
	other.body = m{"amount": 200, "reason": "order 4711"}
	h.bad(fsm.IdempotencyMismatch, other)
	a := h.good(200, h.operate("GET", "/admin/users/"+p.id, nil))
	events := a.Data["events"].([]any)
	if row := events[0].(map[string]any); len(events) != 2 || row["type"] != "grant" || row["ref"] != "order 4711" || number(row["amount"]) != 100 {
		t.Errorf("the ledger: %s", a.text)
	}
}

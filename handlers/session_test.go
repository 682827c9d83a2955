package handlers

import (
	"strings"
	"testing"

	"stoker/fsm"
)

func TestSignIn_KnowsTheDevice(t *testing.T) {
	h := newHouse(t)
	first := h.good(200, ask{method: "POST", path: "/auth/anon", body: m{"device_hash": "d1", "os": "ios"}})
	again := h.good(200, ask{method: "POST", path: "/auth/anon", body: m{"device_hash": "d1"}})
	other := h.good(200, ask{method: "POST", path: "/auth/anon", body: m{"device_hash": "d2"}})
	none := h.good(200, ask{method: "POST", path: "/auth/anon"})
	if first.Data["is_new"] != true || first.Data["plan"] != "free" || again.Data["is_new"] != false {
		t.Errorf("first %v, again %v", first.Data, again.Data)
	}
	if first.Data["user_id"] != again.Data["user_id"] || first.Data["user_id"] == other.Data["user_id"] || other.Data["user_id"] == none.Data["user_id"] {
		t.Errorf("users: %v, %v, %v, %v", first.Data, again.Data, other.Data, none.Data)
	}
}

func TestSignIn_RefusesBadDevices(t *testing.T) {
	h := newHouse(t)
	for _, body := range []string{
		`{"device_hash":7}`, `{"device_hash":"` + strings.Repeat("x", 257) + `"}`, `{"device_hash":"\u0000"}`, `[]`, `"d1"`, `{`,
	} {
		h.bad(fsm.ValidationFailed, ask{method: "POST", path: "/auth/anon", body: body})
	}
}

func TestSignIn_RepeatsUnderItsKey(t *testing.T) {
	h := newHouse(t)
	a := ask{method: "POST", path: "/auth/anon", header: map[string]string{headerKey: "0b8f6b1e-0000-4000-8000-000000000000"}}
	first, again := h.good(200, a), h.good(200, a)
	if first.Data["user_id"] != again.Data["user_id"] || again.header.Get(headerReplayed) != "true" || again.Data["is_new"] != true {
		t.Errorf("first %v, again %v", first.Data, again.Data)
	}
	h.good(200, ask{method: "GET", path: "/me", token: again.Data["token"].(string)})
	a.header[headerKey] = "guess"
	h.bad(fsm.ValidationFailed, a)
}

func TestRefresh_KeepsTheOldToken(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	fresh := h.good(200, p.ask("POST", "/auth/refresh", nil)).Data["token"].(string)
	for _, token := range []string{p.token, fresh} {
		h.good(200, ask{method: "GET", path: "/me", token: token})
	}
}

func TestRefresh_RefusesTheRevoked(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	revoke := ask{method: "POST", path: "/admin/users/" + p.id + "/revoke", token: adminToken}
	h.good(200, revoke)
	h.bad(fsm.Forbidden, p.ask("POST", "/auth/refresh", nil))
	h.bad(fsm.Forbidden, p.ask("GET", "/me", nil))
	h.bad(fsm.Forbidden, p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 1}))
	revoke.body = m{"revoked": false}
	h.good(200, revoke)
	h.good(200, p.ask("POST", "/auth/refresh", nil))
}

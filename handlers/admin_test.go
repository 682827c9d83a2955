package handlers

import (
	"testing"

	"stoker/fsm"
)

func TestAdmin_Status(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	p.queued(2)
	a := h.good(200, ask{method: "GET", path: "/admin/status", token: adminToken})
	members, queue := a.Data["members"].([]any), a.Data["queue"].(map[string]any)
	if len(members) != 1 || a.Data["leader"] != "n1" || a.Data["role"] != "leader" || number(queue["ready"].(map[string]any)["interior"]) != 2 {
		t.Errorf("status: %s", a.text)
	}
}

func TestAdmin_User(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	path := "/admin/users/" + p.id
	to := func(method, path string, body any) ask {
		return ask{method: method, path: path, token: adminToken, body: body}
	}
	if a := h.good(200, to("POST", path+"/credits", m{"amount": 5, "reason": "sorry"})); number(a.Data["credits"]) != 15 {
		t.Errorf("granted: %v", a.Data)
	}
	if a := h.good(200, to("POST", path+"/credits", m{"amount": -15, "reason": "oops"})); number(a.Data["credits"]) != 0 {
		t.Errorf("taken: %v", a.Data)
	}
	if a := h.good(200, to("PUT", path+"/plan", m{"plan": "pro"})); a.Data["plan"] != "pro" || number(a.Data["limits"].(map[string]any)["max_items"]) != 200 {
		t.Errorf("plan: %v", a.Data)
	}
	a := h.good(200, to("GET", path+"?limit=2", nil))
	if a.Data["user_id"] != p.id || len(a.Data["events"].([]any)) != 2 || a.Data["next_cursor"] == nil || a.Data["revoked"] != false {
		t.Errorf("user: %s", a.text)
	}
	if p.credits() != 0 {
		t.Error("the ledger does not say so")
	}
}

func TestAdmin_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	path := "/admin/users/" + p.id
	to := func(method, path string, body any) ask {
		return ask{method: method, path: path, token: adminToken, body: body}
	}
	for _, body := range []any{
		m{}, m{"amount": 0, "reason": "x"}, m{"amount": 5}, m{"amount": "5", "reason": "x"}, m{"amount": 1.5, "reason": "x"},
		m{"amount": -11, "reason": "x"}, m{"amount": 1e15, "reason": "x"}, m{"amount": 5, "reason": ""},
	} {
		h.bad(fsm.ValidationFailed, to("POST", path+"/credits", body))
	}
	for _, body := range []any{m{}, m{"plan": ""}, m{"plan": "gold"}, m{"plan": 1}} {
		h.bad(fsm.ValidationFailed, to("PUT", path+"/plan", body))
	}
	h.bad(fsm.ValidationFailed, to("POST", path+"/revoke", m{"revoked": "yes"}))
	for _, id := range []string{"u_none", "a%2Fb"} {
		h.bad(fsm.NotFound, to("GET", "/admin/users/"+id, nil))
		h.bad(fsm.NotFound, to("POST", "/admin/users/"+id+"/credits", m{"amount": 1, "reason": "x"}))
		h.bad(fsm.NotFound, to("PUT", "/admin/users/"+id+"/plan", m{"plan": "pro"}))
		h.bad(fsm.NotFound, to("POST", "/admin/users/"+id+"/revoke", nil))
	}
	if p.credits() != 10 {
		t.Error("a refused grant changed something")
	}
}

package handlers

import (
	"strings"
	"testing"
	"time"

	"stoker/fsm"
)

func TestAdmin_Members(t *testing.T) {
	h := newHouse(t)
	to := func(method, path string, body any) ask {
		return ask{method: method, path: path, token: adminToken, body: body}
	}
	a := h.good(200, to("GET", "/admin/members", nil))
	pilot := a.Data["autopilot"].(map[string]any)
	if members := a.Data["members"].([]any); len(members) != 1 || a.Data["leader"] != "n1" || number(pilot["voters"]) != 1 || pilot["healthy"] != true {
		t.Errorf("members: %s", a.text)
	}
	a = h.good(200, to("POST", "/admin/members/n1/remove", m{"look": true}))
	if a.Data["done"] != false || !strings.Contains(a.Data["refused"].(string), "last voter") {
		t.Errorf("a look at the removal of the last one: %s", a.text)
	}
	if log := h.audited(""); strings.Contains(log, "remove") {
		t.Errorf("a look stands in the audit log: %s", log)
	}
	h.bad(fsm.QuorumAtRisk, to("POST", "/admin/members/n1/remove", m{"force": true}))
	for _, id := range []string{"n9", "N1", "a%2Fb"} {
		for _, what := range []string{"remove", "drain", "resume"} {
			h.bad(fsm.NotFound, to("POST", "/admin/members/"+id+"/"+what, nil))
		}
		h.bad(fsm.NotFound, to("POST", "/admin/leader/transfer", m{"to": id}))
	}
	h.bad(fsm.QuorumAtRisk, to("POST", "/admin/leader/transfer", nil))
	h.good(200, to("POST", "/admin/leader/transfer", m{"to": "n1"}))
	if a := h.good(200, to("PUT", "/admin/autopilot", m{"remove_dead_after_s": 600})); number(a.Data["remove_dead_after_s"]) != 600 {
		t.Errorf("autopilot: %s", a.text)
	}
	for _, after := range []any{nil, -1, 59, "x", 1e12} {
		h.bad(fsm.ValidationFailed, to("PUT", "/admin/autopilot", m{"remove_dead_after_s": after}))
	}
}

func TestAdmin_JoinTokens(t *testing.T) {
	h := newHouse(t)
	to := func(method, path string, body any) ask {
		return ask{method: method, path: path, token: adminToken, body: body}
	}
	good := m{"id": "jt_abcdef", "secret_sha256": strings.Repeat("ab", 32), "ttl_s": 3600, "for": "n4", "note": "the new VM"}
	a := h.good(201, to("POST", "/admin/join-tokens", good))
	if len(a.Data["ca_sha256"].([]any)) != 1 || len(a.Data["endpoints"].([]any)) != 1 || a.Data["for"] != "n4" {
		t.Errorf("made: %s", a.text)
	}
	for _, change := range []m{
		{"id": "adm"}, {"secret_sha256": "ab"}, {"ttl_s": 59}, {"ttl_s": 2592001}, {"for": "N4"}, {"note": strings.Repeat("x", maxText+1)}, {"id": "jt_abcdef"},
	} {
		bad := m{"id": "jt_ghijkl"}
		for _, from := range []m{good, {"id": "jt_ghijkl"}, change} {
			for k, v := range from {
				bad[k] = v
			}
		}
		h.bad(fsm.ValidationFailed, to("POST", "/admin/join-tokens", bad))
	}
	h.bad(fsm.MemberExists, to("POST", "/admin/join-tokens", m{"id": "jt_ghijkl", "secret_sha256": strings.Repeat("ab", 32), "ttl_s": 60, "for": "n1"}))
	a = h.good(200, to("GET", "/admin/join-tokens", nil))
	if list := a.Data["join_tokens"].([]any); len(list) != 1 || list[0].(map[string]any)["note"] != "the new VM" {
		t.Errorf("listed: %s", a.text)
	}
	h.good(200, to("DELETE", "/admin/join-tokens/jt_abcdef", nil))
	h.bad(fsm.NotFound, to("DELETE", "/admin/join-tokens/jt_abcdef", nil))
	h.bad(fsm.NotFound, to("DELETE", "/admin/join-tokens/x", nil))
}

// A node that is to be left alone ends the polls that are parked there, takes no
// other, and tells a balancer so; the rest it answers as ever.
func TestAdmin_Drain(t *testing.T) {
	h := newHouse(t)
	to := func(path string) ask { return ask{method: "POST", path: path, token: adminToken} }
	answered := make(chan answer, 1)
	go func() {
		answered <- h.do(ask{method: "POST", path: "/queue/lease", token: workerToken, body: m{"worker_id": "w1", "wait_s": 60}})
	}()
	h.untilWaiters(1)
	h.good(200, to("/admin/members/n1/drain"))
	select {
	case a := <-answered:
		if a.status != 204 {
			t.Errorf("the parked poll: %d %s", a.status, a.text)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the parked poll is not answered")
	}
	h.bad(fsm.Unavailable, ask{method: "POST", path: "/queue/lease", token: workerToken, body: m{"worker_id": "w1"}})
	h.bad(fsm.Unavailable, ask{method: "GET", path: "/ready"})
	h.signUp("free")
	h.good(200, to("/admin/members/n1/resume"))
	if h.node.AwaitDraining(t.Context(), false) != nil {
		t.Fatal("it stays alone")
	}
	for range 1000 { // the server hears of it a moment later
		if h.do(ask{method: "GET", path: "/ready"}).status == 200 {
			return
		}
	}
	t.Error("it is not ready again")
}

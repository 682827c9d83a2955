package handlers

import (
	"strings"
	"testing"

	"stoker/fsm"
)

func TestAdminWorkers_AreListed(t *testing.T) {
	h := newHouse(t)
	if a := h.good(200, h.operate("GET", "/admin/workers", nil)); len(a.Data["workers"].([]any)) != 0 {
		t.Errorf("none: %v", a.Data)
	}
	session := h.good(200, h.work("/queue/session", m{
		"worker_id": "gpu-1", "boot_id": "b", "slots": 4, "presets": []string{"interior"}, "gpu": "RTX 4090", "vram_mb": 24564, "sdk": "test/1",
	})).Data["session_id"]
	h.signUp("free").queued(3)
	work := h.good(200, h.work("/queue/lease", m{"worker_id": "gpu-1", "max_items": 2, "wait_s": 10, "loaded": []string{"interior"}})).Data
	h.finish(work, 0)
	h.leased("bare", 1)
	lines := h.good(200, h.operate("GET", "/admin/workers", nil)).Data["workers"].([]any)
	if len(lines) != 2 {
		t.Fatalf("%v", lines)
	}
	bare, known := lines[0].(map[string]any), lines[1].(map[string]any)
	if bare["worker_id"] != "bare" || bare["session_id"] != "" || bare["state"] != "active" || number(bare["items"]) != 1 {
		t.Errorf("bare: %v", bare)
	}
	for key, want := range (m{
		"worker_id": "gpu-1", "session_id": session, "state": "active", "why": "", "gpu": "RTX 4090", "vram_mb": 24564.0, "sdk": "test/1", "slots": 4.0,
		"leases": 1.0, "items": 1.0, "done": 1.0, "lost": 0.0, "faults": 0.0,
	}) {
		if known[key] != want {
			t.Errorf("%s is %v, want %v", key, known[key], want)
		}
	}
	for _, key := range []string{"presets", "loaded"} {
		if list := known[key].([]any); len(list) != 1 || list[0] != "interior" {
			t.Errorf("%s: %v", key, list)
		}
	}
	if known["last_grant"] == nil || len(known["missing"].([]any)) != 0 {
		t.Errorf("%v", known)
	}
}

func TestAdminWorkers_TheOperatorsWord(t *testing.T) {
	h := newHouse(t)
	h.boot("rack/1", "b") // a name that must be escaped
	for _, c := range []struct{ verb, state string }{
		{"drain", "draining"}, {"quarantine", "quarantined"}, {"exit", "exiting"}, {"resume", "active"},
	} {
		w := h.good(200, h.operate("POST", "/admin/workers/rack%2F1/"+c.verb, m{"why": "because"})).Data["worker"].(map[string]any)
		if w["state"] != c.state || w["why"] != "because" || w["worker_id"] != "rack/1" || w["last_grant"] != nil {
			t.Errorf("%s: %v", c.verb, w)
		}
	}
	for _, verb := range []string{"drain", "quarantine", "exit", "resume"} {
		h.bad(fsm.NotFound, h.operate("POST", "/admin/workers/none/"+verb, nil))
		h.bad(fsm.NotFound, h.operate("POST", "/admin/workers/a%20b/"+verb, nil))
		h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/workers/rack%2F1/"+verb, m{"why": strings.Repeat("x", maxText+1)}))
		h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/workers/rack%2F1/"+verb, m{"why": 1}))
		h.bad(authRequired, ask{method: "POST", path: "/admin/workers/rack%2F1/" + verb})
	}
}

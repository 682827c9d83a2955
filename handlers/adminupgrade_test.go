package handlers

import (
	"testing"

	"stoker/fsm"
	"stoker/node"
)

func TestUpgrade_ASingleNodeIsNeverBehind(t *testing.T) {
	h := newHouse(t)
	u := h.good(200, h.operate("GET", "/admin/upgrade", nil)).Data
	if number(u["level"]) != int(fsm.Level) || len(u["nodes"].([]any)) != 1 || len(u["missing"].([]any)) != 0 {
		t.Errorf("the upgrade: %v", u)
	}
	if done := h.good(200, h.operate("POST", "/admin/upgrade", nil)).Data; number(done["level"]) != int(fsm.Level) {
		t.Errorf("finalized: %v", done)
	}
}

func TestVerify_AnAlarmStopsSpendingUntilItIsCleared(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	open := m{"preset": "interior", "item_count": 1}
	alarm := fsm.RaiseAlarm{Kind: fsm.Divergence, Index: 7, Nodes: []string{"n3"}, Why: "n3 has another hash"}
	if _, err := node.Apply(t.Context(), h.node, alarm, node.By("system")); err != nil {
		t.Fatal(err)
	}
	refused := h.bad(fsm.Diverged, p.ask("POST", "/jobs", open))
	if refused.header.Get("Retry-After") == "" {
		t.Error("a client is not told when to come back")
	}
	v := h.good(200, h.operate("GET", "/admin/verify?scrub=true", nil)).Data
	nodes := v["nodes"].([]any)
	if len(v["alarms"].([]any)) != 1 || len(v["odd"].([]any)) != 0 || len(nodes) != 1 || number(nodes[0].(map[string]any)["scrub"].(map[string]any)["rows"]) == 0 {
		t.Errorf("verified: %v", v)
	}
	h.bad(fsm.ValidationFailed, h.operate("GET", "/admin/verify?scrub=maybe", nil))
	h.good(200, h.operate("POST", "/admin/verify/clear", nil))
	h.bad(fsm.NotFound, h.operate("POST", "/admin/verify/clear", nil))
	h.good(201, p.ask("POST", "/jobs", open))
}

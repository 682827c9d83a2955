package handlers

import (
	"strings"
	"testing"

	"stoker/fsm"
)

var ruleOfTest = m{"name": "Warm walls", "preset_id": "interior", "concepts": walls}

func TestRules_Life(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	made := h.good(201, p.ask("POST", "/rules", ruleOfTest)).Data["rule"].(map[string]any)
	if made["user_id"] != p.id || made["preset_id"] != "interior" || len(made["protect"].([]any)) != 3 {
		t.Errorf("made: %v", made)
	}
	path := "/rules/" + made["id"].(string)
	renamed := h.good(200, p.ask("PUT", path, m{"name": "Cold walls", "protect": []string{}})).Data["rule"].(map[string]any)
	if renamed["name"] != "Cold walls" || len(renamed["protect"].([]any)) != 0 || renamed["concepts"] == nil {
		t.Errorf("renamed: %v", renamed)
	}
	if shown := p.get(path).Data["rule"].(map[string]any); shown["name"] != "Cold walls" {
		t.Errorf("shown: %v", shown)
	}
	if all := p.get("/rules").Data["rules"].([]any); len(all) != 1 {
		t.Errorf("all: %v", all)
	}
	if slots := number(p.get("/me").Data["rule_slots"]); slots != 1 {
		t.Errorf("%d slots are in use", slots)
	}
	if gone := h.good(200, p.ask("DELETE", path, nil)); gone.Data["deleted"] != true || gone.Data["id"] != made["id"] {
		t.Errorf("gone: %v", gone.Data)
	}
	h.bad(fsm.RuleNotFound, p.ask("DELETE", path, nil))
	if slots := number(p.get("/me").Data["rule_slots"]); slots != 0 {
		t.Errorf("%d slots are in use", slots)
	}
}

func TestRules_HaveSlots(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	for range 2 {
		h.good(201, p.ask("POST", "/rules", ruleOfTest))
	}
	h.bad(fsm.RuleSlotLimit, p.ask("POST", "/rules", ruleOfTest))
}

func TestRules_SomebodyElsesIsNotFound(t *testing.T) {
	h := newHouse(t)
	p, other := h.signUp("free"), h.signUp("free")
	id := h.good(201, p.ask("POST", "/rules", ruleOfTest)).Data["rule"].(map[string]any)["id"].(string)
	for _, id := range []string{id, "r_none", "..", "a%2Fb", strings.Repeat("x", 65)} {
		h.bad(fsm.RuleNotFound, other.ask("GET", "/rules/"+id, nil))
		h.bad(fsm.RuleNotFound, other.ask("PUT", "/rules/"+id, m{"name": "mine"}))
		h.bad(fsm.RuleNotFound, other.ask("DELETE", "/rules/"+id, nil))
	}
	job := other.uploaded(1)
	for _, id := range []string{id, "r_none", "../x"} {
		h.bad(fsm.RuleNotFound, other.ask("POST", "/jobs/"+job+"/execute", m{"rule_id": id}))
	}
	if name := p.get("/rules/" + id).Data["rule"].(map[string]any)["name"]; name != "Warm walls" {
		t.Errorf("the rule is called %v now", name)
	}
}

func TestRules_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := h.good(201, p.ask("POST", "/rules", ruleOfTest)).Data["rule"].(map[string]any)["id"].(string)
	with := func(name string, value any) m {
		out := m{name: value}
		for k, v := range ruleOfTest {
			if k != name {
				out[k] = v
			}
		}
		return out
	}
	h.bad(fsm.InvalidPreset, p.ask("POST", "/rules", with("preset_id", "garden")))
	many := map[string]fsm.Concept{}
	for i := range maxConcepts + 1 {
		many[strings.Repeat("x", i)] = fsm.Concept{}
	}
	for name, value := range map[string]any{
		"name":     strings.Repeat("가", maxName+1),
		"concepts": many,
		"protect":  []string{"Nothing"},
	} {
		h.bad(fsm.ValidationFailed, p.ask("POST", "/rules", with(name, value)))
		h.bad(fsm.ValidationFailed, p.ask("PUT", "/rules/"+id, m{name: value}))
	}
	for _, concepts := range []map[string]fsm.Concept{
		{}, {"Label_Text": {Action: "recolor"}}, {"Wall": {}},
		{"Wall": {Action: "recolor", Value: strings.Repeat("x", maxText+1)}}, {strings.Repeat("x", maxName+1): {Action: "recolor"}},
	} {
		h.bad(fsm.ValidationFailed, p.ask("POST", "/rules", with("concepts", concepts)))
		h.bad(fsm.ValidationFailed, p.ask("PUT", "/rules/"+id, m{"concepts": concepts}))
	}
	h.bad(fsm.ValidationFailed, p.ask("PUT", "/rules/"+id, m{}))
	h.good(201, p.ask("POST", "/rules", with("name", strings.Repeat("가", maxName))))
}

func TestRules_WinOverInlineValues(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := h.good(201, p.ask("POST", "/rules", ruleOfTest)).Data["rule"].(map[string]any)["id"].(string)
	job := p.uploaded(1)
	h.good(202, p.ask("POST", "/jobs/"+job+"/execute", m{"rule_id": id, "concepts": m{"Floor": m{"action": "remove", "value": ""}}}))
	concepts := h.leased("w", 1)["concepts"].(map[string]any)
	if len(concepts) != 1 || concepts["Wall"] == nil {
		t.Errorf("the worker is told %v", concepts)
	}
}

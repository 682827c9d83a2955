package handlers

import (
	"testing"

	"stoker/fsm"
)

func TestPresets(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	all := p.get("/presets").List
	if len(all) != 2 || number(all[0].(map[string]any)["concept_count"]) != 12 {
		t.Errorf("presets: %v", all)
	}
	one := p.get("/presets/interior").Data
	if one["name"] != "건축/인테리어" || len(one["output_templates"].([]any)) != 3 || len(one["protect_defaults"].([]any)) != 3 {
		t.Errorf("interior: %v", one)
	}
	h.bad(fsm.NotFound, p.ask("GET", "/presets/garden", nil))
}

package handlers

import (
	"maps"
	"slices"

	"stoker/fsm"
)

type presetLine struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Description  string `json:"description"`
	ConceptCount int    `json:"concept_count"`
}

// listPresets lists what kinds of picture there are.
func (s *Server) listPresets(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	presets := v.Settings().Presets
	out := []presetLine{}
	for _, id := range slices.Sorted(maps.Keys(presets)) {
		p := presets[id]
		out = append(out, presetLine{p.ID, p.Name, p.Description, len(p.Concepts)})
	}
	return out, nil
}

type preset struct {
	ID              string           `json:"id"`
	Name            string           `json:"name"`
	Concepts        []string         `json:"concepts"`
	ProtectDefaults []string         `json:"protect_defaults"`
	OutputTemplates []outputTemplate `json:"output_templates"`
}

type outputTemplate struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// showPreset shows what can be changed in a kind of picture.
func (s *Server) showPreset(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	p, ok := v.Settings().Presets[c.param("id")]
	if !ok {
		return nil, fsm.Refuse(fsm.NotFound, "no preset %q", c.param("id"))
	}
	out := preset{p.ID, p.Name, p.Concepts, p.Protect, []outputTemplate{}}
	for _, t := range p.Templates {
		out.OutputTemplates = append(out.OutputTemplates, outputTemplate(t))
	}
	return out, nil
}

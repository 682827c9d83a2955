package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// PresetSummary is a preset as the list shows it.
type PresetSummary struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Description  string `json:"description"`
	ConceptCount int    `json:"concept_count"`
}

// Preset is what a kind of picture has that may be changed.
type Preset struct {
	ID              string           `json:"id"`
	Name            string           `json:"name"`
	Concepts        []string         `json:"concepts"`
	ProtectDefaults []string         `json:"protect_defaults"`
	OutputTemplates []OutputTemplate `json:"output_templates"`
}

// OutputTemplate is a set of pictures to deliver.
type OutputTemplate struct {
	ID          string `toml:"id" json:"id"`
	Name        string `toml:"name" json:"name"`
	Description string `toml:"description" json:"description"`
}

// Concept is what shall happen to one kind of region, as in {recolor, "#88aacc"}.
type Concept struct {
	Action string `json:"action"`
	Value  string `json:"value"`
}

// Presets lists the presets.
func (a *App) Presets(ctx context.Context) (presets []PresetSummary, err error) {
	_, err = a.read(ctx, "/presets", nil, &presets)
	return presets, err
}

// Preset reads one.
func (a *App) Preset(ctx context.Context, id string) (preset Preset, err error) {
	_, err = a.read(ctx, "/presets/"+url.PathEscape(id), nil, &preset)
	return preset, err
}

// Rule is a user's stored set of concepts.
type Rule struct {
	ID        string             `json:"id"`
	UserID    string             `json:"user_id"`
	Name      string             `json:"name"`
	PresetID  string             `json:"preset_id"`
	Concepts  map[string]Concept `json:"concepts"`
	Protect   []string           `json:"protect"`
	CreatedAt time.Time          `json:"created_at"`
	UpdatedAt time.Time          `json:"updated_at"`
}

// NewRule is what CreateRule takes. A nil Protect means the preset's defaults, an empty one protects nothing.
type NewRule struct {
	Name     string             `json:"name"`
	PresetID string             `json:"preset_id"`
	Concepts map[string]Concept `json:"concepts"`
	Protect  []string           `json:"protect,omitzero"`
}

// RuleChange is what UpdateRule takes: nil leaves a part as it is.
type RuleChange struct {
	Name     *string            `json:"name,omitempty"`
	Concepts map[string]Concept `json:"concepts,omitzero"`
	Protect  []string           `json:"protect,omitzero"`
}

// oneRule is the shape that carries a single rule.
type oneRule struct{ Rule Rule }

// Rules lists the user's rules.
func (a *App) Rules(ctx context.Context) ([]Rule, error) {
	var out struct{ Rules []Rule }
	_, err := a.read(ctx, "/rules", nil, &out)
	return out.Rules, err
}

// Rule reads one.
func (a *App) Rule(ctx context.Context, id string) (Rule, error) {
	var out oneRule
	_, err := a.read(ctx, rulePath(id), nil, &out)
	return out.Rule, err
}

// CreateRule takes a rule slot.
func (a *App) CreateRule(ctx context.Context, rule NewRule) (Rule, error) {
	var out oneRule
	err := a.write(ctx, http.MethodPost, "/rules", rule, &out)
	return out.Rule, err
}

// UpdateRule changes what change names.
func (a *App) UpdateRule(ctx context.Context, id string, change RuleChange) (Rule, error) {
	var out oneRule
	err := a.write(ctx, http.MethodPut, rulePath(id), change, &out)
	return out.Rule, err
}

// DeleteRule frees its slot.
func (a *App) DeleteRule(ctx context.Context, id string) error {
	return a.write(ctx, http.MethodDelete, rulePath(id), nil, nil)
}

func rulePath(id string) string { return "/rules/" + url.PathEscape(id) }

package handlers

import (
	"unicode/utf8"

	"stoker/fsm"
)

// Bounds on the shape of what a client names: far above any real use, far below
// what would make an entry of the log large.
const (
	maxName     = 100 // characters
	maxText     = 500
	maxConcepts = 64
)

type rule struct {
	ID        string                 `json:"id"`
	UserID    string                 `json:"user_id"`
	Name      string                 `json:"name"`
	PresetID  string                 `json:"preset_id"`
	Concepts  map[string]fsm.Concept `json:"concepts"`
	Protect   []string               `json:"protect"`
	CreatedAt string                 `json:"created_at"`
	UpdatedAt string                 `json:"updated_at"`
}

type ruleAnswer struct {
	Rule rule `json:"rule"`
}

func ruleOf(r fsm.Rule) rule {
	return rule{
		ID: r.ID, UserID: r.User, Name: r.Name, PresetID: r.Preset,
		Concepts: r.Concepts, Protect: r.Protect,
		CreatedAt: stampOf(r.CreatedAt), UpdatedAt: stampOf(r.UpdatedAt),
	}
}

func answerRule(r fsm.Rule, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return ruleAnswer{ruleOf(r)}, nil
}

// ruleBody is what a client may say of a rule; what it leaves out is nil.
type ruleBody struct {
	Name     *string                `json:"name"`
	PresetID *string                `json:"preset_id"`
	Concepts map[string]fsm.Concept `json:"concepts"`
	Protect  []string               `json:"protect"`
}

// createRule saves a set of changes for a preset.
func (s *Server) createRule(c *call) (any, error) {
	var in ruleBody
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var wrong flaws
	wrong.unless(in.Name != nil, "name", "is required")
	wrong.unless(in.PresetID != nil, "preset_id", "is required")
	wrong.unless(in.Concepts != nil, "concepts", "is required")
	in.check(&wrong)
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	return answerRule(apply(c, fsm.CreateRule{
		User: c.user, ID: newID("r_"), Name: *in.Name, Preset: *in.PresetID,
		Concepts: in.Concepts, Protect: in.Protect,
	}))
}

// updateRule changes what the client names.
func (s *Server) updateRule(c *call) (any, error) {
	id, err := c.ruleID()
	if err != nil {
		return nil, err
	}
	var in ruleBody
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var wrong flaws
	wrong.unless(in.Name != nil || in.Concepts != nil || in.Protect != nil, "body", "must hold name, concepts or protect")
	wrong.unless(in.Concepts == nil || len(in.Concepts) > 0, "concepts", "must name at least one concept")
	in.check(&wrong)
	if err := wrong.refusal(); err != nil {
		return nil, err
	}
	return answerRule(apply(c, fsm.UpdateRule{
		User: c.user, ID: id, Name: in.Name, Concepts: in.Concepts, Protect: in.Protect,
	}))
}

func (in ruleBody) check(wrong *flaws) {
	if in.Name != nil {
		n := utf8.RuneCountInString(*in.Name)
		wrong.unless(n >= 1 && n <= maxName, "name", "must have 1 to %d characters", maxName)
	}
	if in.PresetID != nil {
		wrong.unless(len(*in.PresetID) <= maxName, "preset_id", "is too long")
	}
	checkConcepts(wrong, in.Concepts, in.Protect)
}

// checkConcepts bounds concepts and protect; which of them a preset has is the machine's to say.
func checkConcepts(wrong *flaws, concepts map[string]fsm.Concept, protect []string) {
	wrong.unless(len(concepts) <= maxConcepts, "concepts", "may name %d concepts", maxConcepts)
	wrong.unless(len(protect) <= maxConcepts, "protect", "may name %d concepts", maxConcepts)
	for name, concept := range concepts {
		if utf8.RuneCountInString(name) > maxName {
			wrong.unless(false, "concepts", "has a name of more than %d characters", maxName)
			continue
		}
		wrong.unless(utf8.RuneCountInString(concept.Action) <= maxName, "concepts."+name+".action", "may have %d characters", maxName)
		wrong.unless(utf8.RuneCountInString(concept.Value) <= maxText, "concepts."+name+".value", "may have %d characters", maxText)
	}
	for _, name := range protect {
		wrong.unless(utf8.RuneCountInString(name) <= maxName, "protect", "has a name of more than %d characters", maxName)
	}
}

// deleteRule frees the rule's slot.
func (s *Server) deleteRule(c *call) (any, error) {
	id, err := c.ruleID()
	if err != nil {
		return nil, err
	}
	a, err := apply(c, fsm.DeleteRule{User: c.user, ID: id})
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": a.ID, "deleted": true}, nil
}

// showRule shows one of the caller's rules.
func (s *Server) showRule(c *call) (any, error) {
	id, err := c.ruleID()
	if err != nil {
		return nil, err
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	r, ok := v.Rule(c.user, id)
	if !ok {
		return nil, noRule(id)
	}
	return answerRule(r, nil)
}

// listRules lists all of the caller's rules.
func (s *Server) listRules(c *call) (any, error) {
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	out := struct {
		Rules []rule `json:"rules"`
	}{[]rule{}}
	for _, r := range v.Rules(c.user) {
		out.Rules = append(out.Rules, ruleOf(r))
	}
	return out, nil
}

// ruleID reads the path's id. What cannot be one is not found.
func (c *call) ruleID() (string, error) {
	id := c.param("id")
	if !saneName.MatchString(id) {
		return "", noRule(id)
	}
	return id, nil
}

func noRule(id string) error { return fsm.Refuse(fsm.RuleNotFound, "no rule %.80q", id) }

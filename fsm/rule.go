package fsm

import (
	"slices"

	"stoker/store"
)

// Rule is a user's saved set of changes for one preset.
type Rule struct {
	ID        string             `cbor:"1,keyasint"`
	User      string             `cbor:"2,keyasint"`
	Name      string             `cbor:"3,keyasint"`
	Preset    string             `cbor:"4,keyasint"`
	Concepts  map[string]Concept `cbor:"5,keyasint"`
	Protect   []string           `cbor:"6,keyasint"`
	CreatedAt int64              `cbor:"7,keyasint"` // wall clock, ns
	UpdatedAt int64              `cbor:"8,keyasint"`
}

// Concept is what to do with one part of the picture.
type Concept struct {
	Action string `cbor:"1,keyasint" json:"action"`
	Value  string `cbor:"2,keyasint" json:"value"`
}

var (
	rules = store.NewTable[Rule]("rules") // (user, rule)

	// rulesByID finds a rule of which only the id is known.
	rulesByID = store.NewIndex(rules, "rules_by_id", func(_ store.Key, r Rule) []store.Key {
		return []store.Key{store.Str(r.ID)}
	})
)

func ruleKey(user, id string) store.Key { return store.Str(user).Str(id) }

// CreateRule takes one of the user's rule slots.
type CreateRule struct {
	User     string             `cbor:"1,keyasint"`
	ID       string             `cbor:"2,keyasint"`
	Name     string             `cbor:"3,keyasint"`
	Preset   string             `cbor:"4,keyasint"`
	Concepts map[string]Concept `cbor:"5,keyasint"`
	Protect  []string           `cbor:"6,keyasint"` // nil: the preset's
}

func (c CreateRule) apply(tx *Tx) (Rule, error) {
	u, r := tx.member(c.User)
	if r != nil {
		return Rule{}, r
	}
	p, ok := tx.current().Presets[c.Preset]
	if !ok {
		return Rule{}, Refuse(InvalidPreset, "no preset %q", c.Preset)
	}
	if r := tooLong("id", c.ID); r != nil {
		return Rule{}, r
	}
	if c.Name == "" {
		return Rule{}, invalid("name", "must not be empty")
	}
	if r := p.check(c.Concepts, c.Protect); r != nil {
		return Rule{}, r
	}
	if limit := u.plan(tx.current()).MaxRuleSlots; u.RuleSlots >= limit {
		return Rule{}, Refuse(RuleSlotLimit, "%d of %d rule slots are in use; delete a rule or change the plan", u.RuleSlots, limit)
	}
	if rules.Has(tx, ruleKey(c.User, c.ID)) {
		return Rule{}, invalid("id", "the rule exists")
	}
	u.RuleSlots++
	users.Put(tx.Tx, store.Str(u.ID), u)
	rule := Rule{
		ID: c.ID, User: c.User, Name: c.Name, Preset: c.Preset, Concepts: c.Concepts,
		Protect: p.protectOr(c.Protect), CreatedAt: tx.wall(), UpdatedAt: tx.wall(),
	}
	rules.Put(tx.Tx, ruleKey(c.User, c.ID), rule)
	return rule, nil
}

// UpdateRule changes what is given; nil leaves as it was.
type UpdateRule struct {
	User     string             `cbor:"1,keyasint"`
	ID       string             `cbor:"2,keyasint"`
	Name     *string            `cbor:"3,keyasint,omitempty"`
	Concepts map[string]Concept `cbor:"4,keyasint,omitempty"`
	Protect  []string           `cbor:"5,keyasint"`
}

func (c UpdateRule) apply(tx *Tx) (Rule, error) {
	if _, r := tx.member(c.User); r != nil {
		return Rule{}, r
	}
	rule, ok := rules.Get(tx, ruleKey(c.User, c.ID))
	if !ok {
		return Rule{}, Refuse(RuleNotFound, "no rule %q", c.ID)
	}
	if c.Name != nil && *c.Name == "" {
		return Rule{}, invalid("name", "must not be empty")
	}
	if c.Concepts != nil {
		rule.Concepts = c.Concepts
	}
	if c.Protect != nil {
		rule.Protect = c.Protect
	}
	preset, ok := tx.current().Presets[rule.Preset]
	if !ok { // only a deploy takes one away
		return Rule{}, Refuse(InvalidPreset, "preset %q was removed; the rule can only be deleted", rule.Preset)
	}
	if r := preset.check(rule.Concepts, rule.Protect); r != nil {
		return Rule{}, r
	}
	if c.Name != nil {
		rule.Name = *c.Name
	}
	rule.UpdatedAt = tx.wall()
	rules.Put(tx.Tx, ruleKey(c.User, c.ID), rule)
	return rule, nil
}

// DeleteRule gives the slot back. Jobs that were executed with it keep what they took from it.
type DeleteRule struct {
	User string `cbor:"1,keyasint"`
	ID   string `cbor:"2,keyasint"`
}

// RuleDeleted answers DeleteRule.
type RuleDeleted struct {
	ID string `cbor:"1,keyasint"`
}

func (c DeleteRule) apply(tx *Tx) (RuleDeleted, error) {
	u, r := tx.member(c.User)
	if r != nil {
		return RuleDeleted{}, r
	}
	if !rules.Has(tx, ruleKey(c.User, c.ID)) {
		return RuleDeleted{}, Refuse(RuleNotFound, "no rule %q", c.ID)
	}
	rules.Delete(tx.Tx, ruleKey(c.User, c.ID))
	u.RuleSlots--
	users.Put(tx.Tx, store.Str(u.ID), u)
	return RuleDeleted{c.ID}, nil
}

// check refuses concepts that the preset has not, and empty ones.
func (p Preset) check(concepts map[string]Concept, protect []string) *Refusal {
	if len(concepts) == 0 {
		return invalid("concepts", "name at least one of %v", p.Concepts)
	}
	names := make([]string, 0, len(concepts))
	for name := range concepts {
		names = append(names, name)
	}
	slices.Sort(names) // the first complaint must be the same on every node
	for _, name := range names {
		switch {
		case !slices.Contains(p.Concepts, name):
			return invalid("concepts."+name, "preset %s has no such concept; it has %v", p.ID, p.Concepts)
		case concepts[name].Action == "":
			return invalid("concepts."+name+".action", "must not be empty")
		}
	}
	for _, name := range protect {
		if !slices.Contains(p.Concepts, name) && !slices.Contains(p.Protect, name) {
			return invalid("protect", "preset %s has no concept %q", p.ID, name)
		}
	}
	return nil
}

// protectOr gives what is protected: what was asked for, else the preset's own.
func (p Preset) protectOr(asked []string) []string {
	if asked == nil {
		return p.Protect
	}
	return asked
}

package fsm

import (
	"fmt"

	"stoker/store"
)

// OldUser is a user as another stack knew it, with its rules and its ledger.
type OldUser struct {
	ID         string `cbor:"1,keyasint"`
	Plan       string `cbor:"2,keyasint"`
	Credits    int64  `cbor:"3,keyasint"`
	DeviceHash string `cbor:"4,keyasint,omitempty"`
	CreatedAt  int64  `cbor:"5,keyasint"` // wall clock, ns
	Rules      []Rule `cbor:"6,keyasint,omitempty"`

	// Opening is what the user had before the first event. What the events then do
	// not explain of Credits is booked behind the last one, so that the ledger's sum
	// is the credits.
	Opening int64      `cbor:"7,keyasint,omitempty"`
	Events  []OldEvent `cbor:"8,keyasint,omitempty"` // oldest first

	// From is how many events came before, More that others follow. A user whose
	// events are too many for one entry is revoked until the last has come; rules
	// and opening count the first time.
	From int  `cbor:"9,keyasint,omitempty"`
	More bool `cbor:"10,keyasint,omitempty"`
}

// OldEvent is a row of another stack's ledger.
type OldEvent struct {
	ID     string `cbor:"1,keyasint"`
	Type   string `cbor:"2,keyasint"`
	Amount int64  `cbor:"3,keyasint"`
	Ref    string `cbor:"4,keyasint,omitempty"`
	At     int64  `cbor:"5,keyasint"` // wall clock, ns
}

// importBooked is the type of bookings that another stack's ledger does not have.
const importBooked = "import"

const maxOldRules = 200

// judge says what is to become of a user, and how far it has come.
func (c OldUser) judge(r store.Reader, s *Settings) (Fate, importing) {
	if !saneOldID(c.ID) {
		return refused(c.ID, invalid("id", idWords)), importing{}
	}
	u, known := users.Get(r, store.Str(c.ID))
	state, partly := imports.Get(r, store.Str(c.ID))
	switch {
	case known && u.Imported == 0:
		return inConflict(c.ID, "the user is here and did not come by import"), state
	case known && (!partly || c.From < state.Next || c.From == 0):
		return Fate{ID: c.ID, Result: There, Next: state.Next}, state
	case c.From != state.Next || c.From < 0:
		return Fate{ID: c.ID, Result: Refused, Code: ValidationFailed, Next: state.Next,
			Why: fmt.Sprintf("from: the user has %d events; go on from there", state.Next)}, state
	}
	if !known {
		if id, taken := devices.Get(r, store.Str(c.DeviceHash)); taken && c.DeviceHash != "" && len(c.DeviceHash) <= maxName {
			return inConflict(c.ID, "its device has signed in as %s", id), state
		}
		if r := c.sane(s); r != nil {
			return refused(c.ID, r), state
		}
	}
	if r := c.adds(u, state); r != nil {
		return refused(c.ID, r), state
	}
	return Fate{ID: c.ID, Result: Taken}, state
}

// sane refuses a user that cannot be one of ours.
func (c OldUser) sane(s *Settings) *Refusal {
	if _, ok := s.Plans[c.Plan]; !ok {
		return invalid("plan", "no plan %.80q here: `stoker deploy` one, or import its users into another with --plan %.80s=NAME", c.Plan, c.Plan)
	}
	if c.Credits < 0 || c.Credits > maxGrant || c.Opening < 0 || c.Opening > maxGrant {
		return invalid("credits", "must be between 0 and %d", int64(maxGrant))
	}
	if c.CreatedAt < 0 {
		return invalid("created_at", "is before 1970")
	}
	if len(c.Rules) > maxOldRules {
		return invalid("rules", "there are %d, at most %d are allowed", len(c.Rules), maxOldRules)
	}
	seen := map[string]bool{}
	for _, rule := range c.Rules {
		switch {
		case !saneOldID(rule.ID) || seen[rule.ID]:
			return invalid("rules", "%.80q is no id of a rule, or there twice", rule.ID)
		case rule.Name == "" || rule.Preset == "" || len(rule.Protect) > oldNames:
			return invalid("rules", "rule %s has no name, no preset, or protects too much", rule.ID)
		}
		seen[rule.ID] = true
		if r := oldText(rule.Concepts, append([]string{rule.Name, rule.Preset}, rule.Protect...)...); r != nil {
			return r
		}
	}
	return tooLong("device_hash", c.DeviceHash)
}

// adds refuses events that do not lead to the credits without a debt on the way.
func (c OldUser) adds(u User, state importing) *Refusal {
	if c.More && len(c.Events) == 0 {
		return invalid("more", "others can only follow some")
	}
	has, booked := u.Credits, state.Sum
	if c.From == 0 {
		has += c.Opening
		booked += c.Opening
	}
	for _, e := range c.Events {
		switch {
		case e.ID == "" || e.Type == "" || e.At < 0:
			return invalid("events", "event %.80q has no id, no type, or is before 1970", e.ID)
		case e.Amount > maxGrant || e.Amount < -maxGrant:
			return invalid("events", "event %.80q is of more than %d credits", e.ID, int64(maxGrant))
		}
		if r := tooLong("events", e.ID, e.Type, e.Ref); r != nil {
			return r
		}
		has += e.Amount
		booked += e.Amount
		if has < 0 || has > maxGrant {
			return invalid("opening", "the balance would be %d behind event %.80q; no balance may be below 0 or above %d: give a higher opening", has, e.ID, int64(maxGrant))
		}
	}
	if rest := c.Credits - booked; !c.More && (c.Credits < 0 || c.Credits > maxGrant || has+rest < 0 || has+rest > maxGrant) {
		return invalid("credits", "the user would have %d", has+rest)
	}
	return nil
}

// take books what was judged, and says from which event on the others are to
// come, 0 if the user is whole.
func (c OldUser) take(tx *Tx, state importing) int {
	key := store.Str(c.ID)
	u, known := users.Get(tx, key)
	if !known {
		u = User{ID: c.ID, Plan: c.Plan, DeviceHash: c.DeviceHash, CreatedAt: c.CreatedAt, RuleSlots: len(c.Rules), Imported: max(tx.wall(), 1)}
		tx.say(note{Kind: noteImport, Of: u.ID, Num: 1})
		for _, r := range c.Rules {
			r.User = u.ID
			rules.Put(tx.Tx, ruleKey(u.ID, r.ID), r)
		}
		if u.DeviceHash != "" {
			devices.Put(tx.Tx, store.Str(u.DeviceHash), u.ID)
		}
		bookOld(tx, &u, &state, OldEvent{
			ID: "opening", Type: importBooked, Amount: c.Opening, At: u.CreatedAt, Ref: "what it had before the events that were imported",
		})
	}
	for _, e := range c.Events {
		bookOld(tx, &u, &state, e)
	}
	state.Next += len(c.Events)
	u.Revoked = c.More || state.Revoked
	if c.More {
		users.Put(tx.Tx, key, u)
		imports.Put(tx.Tx, key, state)
		return state.Next
	}
	bookOld(tx, &u, &state, OldEvent{
		ID: "closing", Type: importBooked, Amount: c.Credits - state.Sum, At: tx.wall(),
		Ref: fmt.Sprintf("the events that were imported come to %d, the balance was %d", state.Sum, c.Credits),
	})
	users.Put(tx.Tx, key, u)
	imports.Delete(tx.Tx, key)
	return 0
}

// bookOld is book for what happened elsewhere: it is neither told nor counted as
// if it had happened now.
func bookOld(tx *Tx, u *User, state *importing, e OldEvent) {
	if e.Amount == 0 && e.Type == importBooked {
		return
	}
	u.Credits += e.Amount
	state.Sum += e.Amount
	ref := e.Ref
	if ref == "" {
		ref = e.ID
	}
	index, ordinal := tx.position()
	ledger.Put(tx.Tx, store.Str(u.ID).Uint(index).Uint(uint64(ordinal)), LedgerEntry{
		User: u.ID, Index: index, Ordinal: ordinal, Type: e.Type, Amount: e.Amount, Balance: u.Credits,
		Ref: ref, At: e.At, By: importBooked, Old: e.ID,
	})
}

package fsm

import (
	"fmt"

	"stoker/store"
)

// User is the limiter's row of one user.
type User struct {
	ID         string `cbor:"1,keyasint"`
	Plan       string `cbor:"2,keyasint"`
	Credits    int64  `cbor:"3,keyasint"`
	ActiveJobs int    `cbor:"4,keyasint"`
	RuleSlots  int    `cbor:"5,keyasint"` // in use
	DeviceHash string `cbor:"6,keyasint,omitempty"`
	CreatedAt  int64  `cbor:"7,keyasint"` // wall clock, ns
	Revoked    bool   `cbor:"8,keyasint,omitempty"`

	Imported int64 `cbor:"150,keyasint,omitempty"` // wall clock, ns, when it was brought over from another stack; see Import

	Away Away `cbor:"152,keyasint,omitempty"` // why it may do nothing here, see CellMove
}

var (
	users   = store.NewTable[User]("users")
	devices = store.NewTable[string]("devices") // device hash → user id

	usersByPlan = store.NewIndex(users, "users_by_plan", func(_ store.Key, u User) []store.Key {
		return []store.Key{store.Str(u.Plan)}
	})
)

// plan gives the limits of the user's plan as they are now.
func (u User) plan(s *Settings) Plan { return s.Plans[u.Plan] }

// SignIn finds the anonymous user of a device, or makes one.
type SignIn struct {
	DeviceHash string `cbor:"1,keyasint,omitempty"`
	NewID      string `cbor:"2,keyasint"` // for the user if it is a new one
}

// SignedIn answers SignIn.
type SignedIn struct {
	User  User `cbor:"1,keyasint"`
	IsNew bool `cbor:"2,keyasint"`
}

func (c SignIn) apply(tx *Tx) (SignedIn, error) {
	if r := tx.begun(); r != nil {
		return SignedIn{}, r
	}
	if r := tooLong("device_hash", c.DeviceHash, c.NewID); r != nil {
		return SignedIn{}, r
	}
	if c.DeviceHash != "" {
		if id, known := devices.Get(tx, store.Str(c.DeviceHash)); known {
			u, _ := users.Get(tx, store.Str(id))
			if r := u.absent(tx); r != nil {
				return SignedIn{}, r
			}
			if u.Revoked {
				return SignedIn{}, Refuse(Forbidden, "this user has been revoked")
			}
			return SignedIn{User: u}, nil
		}
	}
	if c.NewID == "" || users.Has(tx, store.Str(c.NewID)) {
		return SignedIn{}, invalid("user_id", "a new id is needed")
	}
	u := User{ID: c.NewID, Plan: firstPlan, DeviceHash: c.DeviceHash, CreatedAt: tx.wall()}
	tx.say(note{Kind: noteUser, Of: u.ID})
	if start := tx.current().Plans[firstPlan].StartCredits; start > 0 {
		book(tx, &u, "signup", start, "")
	}
	users.Put(tx.Tx, store.Str(u.ID), u)
	if c.DeviceHash != "" {
		devices.Put(tx.Tx, store.Str(c.DeviceHash), u.ID)
	}
	tx.changes.Tally.Users++
	return SignedIn{User: u, IsNew: true}, nil
}

// GrantCredits writes credits to a user's ledger with a reason. A negative
// amount takes credits back, never below zero.
type GrantCredits struct {
	User   string `cbor:"1,keyasint"`
	Amount int64  `cbor:"2,keyasint"`
	Reason string `cbor:"3,keyasint"`
}

// maxGrant keeps a typing error from overflowing a balance.
const maxGrant = 1_000_000_000_000

func (c GrantCredits) apply(tx *Tx) (User, error) {
	u, ok := users.Get(tx, store.Str(c.User))
	switch r := u.tied(tx); {
	case !ok:
		return u, Refuse(NotFound, "no user %q", c.User)
	case r != nil:
		return u, r
	case c.Amount == 0 || c.Amount > maxGrant || c.Amount < -maxGrant:
		return u, invalid("amount", "must be between 1 and %d, or negative to take credits back", int64(maxGrant))
	case u.Credits+c.Amount < 0:
		return u, invalid("amount", "the user has %d credits; no more can be taken back", u.Credits)
	case u.Credits+c.Amount > maxGrant:
		return u, invalid("amount", "no balance may exceed %d", int64(maxGrant))
	}
	book(tx, &u, "grant", c.Amount, c.Reason)
	users.Put(tx.Tx, store.Str(u.ID), u)
	return u, nil
}

func (c GrantCredits) deed() deed {
	return deed{Subject: c.User, Detail: fmt.Sprintf("%+d: %s", c.Amount, c.Reason)}
}

// SetPlan puts a user on another plan. Credits stay; limits count from now on.
type SetPlan struct {
	User string `cbor:"1,keyasint"`
	Plan string `cbor:"2,keyasint"`
}

func (c SetPlan) apply(tx *Tx) (User, error) {
	u, ok := users.Get(tx, store.Str(c.User))
	if !ok {
		return u, Refuse(NotFound, "no user %q", c.User)
	}
	if r := u.tied(tx); r != nil {
		return u, r
	}
	if _, known := tx.current().Plans[c.Plan]; !known {
		return u, invalid("plan", "no plan %q", c.Plan)
	}
	u.Plan = c.Plan
	users.Put(tx.Tx, store.Str(u.ID), u)
	reweigh(tx, u)
	return u, nil
}

func (c SetPlan) deed() deed { return deed{Subject: c.User, Detail: c.Plan} }

// RevokeUser signs a user out for good, or lets it in again. Its open jobs go on.
type RevokeUser struct {
	User    string `cbor:"1,keyasint"`
	Revoked bool   `cbor:"2,keyasint"`
}

func (c RevokeUser) apply(tx *Tx) (User, error) {
	u, ok := users.Get(tx, store.Str(c.User))
	if !ok {
		return u, Refuse(NotFound, "no user %q", c.User)
	}
	if r := u.tied(tx); r != nil && u.Away != Leaving { // the other cell hears of it with the decision
		return u, r
	}
	u.Revoked = c.Revoked
	if state, partly := imports.Get(tx, store.Str(u.ID)); partly { // it may do nothing before it is whole
		state.Revoked, u.Revoked = c.Revoked, true
		imports.Put(tx.Tx, store.Str(u.ID), state)
	}
	users.Put(tx.Tx, store.Str(u.ID), u)
	if u.Revoked {
		tx.changes.revoked("user " + u.ID)
	}
	return u, nil
}

func (c RevokeUser) deed() deed {
	if !c.Revoked {
		return deed{Action: "RestoreUser", Subject: c.User}
	}
	return deed{Subject: c.User}
}

// member gives a user that may act.
func (tx *Tx) member(id string) (User, *Refusal) {
	u, ok := users.Get(tx, store.Str(id))
	switch {
	case !ok:
		return u, Refuse(AuthInvalidToken, "no such user; sign in again")
	case u.Revoked && u.Away != Left:
		return u, Refuse(Forbidden, "this user has been revoked")
	}
	return u, u.frozen(tx)
}

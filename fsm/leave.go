package fsm

import (
	"fmt"

	"stoker/store"
)

// LeaveUser begins a move to another cell, or takes back one that is not decided.
// The user's open jobs go on; nothing else of it changes from here on.
type LeaveUser struct {
	User string `cbor:"1,keyasint"`
	To   string `cbor:"2,keyasint,omitempty"` // the other cluster's id
	Back bool   `cbor:"3,keyasint,omitempty"` // take it back
}

func (c LeaveUser) apply(tx *Tx) (CellMove, error) {
	if r := tx.begun(); r != nil {
		return CellMove{}, r
	}
	if r := tooLong("user", c.User, c.To); r != nil {
		return CellMove{}, r
	}
	u, ok := users.Get(tx, store.Str(c.User))
	if !ok {
		return CellMove{}, Refuse(NotFound, "no user %q", c.User)
	}
	m, _ := cellMoves.Get(tx, store.Str(u.ID))
	if c.Back {
		return c.back(tx, u, m)
	}
	switch {
	case c.To == "" || c.To == tx.m.ClusterID:
		return m, invalid("to", "must be the id of another cluster; this one is %s", tx.m.ClusterID)
	case m.Cell == c.To && (u.Away == Leaving || u.Away == Left && m.Out):
		return m, nil // it has begun, and may be over
	case u.Away != "":
		return m, u.tied(tx)
	case u.DeviceHash == "":
		return m, Refuse(MoveConflict, "%s has no device: nothing but its token lets it in, and no other cell takes that", u.ID)
	case imports.Has(tx, store.Str(u.ID)):
		return m, Refuse(MoveConflict, "%s is not whole yet: its import goes on with `stoker import`", u.ID)
	}
	u.Away = Leaving
	users.Put(tx.Tx, store.Str(u.ID), u)
	return CellMove{User: u.ID, Out: true, Cell: c.To, Epoch: tx.m.Epoch, Index: tx.m.Index}.step(tx, MoveLeaving), nil
}

// back lets the user stay. The other cell is told after it (SettleUser): what it has so far is of no use to anybody.
func (c LeaveUser) back(tx *Tx, u User, m CellMove) (CellMove, error) {
	switch {
	case m.Out && m.State == MoveUndone && u.Away == "":
		return m, nil
	case u.Away == Left:
		return m, movedTo(tx, u.ID)
	case u.Away != Leaving:
		return m, Refuse(MoveConflict, "%s is not leaving", u.ID)
	}
	u.Away = ""
	users.Put(tx.Tx, store.Str(u.ID), u)
	return m.step(tx, MoveUndone), nil
}

func (c LeaveUser) deed() deed {
	if c.Back {
		return deed{Action: "StayUser", Subject: c.User}
	}
	return deed{Subject: c.User, Detail: "for cell " + c.To}
}

// LeftUser decides a move: from its entry on the user is the other cell's, which
// has said how much of it has arrived. It is refused unless that is all.
type LeftUser struct {
	User    string `cbor:"1,keyasint"`
	Epoch   uint64 `cbor:"2,keyasint"` // with Index the move's number
	Index   uint64 `cbor:"3,keyasint"`
	Entries int    `cbor:"4,keyasint"` // of the ledger that have arrived
	Credits int64  `cbor:"5,keyasint"` // that they come to
}

func (c LeftUser) apply(tx *Tx) (CellMove, error) {
	if r := tooLong("user", c.User); r != nil {
		return CellMove{}, r
	}
	u, ok := users.Get(tx, store.Str(c.User))
	m, _ := cellMoves.Get(tx, store.Str(c.User))
	switch {
	case !ok:
		return m, Refuse(NotFound, "no user %q", c.User)
	case !m.Out || !m.is(c.Epoch, c.Index) || m.State == MoveUndone:
		return m, Refuse(MoveConflict, "there is no such move of %s: it was taken back, or another one has begun", u.ID)
	case m.State == MoveLeft:
		return m, nil
	case u.ActiveJobs > 0:
		return m, Refuse(MoveConflict, "%s has %d jobs that have not ended", u.ID, u.ActiveJobs)
	}
	// Once in a move, as the survey does it all the time: what is counted here is what everybody's check counts.
	if has := bookings(tx, u.ID); has != c.Entries || u.Credits != c.Credits {
		return m, Refuse(MoveConflict, "%d rows of the ledger and %d credits have arrived, of %d and %d", c.Entries, c.Credits, has, u.Credits)
	}
	// from here on nothing may refuse
	m.Entries, m.Credits, m.Revoked = c.Entries, u.Credits, u.Revoked
	book(tx, &u, bookedOut, -u.Credits, "cell "+m.Cell)
	dropRules(tx, &u)
	u.Away = Left
	users.Put(tx.Tx, store.Str(u.ID), u)
	return m.step(tx, MoveLeft), nil
}

func (c LeftUser) deed() deed {
	return deed{Subject: c.User, Detail: fmt.Sprintf("with %d credits", c.Credits)}
}

// dropRules takes a user's rules away, and its slots with them.
func dropRules(tx *Tx, u *User) {
	for k := range rules.Scan(tx, store.Str(u.ID)) {
		rules.Delete(tx.Tx, k)
	}
	u.RuleSlots = 0
}

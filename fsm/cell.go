package fsm

import "stoker/store"

// A deployment that is too large for one cluster is several: cells. A user lives in
// one of them and can be moved to another, by four commands that somebody outside
// gives to both in turn, as often as need be:
//
//	LeaveUser   here    the user is frozen: nothing of it changes any more, but for jobs that are open
//	ArriveUser  there   part by part: who it is, its rules, its whole ledger, its jobs that have ended
//	LeftUser    here    the decision: its credits go from here, and whoever asks is told where it is
//	SettleUser  there   it lives there
//
// A move has a number, which its first command gives it: the epoch and index of that
// entry. Each command is once by it, whatever came between: one that comes again
// answers as before, and one of an older move is refused.

// Away says why a user may do nothing here, "" for one that lives here.
type Away string

// The ways to be away.
const (
	Leaving  Away = "leaving"  // it is frozen while it is copied into another cell; what it has is here
	Left     Away = "left"     // it lives in another cell
	Arriving Away = "arriving" // it is being copied from another cell, where it still is
)

// MoveState is how far a move has come in one of its two cells.
type MoveState string

// The states, of the cell that the user leaves and of the one that it comes to.
const (
	MoveLeaving  MoveState = "leaving"
	MoveLeft     MoveState = "left"
	MoveArriving MoveState = "arriving"
	MoveSettled  MoveState = "settled"
	MoveUndone   MoveState = "undone" // in either: the user stays where it was
)

// CellMove is the last move of a user as one of the two cells knows it.
type CellMove struct {
	User    string    `cbor:"1,keyasint"`
	State   MoveState `cbor:"2,keyasint"`
	Out     bool      `cbor:"3,keyasint,omitempty"` // from here
	Cell    string    `cbor:"4,keyasint"`           // the other cluster's id
	Epoch   uint64    `cbor:"5,keyasint"`           // with Index the move's number, given by the cell that the user leaves
	Index   uint64    `cbor:"6,keyasint"`
	At      int64     `cbor:"7,keyasint"`           // wall clock, ns, of the last step
	Credits int64     `cbor:"8,keyasint,omitempty"` // that move; of an arrival those of the rows so far
	Entries int       `cbor:"9,keyasint,omitempty"` // of the ledger that move; of an arrival those so far
	Revoked bool      `cbor:"10,keyasint,omitempty"`
}

var cellMoves = store.NewTable[CellMove]("cell_moves") // by user

// The types of the bookings by which a balance changes its cell.
const (
	bookedOut = "moved-out"
	bookedIn  = "moved-in"
)

// rows is how many rows of the user's ledger are in the cell that does not have the user. The ledger is one, wherever its user
// lives, and begins the same everywhere: who comes back brings only the rest.
func (c CellMove) rows() int {
	if c.Out && c.State == MoveLeft {
		return c.Entries + 1 // with the one that took the credits away
	}
	return c.Entries
}

// behind says whether the move is an earlier one of that cell's than another.
func (c CellMove) behind(epoch, index uint64) bool {
	return c.Epoch < epoch || c.Epoch == epoch && c.Index < index
}

// is says whether a command is of this move.
func (c CellMove) is(epoch, index uint64) bool { return c.Epoch == epoch && c.Index == index }

// step writes down how far the move has come.
func (c CellMove) step(tx *Tx, to MoveState) CellMove {
	c.State, c.At = to, tx.wall()
	cellMoves.Put(tx.Tx, store.Str(c.User), c)
	return c
}

// moveRetry is how long, in seconds, a user who is between two cells is asked to wait.
const moveRetry = 10

// absent refuses what needs a user that is here; one that is leaving still is.
func (u User) absent(r store.Reader) *Refusal {
	switch u.Away {
	case Left:
		return movedTo(r, u.ID)
	case Arriving:
		refusal := Refuse(Unavailable, "this user is just coming from another cell; try again in a moment")
		refusal.RetryAfter = moveRetry
		return refusal
	}
	return nil
}

// frozen refuses what would change a user that may not change.
func (u User) frozen(r store.Reader) *Refusal {
	if u.Away == Leaving {
		refusal := Refuse(Unavailable, "this user is just moved to another cell; try again in a moment")
		refusal.RetryAfter = moveRetry
		return refusal
	}
	return u.absent(r)
}

// tied is frozen for an operator, to whom trying again is no answer.
func (u User) tied(r store.Reader) *Refusal {
	m, _ := cellMoves.Get(r, store.Str(u.ID))
	switch u.Away {
	case Left:
		return movedTo(r, u.ID)
	case Leaving:
		return Refuse(MoveConflict, "%s is leaving for cell %s: wait for the end of the move, or take it back with `stoker user move %s --back`", u.ID, m.Cell, u.ID)
	case Arriving:
		return Refuse(MoveConflict, "%s is just coming from cell %s: wait for the end of the move", u.ID, m.Cell)
	}
	return nil
}

// movedTo tells where a user is that has left.
func movedTo(r store.Reader, user string) *Refusal {
	m, _ := cellMoves.Get(r, store.Str(user))
	refusal := Refuse(UserMoved, "this user lives in cell %s", m.Cell)
	refusal.Cell = m.Cell
	return refusal
}

// CellMove is the last move of a user between this cell and another, false if there was none.
func (v *View) CellMove(user string) (CellMove, bool) { return cellMoves.Get(v, store.Str(user)) }

// KnowsDevice says whether a device has ever signed in here, wherever its user is now.
func (v *View) KnowsDevice(hash string) bool {
	return hash != "" && devices.Has(v, store.Str(hash))
}

// Absent refuses to show a user that does not live here.
func (v *View) Absent(u User) error {
	if r := u.absent(v); r != nil {
		return r
	}
	return nil
}

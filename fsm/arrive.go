package fsm

import (
	"fmt"

	"stoker/store"
)

// ArriveUser is a part of a user that comes from another cell. A part that is here
// changes nothing; the answer says from which row of the ledger on the others are to come.
type ArriveUser struct {
	User  string `cbor:"1,keyasint"`
	From  string `cbor:"2,keyasint"` // the cluster that it leaves
	To    string `cbor:"3,keyasint"` // this cluster, or the part is in the wrong place
	Epoch uint64 `cbor:"4,keyasint"` // with Index the move's number
	Index uint64 `cbor:"5,keyasint"`

	Head    *Arrival   `cbor:"6,keyasint,omitempty"` // the first part has it
	Behind  int        `cbor:"7,keyasint,omitempty"` // rows of the ledger before these
	Entries []MovedRow `cbor:"8,keyasint,omitempty"` // oldest first
	Jobs    []OldJob   `cbor:"9,keyasint,omitempty"` // that have ended; behind the whole ledger
}

// Arrival is who arrives.
type Arrival struct {
	Plan       string `cbor:"1,keyasint"`
	DeviceHash string `cbor:"2,keyasint"`
	CreatedAt  int64  `cbor:"3,keyasint"` // wall clock, ns
	Rules      []Rule `cbor:"4,keyasint,omitempty"`
	Entries    int    `cbor:"5,keyasint"` // of its ledger, at least
}

// MovedRow is a row of the ledger as the other cell has it.
type MovedRow struct {
	Type   string `cbor:"1,keyasint"`
	Amount int64  `cbor:"2,keyasint"`
	Ref    string `cbor:"3,keyasint,omitempty"`
	At     int64  `cbor:"4,keyasint"` // wall clock, ns
	By     string `cbor:"5,keyasint,omitempty"`
	Old    string `cbor:"6,keyasint,omitempty"`
}

func (c ArriveUser) apply(tx *Tx) (CellMove, error) {
	if r := tx.begun(); r != nil {
		return CellMove{}, r
	}
	if r := c.sane(tx); r != nil {
		return CellMove{}, r
	}
	u, known := users.Get(tx, store.Str(c.User))
	m, _ := cellMoves.Get(tx, store.Str(c.User))
	if known && !m.Out && m.Cell == c.From && m.is(c.Epoch, c.Index) && m.State == MoveSettled {
		return m, nil // all of it is here, and the user too
	}
	if r := c.judge(tx, u, known, m); r != nil {
		return m, r
	}
	// from here on nothing may refuse
	if c.Head != nil {
		c.take(tx, &u, known)
	}
	rows := m.rows()
	if c.Behind == rows {
		for _, e := range c.Entries {
			carry(tx, &u, e)
		}
		rows += len(c.Entries)
	}
	users.Put(tx.Tx, store.Str(u.ID), u)
	if c.Head != nil {
		reweigh(tx, u) // it may have had work here before, on another plan
	}
	for _, j := range c.Jobs {
		j.settle(tx)
	}
	m = CellMove{User: u.ID, Cell: c.From, Epoch: c.Epoch, Index: c.Index, Entries: rows, Credits: u.Credits}
	return m.step(tx, MoveArriving), nil
}

func (c ArriveUser) deed() deed {
	return deed{Subject: c.User, Detail: fmt.Sprintf("from cell %s: %d rows of the ledger, %d jobs", c.From, len(c.Entries), len(c.Jobs))}
}

// sane refuses what no cell would send, or not here.
func (c ArriveUser) sane(tx *Tx) *Refusal {
	rows := 1 + len(c.Entries)
	if !saneOldID(c.User) {
		return invalid("user", idWords)
	}
	if c.From == "" || c.From == c.To || c.To != tx.m.ClusterID {
		return Refuse(MoveConflict, "the user goes from cell %.80q to %.80q; this is %s", c.From, c.To, tx.m.ClusterID)
	}
	if r := tooLong("from", c.From); r != nil {
		return r
	}
	if h := c.Head; h != nil {
		rows += len(h.Rules)
		if h.DeviceHash == "" {
			return invalid("device_hash", "is needed: nothing else would let the user in")
		}
		if r := (OldUser{Plan: h.Plan, DeviceHash: h.DeviceHash, CreatedAt: h.CreatedAt, Rules: h.Rules}).sane(tx.current()); r != nil {
			return r
		}
	}
	for _, e := range c.Entries {
		if e.Type == "" || e.At < 0 || e.Amount > maxGrant || e.Amount < -maxGrant {
			return invalid("entries", "%.80q of %d credits is no row of a ledger", e.Type, e.Amount)
		}
		if r := oldText(nil, e.Type, e.Ref, e.By, e.Old); r != nil {
			return r
		}
	}
	for _, j := range c.Jobs {
		rows += 1 + len(j.Items)
		if !saneOldID(j.ID) || j.User != c.User || j.Refund != 0 {
			return invalid("jobs", "%.80q is no job of %s, or gives something back", j.ID, c.User)
		}
		if r := j.sane(); r != nil {
			return r
		}
	}
	if alone := len(c.Entries) == 0 && c.Head == nil && len(c.Jobs) == 1; rows > importRows && !alone {
		return invalid("body", "%d rows are too many for one entry, at most %d are allowed", rows, importRows)
	}
	return nil
}

// judge refuses a part that does not belong behind what is here.
func (c ArriveUser) judge(tx *Tx, u User, known bool, m CellMove) *Refusal {
	switch {
	case known && u.Away != Left && u.Away != Arriving:
		return Refuse(MoveConflict, "there is a user %s here, who lives here", c.User)
	case known && m.Cell == c.From && !m.Out && (!m.behind(c.Epoch, c.Index) && !m.is(c.Epoch, c.Index) || m.is(c.Epoch, c.Index) && m.State != MoveArriving):
		return Refuse(MoveConflict, "this move of %s was taken back, or a later one has begun", c.User)
	case c.Head == nil && (u.Away != Arriving || m.Cell != c.From || !m.is(c.Epoch, c.Index)):
		return Refuse(MoveConflict, "the first part of %s has not come yet", c.User)
	}
	if h := c.Head; h != nil {
		if known && c.stale(m, u) {
			return Refuse(MoveConflict, "%s had %d rows in its ledger, %d have come from cell %s: this move was over long ago", c.User, h.Entries, m.rows(), m.Cell)
		}
		if id, taken := devices.Get(tx, store.Str(h.DeviceHash)); taken && id != c.User || known && h.DeviceHash != u.DeviceHash {
			return Refuse(MoveConflict, "the device of %s has signed in here as another user, %s: a device has one account in a cell", c.User, id)
		}
	}
	has := u.Credits
	for _, e := range c.Entries {
		if has += e.Amount; c.Behind == m.rows() && (has < 0 || has > maxGrant) {
			return invalid("entries", "the balance would be %d", has)
		}
	}
	for _, j := range c.Jobs {
		if is, there := jobs.Get(tx, store.Str(j.ID)); there && is.User != c.User {
			return Refuse(MoveConflict, "there is a job %s here, of another user", j.ID)
		}
		if is, there := archived.Get(tx, store.Str(j.ID)); there && is.User != c.User {
			return Refuse(MoveConflict, "there is a job %s in the archive here, of another user", j.ID)
		}
	}
	return nil
}

// stale says that the part is of a move from before what is here. Each move adds to the ledger, which is one wherever its user lives:
// no later one knows less of it. Where another cell's move has come so far, and may be decided there, a later one knows more; so what
// was taken back there without a word to this cell is in nobody's way.
func (c ArriveUser) stale(m CellMove, u User) bool {
	if u.Away == Arriving && m.Cell != c.From {
		return c.Head.Entries <= m.rows()
	}
	return c.Head.Entries < m.rows()
}

// take writes down who arrives. Of a user that was here before the ledger and the jobs are here still.
func (c ArriveUser) take(tx *Tx, u *User, known bool) {
	if !known {
		*u = User{ID: c.User, DeviceHash: c.Head.DeviceHash, CreatedAt: c.Head.CreatedAt}
		devices.Put(tx.Tx, store.Str(u.DeviceHash), u.ID)
	}
	if u.Away != Arriving {
		tx.say(note{Kind: noteImport, Of: u.ID, Num: 1})
	}
	u.Away, u.Plan, u.Revoked = Arriving, c.Head.Plan, false
	dropRules(tx, u)
	for _, r := range c.Head.Rules {
		r.User = u.ID
		rules.Put(tx.Tx, ruleKey(u.ID, r.ID), r)
	}
	u.RuleSlots = len(c.Head.Rules)
}

// carry books a row of the other cell's ledger. It has been told and counted there.
func carry(tx *Tx, u *User, e MovedRow) {
	u.Credits += e.Amount
	index, ordinal := tx.position()
	ledger.Put(tx.Tx, store.Str(u.ID).Uint(index).Uint(uint64(ordinal)), LedgerEntry{
		User: u.ID, Index: index, Ordinal: ordinal, Type: e.Type, Amount: e.Amount, Balance: u.Credits,
		Ref: e.Ref, At: e.At, By: e.By, Old: e.Old,
	})
}

// settle writes down a job that has ended in the other cell. One that is here was here before its user left: it counts as
// brought from now on, since its objects may come again with the user.
func (c OldJob) settle(tx *Tx) {
	if archived.Has(tx, store.Str(c.ID)) {
		return // it has moved on meanwhile
	}
	j, there := jobs.Get(tx, store.Str(c.ID))
	if !there {
		c.take(tx, tx.current())
		return
	}
	if j.Imported == 0 {
		j.Imported = max(tx.wall(), 1)
		jobs.Put(tx.Tx, store.Str(j.ID), j)
	}
}

// SettleUser ends a move in the cell that the user comes to: it lives here from now
// on, with what it had there. Or it ends one that was taken back there.
type SettleUser struct {
	User    string `cbor:"1,keyasint"`
	From    string `cbor:"2,keyasint"`
	Epoch   uint64 `cbor:"3,keyasint"` // with Index the move's number
	Index   uint64 `cbor:"4,keyasint"`
	Entries int    `cbor:"5,keyasint"` // as LeftUser answered
	Credits int64  `cbor:"6,keyasint"`
	Revoked bool   `cbor:"7,keyasint,omitempty"`
	Back    bool   `cbor:"8,keyasint,omitempty"` // it stays where it was
}

func (c SettleUser) apply(tx *Tx) (CellMove, error) {
	if r := tooLong("user", c.User, c.From); r != nil {
		return CellMove{}, r
	}
	u, ok := users.Get(tx, store.Str(c.User))
	m, _ := cellMoves.Get(tx, store.Str(c.User))
	switch {
	case !ok:
		return m, Refuse(NotFound, "no user %q", c.User)
	case m.Out || m.Cell != c.From || !m.is(c.Epoch, c.Index):
		return m, Refuse(MoveConflict, "there is no such move of %s here: another one has begun", u.ID)
	case m.State == MoveSettled && !c.Back, m.State == MoveUndone && c.Back:
		return m, nil
	case m.State != MoveArriving:
		return m, Refuse(MoveConflict, "this move of %s is %s", u.ID, m.State)
	case c.Back:
		dropRules(tx, &u)
		u.Away = Left
		users.Put(tx.Tx, store.Str(u.ID), u)
		return m.step(tx, MoveUndone), nil
	case m.Entries != c.Entries || u.Credits != c.Credits:
		return m, Refuse(MoveConflict, "%d rows of the ledger and %d credits have arrived, of %d and %d", m.Entries, u.Credits, c.Entries, c.Credits)
	}
	// The other cell's last row, so that this ledger begins with that one, and the first of its own.
	carry(tx, &u, MovedRow{Type: bookedOut, Amount: -c.Credits, Ref: "cell " + tx.m.ClusterID, At: tx.wall(), Old: fmt.Sprintf("move_%x-%x", c.Epoch, c.Index)})
	book(tx, &u, bookedIn, c.Credits, "cell "+c.From)
	u.Away, u.Revoked = "", c.Revoked
	users.Put(tx.Tx, store.Str(u.ID), u)
	return m.step(tx, MoveSettled), nil
}

func (c SettleUser) deed() deed {
	if c.Back {
		return deed{Action: "StayUser", Subject: c.User, Detail: "in cell " + c.From}
	}
	return deed{Subject: c.User, Detail: fmt.Sprintf("from cell %s with %d credits", c.From, c.Credits)}
}

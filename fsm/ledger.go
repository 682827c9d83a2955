package fsm

import "stoker/store"

// LedgerEntry is one change of a user's credits. The ledger is only appended to; its
// oldest entries move to the archive ([FoldLedger]).
type LedgerEntry struct {
	User    string `cbor:"1,keyasint"`
	Index   uint64 `cbor:"2,keyasint"`
	Ordinal uint32 `cbor:"3,keyasint"`
	Type    string `cbor:"4,keyasint"` // signup, grant, debit, refund, import, moved-out, moved-in, and what another stack called its own
	Amount  int64  `cbor:"5,keyasint"`
	Balance int64  `cbor:"6,keyasint"` // after it
	Ref     string `cbor:"7,keyasint,omitempty"`
	At      int64  `cbor:"8,keyasint"` // wall clock, ns
	By      string `cbor:"9,keyasint,omitempty"`

	Old string `cbor:"150,keyasint,omitempty"` // of what was imported: its id there
}

var ledger = store.NewTable[LedgerEntry]("ledger") // (user, index, ordinal)

// book changes the user's credits and says so in the ledger. The caller writes
// the user's row.
func book(tx *Tx, u *User, typ string, amount int64, ref string) {
	u.Credits += amount
	tally(&tx.changes.Tally.Credits, typ, max(amount, -amount))
	index, ordinal := tx.position()
	ledger.Add(tx.Tx, store.Str(u.ID).Uint(index).Uint(uint64(ordinal)), LedgerEntry{
		User: u.ID, Index: index, Ordinal: ordinal, Type: typ,
		Amount: amount, Balance: u.Credits, Ref: ref, At: tx.wall(), By: tx.by,
	})
	tx.tell(ordinal, note{Kind: noteBooking, Of: u.ID})
}

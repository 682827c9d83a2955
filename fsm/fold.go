package fsm

import (
	"crypto/sha256"

	"stoker/store"
)

// BroughtForward is a stretch of a user's ledger that has left the state for the
// archive, and the balance that it brings forward: the ledger in the state goes on
// from the newest one's. A user's stretches follow each other without a gap, from
// the first booking on.
type BroughtForward struct {
	User    string `cbor:"1,keyasint"`
	Index   uint64 `cbor:"2,keyasint"` // of its last booking
	Ordinal uint32 `cbor:"3,keyasint"`
	Rows    int    `cbor:"4,keyasint"` // bookings
	Balance int64  `cbor:"5,keyasint"` // after the last
	At      int64  `cbor:"6,keyasint"` // of the last, wall clock, ns
	Segment uint64 `cbor:"7,keyasint"` // of the archive
}

// broughtForward has each stretch under the key of its last booking: (user, index, ordinal).
var broughtForward = store.NewTable[BroughtForward]("brought_forward")

// What one entry folds at most: each booking is a deletion.
const (
	maxStretches = 256
	maxFolded    = 1024
)

// FoldLedger takes the oldest bookings of users out of the state that are in a
// segment of the archive, and writes down the balances that they bring forward. As
// with [ArchiveJobs] each stretch is named by the SHA-256 of its record, and the
// machine takes only what its own rows have: so a second delivery and a segment that
// is written twice fold nothing twice. Nobody's credits change.
type FoldLedger struct {
	Segment   ArchiveSegment `cbor:"1,keyasint"`
	Stretches []Stretch      `cbor:"2,keyasint"`
}

// Stretch is the oldest bookings of a user that are in the state, so many of them.
type Stretch struct {
	User   string   `cbor:"1,keyasint"`
	Rows   int      `cbor:"2,keyasint"`
	SHA256 [32]byte `cbor:"3,keyasint"` // of their record
}

// LedgerFolded answers FoldLedger.
type LedgerFolded struct {
	Segment  uint64       `cbor:"1,keyasint,omitempty"` // its number; 0 if it has no row, since nothing was moved into it
	Folded   int          `cbor:"2,keyasint"`           // stretches
	Bookings int          `cbor:"3,keyasint"`           // in them
	Kept     []KeptLedger `cbor:"4,keyasint,omitempty"` // the other stretches
}

// KeptLedger is a stretch that stays in the state, and why.
type KeptLedger struct {
	User string `cbor:"1,keyasint"`
	Why  Bond   `cbor:"2,keyasint"`
}

// The bonds of bookings, beside changed and gone.
const (
	BondJob   Bond = "job"   // one is of a job that is in the state
	BondMove  Bond = "move"  // the user is between two cells, which count its bookings
	BondWrong Bond = "wrong" // they do not add up: what is wrong must stay in sight
)

func (c FoldLedger) apply(tx *Tx) (LedgerFolded, error) {
	if r := tx.begun(); r != nil {
		return LedgerFolded{}, r
	}
	s, r := c.segment(tx)
	if r != nil {
		return LedgerFolded{}, r
	}
	// from here on nothing may refuse
	var a LedgerFolded
	for _, one := range c.Stretches {
		f, why := one.judge(tx)
		if s.Folded == s.Stretches && why == "" {
			why = BondChanged // there are no more in the segment
		}
		if why != "" {
			a.Kept = append(a.Kept, KeptLedger{one.User, why})
			continue
		}
		if s.Number == 0 {
			s.Number, s.At = nextSegment(tx), tx.wall()
		}
		f.Segment = s.Number
		f.fold(tx)
		s.Folded, s.Bookings = s.Folded+1, s.Bookings+f.Rows
		a.Folded, a.Bookings = a.Folded+1, a.Bookings+f.Rows
	}
	if a.Segment = s.Number; a.Folded > 0 {
		segments.Put(tx.Tx, store.Uint(s.Number), s)
	}
	return a, nil
}

// segment gives the segment's row, or what it will be.
func (c FoldLedger) segment(tx *Tx) (ArchiveSegment, *Refusal) {
	var names []string
	rows := 0
	for _, one := range c.Stretches {
		if one.Rows < 1 || one.Rows > maxFolded {
			return c.Segment, invalid("stretches", "one has %d bookings, between 1 and %d are allowed", one.Rows, maxFolded)
		}
		names, rows = append(names, one.User), rows+one.Rows
	}
	if len(c.Stretches) > maxStretches || rows > maxFolded {
		return c.Segment, invalid("stretches", "%d with %d bookings are too many for one entry, at most %d with %d are allowed", len(c.Stretches), rows, maxStretches, maxFolded)
	}
	return c.Segment.recorded(tx, names)
}

// judge says what the stretch brings forward, and what keeps it in the state; "" nothing.
func (c Stretch) judge(tx *Tx) (f BroughtForward, why Bond) {
	u, ok := users.Get(tx, store.Str(c.User))
	if !ok {
		return f, BondGone
	}
	if u.moves() {
		return f, BondMove
	}
	balance := opening(tx, u.ID)
	for _, e := range ledger.Scan(tx, store.Str(u.ID)) {
		if f.Rows == c.Rows {
			break
		}
		if balance += e.Amount; e.Balance != balance {
			return f, BondWrong
		}
		if e.held(tx) {
			return f, BondJob
		}
		f = BroughtForward{User: u.ID, Index: e.Index, Ordinal: e.Ordinal, Rows: f.Rows + 1, Balance: balance, At: e.At}
	}
	if f.Rows < c.Rows || sha256.Sum256(ledgerRecord(tx, u.ID, c.Rows)) != c.SHA256 {
		return f, BondChanged
	}
	return f, ""
}

// fold takes the stretch's bookings out of the state.
func (f BroughtForward) fold(tx *Tx) {
	left := f.Rows
	for k := range ledger.Raw(tx, store.Str(f.User)) {
		if left == 0 {
			break
		}
		ledger.Delete(tx.Tx, k)
		left--
	}
	broughtForward.Put(tx.Tx, f.Mark().key(store.Str(f.User)), f)
}

// held says whether the booking names a job that is in the state: then it stays beside it.
func (e LedgerEntry) held(r store.Reader) bool {
	return e.Ref != "" && len(e.Ref) <= maxName && jobs.Has(r, store.Str(e.Ref))
}

// moves says whether the user is between two cells.
func (u User) moves() bool { return u.Away == Leaving || u.Away == Arriving }

// opening is the balance that a user's bookings in the state begin with.
func opening(r store.Reader, user string) int64 {
	for _, f := range broughtForward.Backward(r, store.Str(user), "") {
		return f.Balance
	}
	return 0
}

// bookings counts those of a user's whole ledger.
func bookings(r store.Reader, user string) int {
	n := ledger.Len(r, store.Str(user))
	for _, f := range broughtForward.Scan(r, store.Str(user)) {
		n += f.Rows
	}
	return n
}

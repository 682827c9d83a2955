package fsm

import (
	"iter"
	"slices"

	"stoker/store"
)

// ReadStretch reads the bookings of a stretch, oldest first. They are in a file, and
// files are not this room's: whoever asks for a whole ledger passes the function.
type ReadStretch func(v *View, f BroughtForward) ([]LedgerEntry, error)

// Mark is the place of the stretch's last booking.
func (f BroughtForward) Mark() Mark { return Mark{Index: f.Index, Ordinal: f.Ordinal} }

// Mark is the booking's place in its ledger.
func (e LedgerEntry) Mark() Mark { return Mark{Index: e.Index, Ordinal: e.Ordinal} }

// BookedForward is the type of the row that stands for what was brought forward. It is
// no booking: nothing in this cluster books one.
const BookedForward = "brought-forward"

// Openings gives a row for each user, or with a name for that one, with the balance
// that its bookings in the state go on from; none where the first one is there still.
func (v *View) Openings(user string) iter.Seq[LedgerEntry] {
	p := store.Key("")
	if user != "" {
		p = store.Str(user)
	}
	return func(yield func(LedgerEntry) bool) {
		last := BroughtForward{}
		for _, f := range broughtForward.Scan(v, p) {
			if last.Rows > 0 && last.User != f.User && !yield(last.opening()) {
				return
			}
			last = f
		}
		if last.Rows > 0 {
			yield(last.opening())
		}
	}
}

func (f BroughtForward) opening() LedgerEntry {
	return LedgerEntry{User: f.User, Index: f.Index, Ordinal: f.Ordinal, Type: BookedForward, Amount: f.Balance, Balance: f.Balance, At: f.At}
}

// BroughtForward gives the stretches that have left the state, by user and oldest
// first; with a name those of one user.
func (v *View) BroughtForward(user string) iter.Seq[BroughtForward] {
	p := store.Key("")
	if user != "" {
		p = store.Str(user)
	}
	return only(broughtForward.Scan(v, p))
}

// Forward finds a stretch by its user and the place of its last booking.
func (v *View) Forward(user string, last Mark) (BroughtForward, bool) {
	return broughtForward.Get(v, last.key(store.Str(user)))
}

// WholeLedger gives a user's bookings, newest first, from before a mark (zero: the
// newest), those in the archive too. An error ends it: what is behind was not read.
func (v *View) WholeLedger(user string, before Mark, read ReadStretch) iter.Seq2[LedgerEntry, error] {
	return func(yield func(LedgerEntry, error) bool) {
		for e := range v.Ledger(user, before) {
			if !yield(e, nil) {
				return
			}
		}
		for f := range v.forwardBefore(user, before) {
			list, err := read(v, f)
			if err != nil {
				yield(LedgerEntry{}, err)
				return
			}
			for _, e := range slices.Backward(list) {
				if (before == (Mark{}) || before.Follows(e.Mark())) && !yield(e, nil) {
					return
				}
			}
		}
	}
}

// forwardBefore gives the stretches that have bookings from before a mark, newest first.
func (v *View) forwardBefore(user string, before Mark) iter.Seq[BroughtForward] {
	p := store.Str(user)
	return func(yield func(BroughtForward) bool) {
		from := store.Key("")
		if before != (Mark{}) {
			for k, f := range broughtForward.ScanAfter(v, p, before.key(p)) { // the mark may be inside of it
				from = k
				if !broughtForward.Has(v, before.key(p)) && !yield(f) {
					return
				}
				break
			}
		}
		for _, f := range broughtForward.Backward(v, p, from) {
			if !yield(f) {
				return
			}
		}
	}
}

// LedgerSince gives a user's bookings, oldest first, from behind a mark on (zero: the
// first), those in the archive too. An error ends it.
func (v *View) LedgerSince(user string, after Mark, read ReadStretch) iter.Seq2[LedgerEntry, error] {
	p := store.Str(user)
	return func(yield func(LedgerEntry, error) bool) {
		for _, f := range broughtForward.ScanAfter(v, p, after.key(p)) {
			list, err := read(v, f)
			if err != nil {
				yield(LedgerEntry{}, err)
				return
			}
			for _, e := range list {
				if e.Mark().Follows(after) && !yield(e, nil) {
					return
				}
			}
		}
		for _, e := range ledger.ScanAfter(v, p, after.key(p)) {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Foldable says how many of a user's oldest bookings in the state may leave that
// came before a time (wall clock, ns), and how many were looked at, limit at most. What
// another stack or cell says of its time counts from its arrival here. The newest stays
// in any case, nothing of a user between two cells leaves, and nothing from where on
// the balances do not add up.
func (v *View) Foldable(u User, before int64, limit int) (rows, looked int) {
	if u.moves() {
		return 0, 0
	}
	came := u.Imported
	if m, ok := v.CellMove(u.ID); ok && !m.Out {
		came = max(came, m.At)
	}
	old := 0 // up to here they may, unless it is the newest
	balance := opening(v, u.ID)
	for _, e := range ledger.Scan(v, store.Str(u.ID)) {
		if balance += e.Amount; looked == limit || e.Balance != balance || e.held(v) {
			return old, looked
		}
		looked++
		switch {
		case e.Old != "" && max(e.At, came) <= before, e.Old == "" && e.At <= before:
			old = looked
		case e.Old == "":
			return old, looked // those behind it are later still
		}
	}
	return max(0, min(old, looked-1)), looked
}

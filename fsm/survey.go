package fsm

import "stoker/store"

// Survey walks the whole state in small steps and adds up what is in no counter.
// Each step reads a view of its own, so that none is held for as long as the walk
// takes; the sums are therefore of no single moment, but for a user's: the user
// and the user's ledger, with what the archive brings forward, are read in one view,
// and must agree.
type Survey struct {
	Users       int
	Off         []Imbalance // users whose ledger is not their credits; it must be empty
	Objects     int
	ObjectBytes int64
	Dead        int // letters

	stage int
	after store.Key
}

// Imbalance is a user whose credits are not the sum of the ledger.
type Imbalance struct {
	User    string
	Credits int64 // as the user's row says
	Ledger  int64 // as what the archive brings forward and the ledger's rows sum up to
}

// Step goes on for about as many rows; done says that the walk is over.
func (s *Survey) Step(v *View, rows int) (done bool) {
	stages := []func(*View, int) int{s.eachUser, s.eachObject, s.eachLetter}
	for rows > 0 && s.stage < len(stages) {
		if rows = stages[s.stage](v, rows); rows > 0 {
			s.stage, s.after = s.stage+1, ""
		}
	}
	return s.stage == len(stages)
}

// Each stage gives what is left of rows: nothing, unless it came to its end.

func (s *Survey) eachUser(v *View, rows int) int {
	for k, u := range users.ScanAfter(v, "", s.after) {
		if rows <= 0 {
			return 0
		}
		sum := opening(v, u.ID)
		for _, e := range ledger.Scan(v, store.Str(u.ID)) {
			sum += e.Amount
			rows--
		}
		if sum != u.Credits {
			s.Off = append(s.Off, Imbalance{User: u.ID, Credits: u.Credits, Ledger: sum})
		}
		s.Users, s.after, rows = s.Users+1, k, rows-1
	}
	return max(rows, 1)
}

func (s *Survey) eachObject(v *View, rows int) int {
	for k, o := range objects.ScanAfter(v, "", s.after) {
		if rows <= 0 {
			return 0
		}
		s.Objects, s.ObjectBytes = s.Objects+1, s.ObjectBytes+o.Size
		s.after, rows = k, rows-1
	}
	return max(rows, 1)
}

func (s *Survey) eachLetter(v *View, rows int) int {
	for k := range dead.ScanAfter(v, "", s.after) {
		if rows <= 0 {
			return 0
		}
		s.Dead, s.after, rows = s.Dead+1, k, rows-1
	}
	return max(rows, 1)
}

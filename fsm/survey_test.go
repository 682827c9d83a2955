package fsm

import (
	"testing"

	"stoker/store"
)

// TestSurvey_FindsWhatTheLedgerDoesNotSay: in steps of any size every user is
// looked at once, and one whose row was changed behind the ledger's back is named.
func TestSurvey_FindsWhatTheLedgerDoesNotSay(t *testing.T) {
	w := newWorld(t)
	w.propose(Propose(genesis(DefaultSettings())))
	for _, id := range []string{"a", "b", "c"} {
		w.propose(Propose(SignIn{NewID: id}))
		w.propose(Propose(GrantCredits{User: id, Amount: 5, Reason: "test"}))
	}
	for rows := 1; rows < 12; rows++ {
		if s := w.survey(rows); s.Users != 3 || len(s.Off) != 0 {
			t.Errorf("in steps of %d rows: %+v", rows, s)
		}
	}
	err := w.m.update(func(tx *store.Tx) error {
		u, _ := users.Get(tx, store.Str("b"))
		u.Credits += 7
		users.Put(tx, store.Str("b"), u)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for rows := 1; rows < 12; rows++ {
		s := w.survey(rows)
		if len(s.Off) != 1 || s.Off[0] != (Imbalance{User: "b", Credits: 22, Ledger: 15}) {
			t.Errorf("in steps of %d rows: %+v", rows, s)
		}
	}
}

// survey walks the whole state.
func (w *world) survey(rows int) (s Survey) {
	for done := false; !done; {
		v := w.m.View()
		done = s.Step(v, rows)
		v.Close()
	}
	return s
}

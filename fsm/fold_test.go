package fsm

import (
	"strings"
	"testing"

	"stoker/store"
)

// foldedWorld has a user with six bookings, of which three are in a segment.
func foldedWorld(t *testing.T) *world {
	w := newWorld(t)
	must(w, genesis(DefaultSettings()))
	must(w, SignIn{NewID: "u1"})
	for range 5 {
		must(w, GrantCredits{User: "u1", Amount: 5, Reason: "gift"})
	}
	must(w, PutObject{Object: Object{Bucket: ArchiveBucket, Key: "s1", Upload: "up", Size: 9, SHA256: segmentHash("s1"), Nodes: []string{"n1"}}})
	if a := w.fold(3); a.Folded != 1 {
		t.Fatalf("%+v", a)
	}
	return w
}

// fold folds the oldest bookings of u1 that are in the state.
func (w *world) fold(rows int) LedgerFolded {
	v := w.m.View()
	c := FoldLedger{Segment: ArchiveSegment{Key: "s1", Bytes: 9, SHA256: segmentHash("s1"), Stretches: 9}, Stretches: []Stretch{file(v, "u1", rows)}}
	v.Close()
	return must(w, c)
}

// damage changes a row as no command would.
func (w *world) damage(how func(tx *store.Tx)) {
	w.t.Helper()
	if err := w.m.update(func(tx *store.Tx) error { how(tx); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

// TestCheck_findsFolded: what a ledger brings forward is held against what is in the
// state, and against what its segment says.
func TestCheck_findsFolded(t *testing.T) {
	forward := func(how func(*BroughtForward)) func(*store.Tx) {
		return func(tx *store.Tx) {
			for k, f := range broughtForward.Scan(tx, "") {
				how(&f)
				broughtForward.Put(tx, k, f)
			}
		}
	}
	for said, damage := range map[string]func(*store.Tx){
		"":                                      func(*store.Tx) {},
		"u1 has 35 credits, its ledger says 36": forward(func(f *BroughtForward) { f.Balance++ }),
		"u1 has 35 credits, its ledger says 15": func(tx *store.Tx) { broughtForward.Delete(tx, Mark{4, 1}.key(store.Str("u1"))) },
		"bookings are said to be in segment 7":  forward(func(f *BroughtForward) { f.Segment = 7 }),
		"counts 1 of 9 stretches with 3 bookings; 1 with 4 are said to be there": forward(func(f *BroughtForward) { f.Rows++ }),
		"brings forward 20 from 0 bookings":                                      forward(func(f *BroughtForward) { f.Rows = 0 }),
		"a booking of u1 at entry 3 is in the state, those up to entry 4 are in the": func(tx *store.Tx) {
			ledger.Put(tx, Mark{3, 1}.key(store.Str("u1")), LedgerEntry{User: "u1", Index: 3, Ordinal: 1})
		},
	} {
		w := foldedWorld(t)
		w.damage(damage)
		v := w.m.View()
		c, err := v.Check()
		v.Close()
		if err != nil || (said == "") != (len(c.Wrong) == 0) || !strings.Contains(strings.Join(c.Wrong, "\n"), said) {
			t.Errorf("want %q, found %q, %v", said, c.Wrong, err)
		}
		if said == "" && (c.Folded != 3 || c.Entries != 3 || c.Credits != 35) {
			t.Errorf("found %+v", c)
		}
	}
}

// TestFoldLedger_wrong: bookings that do not add up stay in the state, where every check
// finds them.
func TestFoldLedger_wrong(t *testing.T) {
	w := foldedWorld(t)
	w.damage(func(tx *store.Tx) {
		for k, e := range ledger.Scan(tx, "") {
			e.Balance++
			ledger.Put(tx, k, e)
			break
		}
	})
	v := w.m.View()
	u, _ := v.User("u1")
	if rows, looked := v.Foldable(u, v.Wall(), 9); rows != 0 || looked != 0 {
		t.Errorf("a leader would have %d of %d leave", rows, looked)
	}
	v.Close()
	if a := w.fold(2); a.Folded != 0 || len(a.Kept) != 1 || a.Kept[0].Why != BondWrong {
		t.Errorf("%+v", a)
	}
}

// TestSurvey_folded: the survey finds what a check finds of what is brought forward.
func TestSurvey_folded(t *testing.T) {
	w := foldedWorld(t)
	for _, off := range []int64{0, 2} {
		w.damage(func(tx *store.Tx) {
			for k, f := range broughtForward.Scan(tx, "") {
				f.Balance += off
				broughtForward.Put(tx, k, f)
			}
		})
		v := w.m.View()
		var s Survey
		for !s.Step(v, 1) {
		}
		v.Close()
		if (off == 0) != (len(s.Off) == 0) || off != 0 && s.Off[0] != (Imbalance{User: "u1", Credits: 35, Ledger: 37}) {
			t.Errorf("off by %d: %+v", off, s.Off)
		}
	}
}

// FuzzStretch: what is no record of bookings is an error, never a panic and never none.
func FuzzStretch(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x06ledger\x01k\x02\xa1\x01"))
	f.Add([]byte("\x06ledger\x01k\x04\xa1\x01\x61u"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if list, err := ParseStretch(raw); err == nil && len(list) == 0 {
			t.Errorf("%x is a record of nothing", raw)
		}
	})
}

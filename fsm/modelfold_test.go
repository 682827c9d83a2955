package fsm

import "fmt"

// fold takes the oldest bookings of a user out of its ledger: rows of them, which name these jobs. all says how many there are.
func (m *model) fold(segment, user string, rows, all int, refs []string, wrong bool) (folded bool, code Code) {
	if m.segments[segment] == "" {
		return false, NotFound
	}
	u := m.users[user]
	if u == nil || rows > all || wrong {
		return false, ""
	}
	for _, ref := range refs {
		if m.jobs[ref] != nil {
			return false, ""
		}
	}
	u.folded += rows
	m.stretches++
	m.filled[segment] = true
	m.shown["folded"] = true
	return true, ""
}

// compareFolded holds what ledgers bring forward against what was folded.
func (m *model) compareFolded(v *View) error {
	for id, u := range m.users {
		rows, balance := 0, int64(0)
		for f := range v.BroughtForward(id) {
			list, err := filedStretch(v, f)
			if err != nil {
				return err
			}
			for _, e := range list {
				balance += e.Amount
			}
			if rows += f.Rows; len(list) != f.Rows || balance != f.Balance {
				return fmt.Errorf("%s brings forward %+v, its bookings come to %d", id, f, balance)
			}
		}
		if rows != u.folded {
			return fmt.Errorf("%d bookings of %s have left, in the model %d", rows, id, u.folded)
		}
		for e := range v.Ledger(id, Mark{}) {
			balance += e.Amount
		}
		if balance != u.credits {
			return fmt.Errorf("the whole ledger of %s comes to %d, the model has %d", id, balance, u.credits)
		}
	}
	return nil
}

// folds has bookings of a user leave, right or wrong.
func (d *driver) folds() {
	d.flush()
	segment, user := d.dice.name("s", 3), d.user()
	o := Object{Bucket: ArchiveBucket, Key: segment, SHA256: segmentHash(segment)}
	v := d.m.View()
	var refs []string
	for e, err := range v.LedgerSince(user, Mark{}, func(*View, BroughtForward) ([]LedgerEntry, error) { return nil, nil }) {
		if err != nil {
			d.t.Fatal(err)
		}
		refs = append(refs, e.Ref)
	}
	rows := 1 + d.dice.of(min(len(refs)+1, 8))
	one, wrong := file(v, user, rows), d.dice.one(10)
	if wrong {
		one.SHA256[0]++
	}
	v.Close()
	c := FoldLedger{Segment: ArchiveSegment{Key: segment, Bytes: 9, SHA256: o.SHA256, Jobs: 1 << 20, Stretches: 1 << 20}, Stretches: []Stretch{one}}
	// A second one of the same is what a second delivery is: it folds nothing more.
	c.Stretches = append(c.Stretches, one)
	folded := false
	do(d, c, func() (code Code) {
		folded, code = d.model.fold(segment, user, rows, len(refs), refs[:min(rows, len(refs))], wrong)
		return code
	}, func(a LedgerFolded) error {
		if folded != (a.Folded == 1) || folded && a.Bookings != rows || len(a.Kept) != 2-a.Folded {
			return fmt.Errorf("%+v of %d bookings of %s; the model folds: %v", a, rows, user, folded)
		}
		return nil
	})
	d.flush()
}

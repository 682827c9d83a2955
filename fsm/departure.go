package fsm

import (
	"cmp"
	"fmt"
	"strings"

	"stoker/store"
)

// Waypoint is how far a user that leaves has been read. The zero value is its beginning.
type Waypoint struct {
	Begun  bool // who it is and its rules have been read
	Jobs   bool // and its whole ledger
	Behind int  // rows of the ledger that were read, or that are there already
	After  Mark // the last row, or job
}

// A part of a user that leaves has at most so many rows, and one of many items says little of each: it is one body of the API.
const (
	departEntries = 150
	departItems   = 200
	departManyOf  = 500 // items of a job; above that
	departError   = 60  // so much of each item's error goes along, in bytes
)

// Departing reads the next part of a user that leaves, as the other cell takes it; last says that it was the last one. Bookings
// that are in the archive go along. It is refused while the user has open jobs: what they give back has to go along, too.
func (v *View) Departing(user string, w Waypoint, read ReadStretch) (part ArriveUser, next Waypoint, last bool, err error) {
	u, ok := v.User(user)
	m, _ := v.CellMove(user)
	switch {
	case !ok:
		return part, w, false, Refuse(NotFound, "no user %.80q", user)
	case u.Away != Leaving:
		return part, w, false, Refuse(MoveConflict, "%s is not leaving", user)
	case u.ActiveJobs > 0:
		return part, w, false, Refuse(MoveConflict, "%s has %d jobs that have not ended", user, u.ActiveJobs)
	}
	part = ArriveUser{User: u.ID, From: v.ClusterID(), To: m.Cell, Epoch: m.Epoch, Index: m.Index}
	switch {
	case !w.Begun:
		part.Head = &Arrival{
			Plan: u.Plan, DeviceHash: u.DeviceHash, CreatedAt: u.CreatedAt, Rules: v.Rules(u.ID),
			Entries: bookings(v, u.ID),
		}
		w.Begun = true
	case !w.Jobs:
		if err := w.entries(v, &part, read); err != nil {
			return part, w, false, err
		}
	default:
		last = w.jobs(v, &part)
	}
	return part, w, last, nil
}

// entries reads on in the ledger, from its Behind-th row where no other was read before.
func (w *Waypoint) entries(v *View, part *ArriveUser, read ReadStretch) error {
	skip, after := 0, w.After
	if w.After == (Mark{}) {
		skip = w.Behind
	}
	for f := range v.BroughtForward(part.User) { // no file is opened for what the other cell has
		if f.Rows > skip {
			break
		}
		skip, after = skip-f.Rows, f.Mark()
	}
	part.Behind = w.Behind
	for e, err := range v.LedgerSince(part.User, after, read) {
		if err != nil {
			return err
		}
		if skip > 0 {
			skip--
			continue
		}
		if len(part.Entries) == departEntries {
			return nil
		}
		old := cmp.Or(e.Old, fmt.Sprintf("l_%x-%x", e.Index, e.Ordinal))
		part.Entries = append(part.Entries, MovedRow{Type: e.Type, Amount: e.Amount, Ref: e.Ref, At: e.At, By: e.By, Old: old})
		w.Behind, w.After = w.Behind+1, e.Mark()
	}
	w.Jobs, w.After = true, Mark{}
	return nil
}

// jobs reads on in the user's jobs, oldest first.
func (w *Waypoint) jobs(v *View, part *ArriveUser) (last bool) {
	p, rows := store.Str(part.User), 0
	from := store.Key("")
	if w.After != (Mark{}) {
		from = jobsByUser.Pos(w.After.key(p), "")
	}
	for _, j := range jobsByUser.ScanAfter(v, p, from) {
		if !(Mark{j.Index, j.Ordinal}).Follows(w.After) {
			continue
		}
		if rows += 1 + j.Total; rows > departItems && len(part.Jobs) > 0 {
			return false
		}
		part.Jobs = append(part.Jobs, departed(v, j))
		w.After = Mark{j.Index, j.Ordinal}
	}
	return true
}

func departed(v *View, j Job) OldJob {
	old := OldJob{
		ID: j.ID, User: j.User, Status: j.Status, Preset: j.Preset, Price: j.Price, Rule: j.Rule, Template: j.Template,
		Concepts: j.Concepts, Protect: j.Protect,
		CreatedAt: j.CreatedAt, EndedAt: max(j.CreatedAt, j.UpdatedAt), // two leaders' wall clocks
	}
	if e, ok := v.LastStep(j.ID); ok {
		old.Error = e.Detail
	}
	for _, it := range v.Items(j.ID) {
		o := OldItem{Status: it.Status, Input: it.Input, Error: it.Error}
		if it.Output != j.OutputKey(it.Idx) {
			o.Output = it.Output
		}
		if it.Preview != j.PreviewKey(it.Idx) {
			o.Preview = it.Preview
		}
		if j.Total > departManyOf {
			o.Error = strings.ToValidUTF8(o.Error[:min(len(o.Error), departError)], "")
		}
		old.Items = append(old.Items, o)
	}
	return old
}

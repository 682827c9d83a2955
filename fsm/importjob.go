package fsm

import (
	"cmp"
	"fmt"
	"strings"

	"stoker/store"
)

// OldJob is a job as another stack knew it. It has ended.
type OldJob struct {
	ID       string             `cbor:"1,keyasint"`
	User     string             `cbor:"2,keyasint"`
	Status   Status             `cbor:"3,keyasint"` // done, failed or canceled
	Preset   string             `cbor:"4,keyasint"`
	Price    int64              `cbor:"5,keyasint,omitempty"` // credits an item
	Rule     string             `cbor:"6,keyasint,omitempty"`
	Template string             `cbor:"7,keyasint,omitempty"`
	Concepts map[string]Concept `cbor:"8,keyasint,omitempty"`
	Protect  []string           `cbor:"9,keyasint,omitempty"`

	CreatedAt int64     `cbor:"10,keyasint"` // wall clock, ns
	EndedAt   int64     `cbor:"11,keyasint"`
	Error     string    `cbor:"12,keyasint,omitempty"`
	Refund    int64     `cbor:"13,keyasint,omitempty"` // credits that are given back now: of a job that was open there
	Items     []OldItem `cbor:"14,keyasint,omitempty"` // by number; none: the other stack's list of them was not kept
}

// OldItem is an item of an OldJob. It is final.
type OldItem struct {
	Status  Status `cbor:"1,keyasint"`
	Input   string `cbor:"2,keyasint,omitempty"` // object keys; "": as ours are
	Output  string `cbor:"3,keyasint,omitempty"`
	Preview string `cbor:"4,keyasint,omitempty"`
	Error   string `cbor:"5,keyasint,omitempty"`
}

func (c OldJob) judge(r store.Reader) Fate {
	if !saneOldID(c.ID) {
		return refused(c.ID, invalid("job_id", idWords))
	}
	if j, ok := jobs.Get(r, store.Str(c.ID)); ok {
		if j.Imported == 0 || j.User != c.User {
			return inConflict(c.ID, "the job is here, of %s, and did not come with this import", j.User)
		}
		return Fate{ID: c.ID, Result: There}
	}
	if a, ok := archived.Get(r, store.Str(c.ID)); ok {
		if !a.Imported || a.User != c.User {
			return inConflict(c.ID, "the job is in the archive, of %s, and did not come with this import", a.User)
		}
		return Fate{ID: c.ID, Result: There}
	}
	if why := c.sane(); why != nil {
		return refused(c.ID, why)
	}
	if !saneOldID(c.User) {
		return refused(c.ID, invalid("user_id", idWords))
	}
	u, ok := users.Get(r, store.Str(c.User))
	switch {
	case !ok:
		return refused(c.ID, Refuse(NotFound, "its user %s is not here", c.User))
	case u.Away != "":
		return refused(c.ID, u.tied(r))
	case u.Imported == 0:
		return inConflict(c.ID, "its user %s is here and did not come by import", c.User)
	case imports.Has(r, store.Str(c.User)):
		return refused(c.ID, Refuse(Unavailable, "its user %s is not whole yet", c.User))
	case u.Credits+c.Refund > maxGrant:
		return refused(c.ID, invalid("refund", "no balance may exceed %d", int64(maxGrant)))
	}
	return Fate{ID: c.ID, Result: Taken}
}

// sane refuses a job that cannot have been one.
func (c OldJob) sane() *Refusal {
	done := 0
	for i, it := range c.Items {
		if !it.Status.Ended() {
			return invalid("items", "item %d is %.40q; it must be done, failed or canceled", i, it.Status)
		}
		if it.Status == Done {
			done++
		}
		if r := tooLong("items", it.Input, it.Output, it.Preview, it.Error); r != nil {
			return r
		}
	}
	switch {
	case !c.Status.Ended():
		return invalid("status", "%.40q is not the end of a job; it must be done, failed or canceled", c.Status)
	case len(c.Items) > mostItems:
		return invalid("items", "there are %d, at most %d are allowed", len(c.Items), mostItems)
	case len(c.Items) > 0 && (c.Status == Done && done == 0 || c.Status == Failed && done > 0):
		return invalid("status", "a job is done if an item of it is, and failed if none is; this one is %s with %d done", c.Status, done)
	case c.Preset == "" || c.Price < 0 || c.Price > maxGrant || c.Refund < 0 || c.Refund > maxGrant || c.Refund > 0 && c.Status != Canceled:
		return invalid("preset", "a preset is needed, price and refund may not be negative, and only what is canceled is refunded")
	case c.CreatedAt < 0 || c.EndedAt < c.CreatedAt:
		return invalid("finished_at", "a job ends after it began, which is after 1970")
	case len(c.Protect) > oldNames:
		return invalid("protect", "has %d, at most %d are allowed", len(c.Protect), oldNames)
	}
	return oldText(c.Concepts, append([]string{c.Preset, c.Rule, c.Template, c.Error}, c.Protect...)...)
}

// take writes down a job that has ended elsewhere. Nobody is told as if it had
// ended now, but of the import; a refund is of now.
func (c OldJob) take(tx *Tx, s *Settings) {
	j := Job{
		ID: c.ID, User: c.User, Status: c.Status, Preset: c.Preset, Total: len(c.Items), Final: len(c.Items),
		Price: c.Price, Budgets: s.Budgets, Settings: s.Version,
		Concepts: c.Concepts, Protect: c.Protect, Rule: c.Rule, Template: c.Template,
		CreatedAt: c.CreatedAt, UpdatedAt: c.EndedAt, Imported: max(tx.wall(), 1),
	}
	if c.Refund > 0 {
		u, _ := users.Get(tx, store.Str(c.User))
		book(tx, &u, "refund", c.Refund, c.ID)
		users.Put(tx.Tx, store.Str(u.ID), u)
	}
	tx.say(note{Kind: noteImport, Of: j.ID})
	for i, old := range c.Items {
		it := Item{Idx: i, Status: old.Status, Error: old.Error, Input: old.Input}
		switch old.Status {
		case Done:
			j.Done++
			it.Output, it.Preview, it.Error = cmp.Or(old.Output, j.OutputKey(i)), cmp.Or(old.Preview, j.PreviewKey(i)), ""
		case Failed:
			j.Failed++
		}
		items.Put(tx.Tx, itemKey(j.ID, i), it)
	}
	j.Index, j.Ordinal = tx.position()
	recordOld(tx, j, "", Created, c.CreatedAt, fmt.Sprintf("%d items of %s", j.Total, j.Preset))
	recordOld(tx, j, Created, j.Status, c.EndedAt, c.Error)
	jobs.Put(tx.Tx, store.Str(j.ID), j)
}

// recordOld appends a transition of another stack to the job's history. What came
// between two of them nobody knows any more.
func recordOld(tx *Tx, j Job, from, to Status, at int64, detail string) {
	index, ordinal := tx.position()
	history.Put(tx.Tx, store.Str(j.ID).Uint(index).Uint(uint64(ordinal)), Event{
		Job: j.ID, Index: index, Ordinal: ordinal, At: at, From: from, To: to, By: importBooked, Detail: detail, Imported: true,
	})
}

// brings says whether an object is one of an imported job's: they come behind it,
// by whoever may write to the bucket.
func (j Job) brings(o Object) bool {
	kind, rest, _ := strings.Cut(o.Key, "/")
	return j.Imported != 0 && o.Fence == 0 && kind != "" && strings.HasPrefix(rest, j.User+"/"+j.ID+"/")
}

// keepBrought sets the deadline of an object of an imported job: its time counts
// from the upload, since the job's end was long ago.
func keepBrought(tx *Tx, r *Retention, j Job, kind string, o Object) {
	if d := r.kinds()[kind].after(j.Status); d > 0 {
		setTimer(tx, tx.now()+d, objectOld, objectKey(o.Bucket, o.Key).Str(o.Upload))
	}
}

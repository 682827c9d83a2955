package fsm

import (
	"slices"

	"stoker/store"
)

// ConfirmOutside is ConfirmUpload where the pictures are in an object store
// outside, which only a node can ask: it says what it found there.
type ConfirmOutside struct {
	User  string  `cbor:"1,keyasint"`
	Job   string  `cbor:"2,keyasint"`
	Found []Found `cbor:"3,keyasint"`
}

// Found is an input that is there; one that is not listed is not.
type Found struct {
	Idx  int    `cbor:"1,keyasint"`
	Size int64  `cbor:"2,keyasint"`
	Kind string `cbor:"3,keyasint"` // by its first bytes
	Flaw string `cbor:"4,keyasint,omitempty"`
}

func (c ConfirmOutside) apply(tx *Tx) (Job, error) {
	j, r := tx.owned(c.User, c.Job)
	if r != nil {
		return j, r
	}
	if r := j.mayBecome(Uploaded); r != nil {
		return j, r
	}
	s, _ := settings.Get(tx, store.Uint(j.Settings))
	var missing []int
	var unusable []Unusable
	for i := range j.Total {
		at := slices.IndexFunc(c.Found, func(f Found) bool { return f.Idx == i })
		if at < 0 {
			missing = append(missing, i)
			continue
		}
		if flaw := c.Found[at].flaw(&s); flaw != "" {
			missing, unusable = append(missing, i), append(unusable, Unusable{i, flaw})
		}
	}
	if r := incomplete(j, missing, unusable); r != nil {
		return j, r
	}
	step(tx, &j, Uploaded, j.Budgets.Execute, "")
	jobs.Put(tx.Tx, store.Str(j.ID), j)
	return j, nil
}

// flaw says why it is no input. A store outside keeps no limit of ours: the
// size is looked at here.
func (f Found) flaw(s *Settings) string {
	if f.Size > s.MaxUpload {
		return tooManyBytes(s.MaxUpload)
	}
	return s.flawOf(f.Kind, f.Flaw)
}

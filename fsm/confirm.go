package fsm

import (
	"fmt"
	"slices"
	"strings"

	"stoker/store"
)

// ConfirmUpload says that every input is there; the machine looks for itself.
type ConfirmUpload struct {
	User string `cbor:"1,keyasint"`
	Job  string `cbor:"2,keyasint"`
}

func (c ConfirmUpload) apply(tx *Tx) (Job, error) {
	j, r := tx.owned(c.User, c.Job)
	if r != nil {
		return j, r
	}
	if j.confirmed() {
		return j, nil
	}
	if r := j.mayBecome(Uploaded); r != nil {
		return j, r
	}
	terms, _ := settings.Get(tx, store.Uint(j.Settings))
	if r := complete(tx, &terms, j); r != nil {
		return j, r
	}
	step(tx, &j, Uploaded, j.Budgets.Execute, "")
	jobs.Put(tx.Tx, store.Str(j.ID), j)
	return j, nil
}

// complete refuses a job whose inputs are not all there and usable.
func complete(tx *Tx, s *Settings, j Job) *Refusal {
	var missing []int
	var unusable []Unusable
	for i := range j.Total {
		there, flaw := inputOf(tx, s, j, i)
		if there && flaw == "" {
			continue
		}
		missing = append(missing, i)
		if there {
			unusable = append(unusable, Unusable{i, flaw})
		}
	}
	return incomplete(j, missing, unusable)
}

// incomplete is nil when nothing is missing. What is there and of no use is
// missing too: a client that knows no more than that list uploads it again.
func incomplete(j Job, missing []int, unusable []Unusable) *Refusal {
	if len(missing) == 0 {
		return nil
	}
	r := Refuse(UploadIncomplete, "%d of %d pictures are not there yet; upload them and confirm again", len(missing), j.Total)
	if len(unusable) > 0 {
		r = Refuse(UploadIncomplete, "%d of %d pictures are not there yet or cannot be used (number %d: %s); upload them and confirm again",
			len(missing), j.Total, unusable[0].Idx, unusable[0].Reason)
	}
	r.Missing, r.Invalid = missing, unusable
	return r
}

// inputOf says whether item idx has its input, and what is wrong with it. One from
// before level 3 was not looked at and passes.
func inputOf(r store.Reader, s *Settings, j Job, idx int) (there bool, flaw string) {
	o, there := objects.Get(r, objectKey(s.Bucket, j.InputKey(idx)))
	if !there || o.Kind == "" {
		return there, ""
	}
	return true, s.flawOf(o.Kind, o.Flaw)
}

// flawOf says why a body of that kind, with that flaw of its own, is no input;
// "" when it is one.
func (s *Settings) flawOf(kind, flaw string) string {
	switch allowed := s.Pictures(); {
	case !slices.Contains(allowed, kind):
		return fmt.Sprintf("its bytes are %s; a picture is one of %s", kind, strings.Join(allowed, ", "))
	case flaw != "":
		return flaw
	}
	return ""
}

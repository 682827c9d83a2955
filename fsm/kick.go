package fsm

import (
	"fmt"

	"stoker/store"
)

// KickDead gives dead items another chance: a new job of them, which checks and
// debits like any other, since the old one has ended and was refunded. Its inputs
// are the old job's pictures.
type KickDead struct {
	Job    string `cbor:"1,keyasint"`
	Idx    int    `cbor:"2,keyasint"` // -1: every dead item of the job
	NewJob string `cbor:"3,keyasint"`
}

func (c KickDead) deed() deed { return deed{Subject: c.Job, Detail: "new job " + c.NewJob} }

func (c KickDead) apply(tx *Tx) (Job, error) {
	old, ok := jobs.Get(tx, store.Str(c.Job))
	if !ok {
		return Job{}, Refuse(JobNotFound, "no job %q", c.Job)
	}
	var letters []DeadLetter
	for _, d := range dead.Scan(tx, store.Str(c.Job)) {
		if c.Idx < 0 || d.Idx == c.Idx {
			letters = append(letters, d)
		}
	}
	bucket := tx.current().Bucket
	switch {
	case len(letters) == 0:
		return Job{}, Refuse(NotFound, "job %s has no such dead item", c.Job)
	case !old.Status.Ended():
		r := Refuse(JobInvalidTransition, "job %s is %s; its dead items can be kicked when it has ended", old.ID, old.Status)
		r.Status = old.Status
		return Job{}, r
	case waiting(tx)+len(letters) > tx.current().QueueDepth:
		r := Refuse(QueueFull, "the queue is full; try again later")
		r.RetryAfter = 30
		return Job{}, r
	}
	for _, d := range letters {
		if !objects.Has(tx, objectKey(bucket, old.InputKey(d.Idx))) {
			return Job{}, Refuse(NotFound, "the picture of item %d is not there any more", d.Idx)
		}
	}
	j, err := CreateJob{User: old.User, ID: c.NewJob, Preset: old.Preset, Items: int64(len(letters))}.apply(tx)
	if err != nil {
		return Job{}, err
	}
	// from here on nothing may refuse
	for i, d := range letters {
		o, _ := objects.Get(tx, objectKey(bucket, old.InputKey(d.Idx)))
		if o.File == "" {
			o.File = o.Key
		}
		o.Key = j.InputKey(i)
		objects.Put(tx.Tx, objectKey(bucket, o.Key), o)
		dead.Delete(tx.Tx, itemKey(d.Job, d.Idx))
		clearTimer(tx, d.Due, deadOld, itemKey(d.Job, d.Idx))
	}
	j.RetryOf = old.ID
	j.Concepts, j.Protect, j.Rule, j.Template = old.Concepts, old.Protect, old.Rule, old.Template
	step(tx, &j, Uploaded, j.Budgets.Execute, fmt.Sprintf("retry of %s", old.ID))
	queueJob(tx, &j, presetOf(tx, j))
	return j, nil
}

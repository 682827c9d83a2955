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
	switch {
	case len(letters) == 0:
		return Job{}, Refuse(NotFound, "job %s has no such dead item", c.Job)
	case !old.Status.Ended():
		r := Refuse(JobInvalidTransition, "job %s is %s; its dead items can be kicked when it has ended", old.ID, old.Status)
		r.Status = old.Status
		return Job{}, r
	}
	idxs := make([]int, len(letters))
	for i, d := range letters {
		idxs[i] = d.Idx
	}
	return again(tx, old, idxs, c.NewJob)
}

// RetryJob tries again whatever an ended job has not done, for whatever reason, as
// KickDead does with what has died.
type RetryJob struct {
	Job    string `cbor:"1,keyasint"`
	NewJob string `cbor:"2,keyasint"`
}

func (c RetryJob) deed() deed { return deed{Subject: c.Job, Detail: "new job " + c.NewJob} }

func (c RetryJob) apply(tx *Tx) (Job, error) {
	old, ok := jobs.Get(tx, store.Str(c.Job))
	if !ok {
		return Job{}, Refuse(JobNotFound, "no job %q", c.Job)
	}
	if !old.Status.Ended() {
		r := Refuse(JobInvalidTransition, "job %s is %s; what it leaves undone can be tried again when it has ended", old.ID, old.Status)
		r.Status = old.Status
		return Job{}, r
	}
	var idxs []int
	for _, it := range items.Scan(tx, store.Str(old.ID)) {
		if it.Status != Done {
			idxs = append(idxs, it.Idx)
		}
	}
	if len(idxs) == 0 {
		return Job{}, Refuse(NotFound, "job %s has done all of its items; there is nothing to try again", old.ID)
	}
	return again(tx, old, idxs, c.NewJob)
}

// again opens a new job of items of one that has ended, and queues it. The items'
// dead letters, if there are any, are answered by it.
func again(tx *Tx, old Job, idxs []int, newJob string) (Job, error) {
	bucket := tx.current().Bucket
	if waiting(tx)+len(idxs) > tx.current().QueueDepth {
		r := Refuse(QueueFull, "the queue is full; try again later")
		r.RetryAfter = 30
		return Job{}, r
	}
	for _, idx := range idxs {
		if !objects.Has(tx, objectKey(bucket, old.InputKey(idx))) {
			return Job{}, Refuse(NotFound, "the picture of item %d is not there any more", idx)
		}
	}
	j, err := CreateJob{User: old.User, ID: newJob, Preset: old.Preset, Items: int64(len(idxs))}.apply(tx)
	if err != nil {
		return Job{}, err
	}
	// from here on nothing may refuse
	for i, idx := range idxs {
		o, _ := objects.Get(tx, objectKey(bucket, old.InputKey(idx)))
		if o.File == "" {
			o.File = o.Key
		}
		o.Key = j.InputKey(i)
		objects.Put(tx.Tx, objectKey(bucket, o.Key), o)
		if d, died := dead.Get(tx, itemKey(old.ID, idx)); died {
			dead.Delete(tx.Tx, itemKey(old.ID, idx))
			clearTimer(tx, d.Due, deadOld, itemKey(old.ID, idx))
		}
	}
	j.RetryOf = old.ID
	j.Concepts, j.Protect, j.Rule, j.Template = old.Concepts, old.Protect, old.Rule, old.Template
	step(tx, &j, Uploaded, j.Budgets.Execute, fmt.Sprintf("retry of %s", old.ID))
	queueJob(tx, &j, presetOf(tx, j))
	return j, nil
}

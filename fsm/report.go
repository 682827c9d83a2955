package fsm

import (
	"slices"
	"strings"

	"stoker/store"
)

// Report brings results of items under a lease. What is final already is counted
// as a duplicate and changes nothing.
type Report struct {
	Fence   uint64       `cbor:"1,keyasint"`
	Results []ItemResult `cbor:"2,keyasint"`
}

// ItemResult is what became of one item.
type ItemResult struct {
	Idx       int    `cbor:"1,keyasint"`
	Done      bool   `cbor:"2,keyasint,omitempty"` // else it failed
	Output    string `cbor:"3,keyasint,omitempty"`
	Preview   string `cbor:"4,keyasint,omitempty"`
	Error     string `cbor:"5,keyasint,omitempty"`
	Retryable bool   `cbor:"6,keyasint,omitempty"`
	Cause     Cause  `cbor:"7,keyasint,omitempty"` // of a failure; "": transient if it is retryable, else final
	GPUMillis int64  `cbor:"8,keyasint,omitempty"` // time it took on the GPU
}

// Reported answers Report.
type Reported struct {
	Processed  int    `cbor:"1,keyasint"`
	Duplicates int    `cbor:"2,keyasint"`
	JobStatus  Status `cbor:"3,keyasint"`
}

func (c Report) apply(tx *Tx) (Reported, error) {
	l, r := tx.live(c.Fence)
	if r != nil {
		return Reported{}, r
	}
	j, _ := jobs.Get(tx, store.Str(l.Job))
	for _, res := range c.Results {
		if !slices.Contains(l.Granted, res.Idx) {
			return Reported{}, invalid("results", "item %d is not part of lease %s", res.Idx, l.ID())
		}
		if r := j.ownsOutputs(res); r != nil {
			return Reported{}, r
		}
	}
	// from here on nothing may refuse
	tx.through = l.Worker
	tx.changes.lease(LeaseChange{Fence: c.Fence, Confirmed: true})
	var a Reported
	blamed := map[Cause]bool{}
	for _, res := range c.Results {
		it, _ := items.Get(tx, itemKey(j.ID, res.Idx))
		if it.final() || it.Fence != c.Fence {
			a.Duplicates++
			continue
		}
		if f := conclude(tx, &j, &it, l.Worker, res); f != nil && !blamed[f.cause] {
			blamed[f.cause] = true // once, however many items failed of it together
			f.blameWorker(tx, j.Preset)
		}
		a.Processed++
	}
	for _, res := range c.Results {
		answered(tx, c.Fence, res.Idx)
	}
	settle(tx, &j)
	jobs.Put(tx.Tx, store.Str(j.ID), j)
	a.JobStatus = j.Status
	return a, nil
}

// conclude applies one result to an item that is not final. The failure is nil
// when it is done, or failed for good through no fault of the worker.
func conclude(tx *Tx, j *Job, it *Item, worker string, res ItemResult) *failure {
	if res.Done {
		it.Output, it.Preview = res.Output, res.Preview
		publish(tx, *j, it)
		if it.Fence != 0 {
			correct(tx, *j, res.GPUMillis) // before the item leaves: its user's share may go with it
		}
		finish(tx, j, it, Done, "")
		worked(tx, worker)
		return nil
	}
	if policies[res.Cause].free {
		fell(tx, worker, 0, 1)
	} else {
		fell(tx, worker, 1, 0)
	}
	if res.Cause == "" && !res.Retryable || res.Cause == BadInput {
		it.blame(worker, res.Error)
		finish(tx, j, it, Failed, res.Error)
		return nil
	}
	f := failure{cause: res.Cause.named(), worker: worker, what: res.Error}
	setBack(tx, j, it, f)
	return &f
}

// ownsOutputs refuses a result that names keys outside the job's own prefixes.
func (j Job) ownsOutputs(res ItemResult) *Refusal {
	own := func(kind, key string) bool {
		return key == "" || strings.HasPrefix(key, kind+"/"+j.User+"/"+j.ID+"/")
	}
	switch {
	case !own("outputs", res.Output):
		return invalid("output_key", "must lie under outputs/%s/%s/", j.User, j.ID)
	case !own("previews", res.Preview):
		return invalid("preview_key", "must lie under previews/%s/%s/", j.User, j.ID)
	}
	return nil
}

// Callback is one result, with or without a lease: what the existing worker sends.
type Callback struct {
	Job    string     `cbor:"1,keyasint"`
	Fence  uint64     `cbor:"2,keyasint,omitempty"` // 0: no lease named
	Result ItemResult `cbor:"3,keyasint"`
}

// CalledBack answers Callback.
type CalledBack struct {
	Processed bool `cbor:"1,keyasint"` // false: the item was final already
}

func (c Callback) apply(tx *Tx) (CalledBack, error) {
	j, ok := jobs.Get(tx, store.Str(c.Job))
	if !ok {
		return CalledBack{}, Refuse(JobNotFound, "no job %q", c.Job)
	}
	it, ok := items.Get(tx, itemKey(j.ID, c.Result.Idx))
	switch {
	case !ok:
		return CalledBack{}, invalid("idx", "the job has items 0 to %d", j.Total-1)
	case it.final():
		return CalledBack{}, nil
	case j.Status != Queued && j.Status != Running:
		r := Refuse(JobInvalidTransition, "the job is %s; only an executed job takes results", j.Status)
		r.Status = j.Status
		return CalledBack{}, r
	case c.Fence != 0 && it.Fence != c.Fence:
		return CalledBack{}, Refuse(LeaseLost, "the lease is not held any more; the item is somebody else's")
	}
	if r := j.ownsOutputs(c.Result); r != nil {
		return CalledBack{}, r
	}
	// from here on nothing may refuse
	worker := tx.by
	if it.Fence != 0 {
		tx.changes.lease(LeaseChange{Fence: it.Fence, Confirmed: true})
		l, _ := leases.Get(tx, store.Uint(it.Fence))
		worker = l.Worker // it speaks for the holder, whoever brings it
		tx.through = worker
	}
	if c.Fence != 0 {
		answered(tx, c.Fence, it.Idx)
	}
	startRunning(tx, &j, worker)
	if it.Status == Pending {
		record(tx, j.ID, &it.Idx, Pending, Running, worker)
		it.Status = Running
	}
	if f := conclude(tx, &j, &it, worker, c.Result); f != nil {
		f.blameWorker(tx, j.Preset)
	}
	settle(tx, &j)
	jobs.Put(tx.Tx, store.Str(j.ID), j)
	return CalledBack{Processed: true}, nil
}

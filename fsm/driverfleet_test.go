package fsm

import (
	"fmt"
	"maps"
	"slices"
)

func (d *driver) cause() Cause {
	return oneOf(d.dice, Lost, Drain, Preempted, OutOfMemory, BadInput, Transient, Timeout, ModelMissing, ModelMissing, ModelMissing, "else")
}

// session is a boot of a worker, mostly a new one.
func (d *driver) session() {
	c := OpenSession{Session: fmt.Sprintf("s%d", d.index), Worker: Worker{ID: d.dice.name("w", 4), Boot: fmt.Sprintf("b%d", d.index)}}
	if known := d.model.workers[c.Worker.ID]; known != nil && d.dice.one(3) {
		c.Worker.Boot = known.boot
	} else {
		d.seen.fault("a worker that starts anew")
	}
	if d.dice.one(20) {
		c.Worker.ID = ""
	}
	// What only the machine may say is not believed.
	c.Worker.State, c.Worker.Faults, c.Worker.Done, c.Worker.Until = WorkerQuarantined, 7, 7, 7
	gave := 0
	do(d, c, func() (code Code) { gave, code = d.model.openSession(c); return code }, func(a SessionOpened) error {
		if a.GaveBack != gave || a.Worker.ID != c.Worker.ID || a.Settings.Bucket != d.model.set.Bucket {
			return fmt.Errorf("answered %+v, the model says %d items", a, gave)
		}
		return nil
	})
}

// rebirth begins another epoch; the proposer of it is a new one.
func (d *driver) rebirth() {
	if d.flush(); d.stop {
		return
	}
	d.model.rebirth()
	d.direct(Restored{Why: FromBackup, From: d.index, Hold: []string{"n9"}})
	d.register()
}

// word is the operator's on a worker.
func (d *driver) word() {
	c := SetWorker{Worker: d.dice.name("w", 5), Why: "why",
		State: oneOf(d.dice, WorkerActive, WorkerActive, WorkerActive, WorkerActive, WorkerActive, WorkerActive, WorkerDraining, WorkerExiting, WorkerQuarantined, "odd")}
	do(d, c, func() Code { return d.model.setWorker(c) }, func(w Worker) error {
		if w.ID != c.Worker || w.State != c.State {
			return fmt.Errorf("answered %+v", w)
		}
		return nil
	})
}

func (d *driver) pause() {
	c := PauseQueue{Preset: oneOf(d.dice, "", "interior", "seller", "garden"), Paused: d.dice.one(6)}
	var want []string
	do(d, c, func() Code {
		code := d.model.pause(c)
		want = sortedKeys(d.model.paused)
		return code
	}, func(a QueuePaused) error {
		if !slices.Equal(a.Paused, want) {
			return fmt.Errorf("answered %v, the model says %v", a.Paused, want)
		}
		return nil
	})
}

func (d *driver) purge() {
	c := PurgeQueue{Limit: d.dice.of(3), Preset: oneOf(d.dice, "", "interior", "seller"), User: oneOf(d.dice, "", "u0", "u1", "u2")}
	var want Purged
	do(d, c, func() Code { want = d.model.purge(c); return "" }, func(a Purged) error {
		if a != want {
			return fmt.Errorf("answered %+v, the model says %+v", a, want)
		}
		return nil
	})
}

// kick mostly finds a job with dead items.
func (d *driver) kick() {
	c := KickDead{Job: d.job(), Idx: -1, NewJob: d.model.newJob()}
	if key := some(d, d.model.dead, ""); key != "" {
		it := d.model.dead[key].item
		c.Job = it.job.id
		if d.dice.one(2) {
			c.Idx = oneOf(d.dice, it.idx, it.idx, it.idx, 9)
		}
		if n := int64(20); d.dice.one(2) {
			do(d, GrantCredits{User: it.job.user, Amount: n}, func() Code { return d.model.grantCredits(it.job.user, n) }, nil)
		}
	}
	do(d, c, func() Code { return d.model.kick(c) }, func(j Job) error {
		if j.ID != c.NewJob || j.RetryOf != c.Job {
			return fmt.Errorf("answered %+v", j)
		}
		return nil
	})
}

// openJobs are those that have not ended.
func (d *driver) openJobs() map[string]*modelJob {
	open := maps.Clone(d.model.jobs)
	maps.DeleteFunc(open, func(_ string, j *modelJob) bool { return j.status.Ended() })
	return open
}

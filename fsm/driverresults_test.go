package fsm

import "fmt"

// result is what became of an item of a job.
func (d *driver) result(j *modelJob, idx int) ItemResult {
	r := ItemResult{Idx: idx, Done: d.dice.one(2), Error: "e", Retryable: d.dice.one(2), GPUMillis: oneOf(d.dice, int64(0), 100, 1000, 1100, 90_000, -1)}
	if d.dice.one(3) {
		r.Cause = d.cause()
	}
	contract := Job{ID: j.id, User: j.user}
	if r.Done && d.dice.one(2) {
		r.Output, r.Preview = contract.OutputKey(idx), contract.PreviewKey(idx)
	}
	if d.dice.one(25) {
		r.Output = "outputs/" + j.user + "/x/0_result.png"
	}
	return r
}

func (d *driver) report() {
	l := d.late(d.someLease())
	if l == nil {
		return
	}
	c := Report{Fence: d.forged(l.fence)}
	for range 1 + d.dice.of(3) {
		idx := l.granted[d.dice.of(len(l.granted))]
		if d.dice.one(25) {
			idx = d.dice.of(8)
		}
		c.Results = append(c.Results, d.result(l.job, idx))
	}
	var want Reported
	do(d, c, func() (code Code) { want, code = d.model.report(c); return code }, func(a Reported) error {
		if a != want {
			return fmt.Errorf("answered %+v, the model says %+v", a, want)
		}
		return nil
	})
}

func (d *driver) callback() {
	c := Callback{Job: d.job()}
	j := d.model.jobs[c.Job]
	if j != nil {
		c.Result = d.result(j, d.dice.of(len(j.items)+1))
	}
	if l := d.someLease(); l != nil && d.dice.one(2) {
		c.Fence, c.Job = d.forged(d.late(l).fence), l.job.id
		c.Result = d.result(l.job, l.granted[0])
	}
	var want bool
	do(d, c, func() (code Code) { want, code = d.model.callback(c); return code }, func(a CalledBack) error {
		if a.Processed != want {
			return fmt.Errorf("processed %v, the model says %v", a.Processed, want)
		}
		return nil
	})
}

func (d *driver) release() {
	l := d.late(d.someLease())
	if l == nil {
		return
	}
	c := Release{Fence: d.forged(l.fence), Reason: oneOf(d.dice, "drain", "busy", string(d.cause())), Delay: oneOf(d.dice, int64(0), 0, 5e9, 2*hour, -1)}
	for range d.dice.of(3) {
		c.Items = append(c.Items, l.granted[d.dice.of(len(l.granted))])
	}
	var want Released
	do(d, c, func() (code Code) { want, code = d.model.release(c); return code }, func(a Released) error {
		if a != want {
			return fmt.Errorf("answered %+v, the model says %+v", a, want)
		}
		return nil
	})
}

// grind lets workers lose whatever they are given, until something dies of it.
func (d *driver) grind() {
	for range 2 + d.dice.of(5) {
		d.lease()
		d.silence()
		d.flush()
		d.clock += oneOf(d.dice, int64(1e9), 20e9, 40e9)
		d.model.now = dawn + d.clock
		d.expire()
	}
}

func (d *driver) silence() {
	c := ExpireLeases{Term: d.term}
	for range 1 + d.dice.of(2) {
		if l := d.someLease(); l != nil {
			d.seen.fault("a lease that nobody renewed")
			c.Leases = append(c.Leases, Silence{Fence: l.fence, Confirmed: !d.dice.one(3), Overran: d.dice.one(8)})
		}
	}
	if d.dice.one(10) {
		d.seen.fault("the word of a deposed leader")
		c.Term++
	}
	var want LeasesExpired
	do(d, c, func() Code {
		for _, s := range c.Leases {
			if c.Term == d.term {
				want.Ended += d.model.silence(s)
			}
		}
		return ""
	}, func(a LeasesExpired) error {
		if a != want {
			return fmt.Errorf("answered %+v, the model says %+v", a, want)
		}
		return nil
	})
}

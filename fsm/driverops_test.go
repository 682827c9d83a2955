package fsm

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// step does one random thing.
func (d *driver) step() {
	switch n := d.dice.of(87); {
	case n < 8:
		d.pass()
	case n < 13:
		d.expire()
	case n < 14:
		d.again()
	case n < 15:
		d.retry()
	case n < 18:
		d.person()
	case n < 20:
		d.rule()
	case n < 22:
		d.create()
	case n < 25:
		d.bring()
	case n < 30:
		d.upload()
	case n < 32:
		d.bucket()
	case n < 36:
		d.confirmAndExecute()
	case n < 37:
		job := d.job()
		user := oneOf(d.dice, d.owner(job), d.owner(job), "u1", "")
		do(d, CancelJob{User: user, Job: job}, func() Code { return d.model.cancel(user, job) }, nil)
	case n < 45:
		d.lease()
	case n < 53:
		d.report()
	case n < 57:
		d.callback()
	case n < 59:
		d.release()
	case n < 62:
		d.silence()
	case n < 63:
		d.grind()
	case n < 66:
		d.session()
	case n < 68:
		d.lease()
	case n < 71:
		d.word()
	case n < 73:
		d.pause()
	case n < 74:
		d.purge()
	case n < 77:
		d.kick()
	case n < 78:
		d.lease()
	case n < 79:
		d.deploy()
	case n < 81:
		d.tell()
	case n < 84:
		d.imports()
	case n < 86:
		d.archives()
	case n < 88:
		d.folds()
	default:
		key := some(d, d.model.objects, "nothing")
		do(d, DeleteObject{Bucket: "photos", Key: key}, func() Code { delete(d.model.objects, key); delete(d.model.files, key); return "" }, nil)
	}
}

func (d *driver) user() string { return d.dice.name("u", 4) } // u3 may not exist

// job is mostly one that has not ended.
func (d *driver) job() string {
	if d.dice.one(6) {
		return some(d, d.model.jobs, "j")
	}
	return some(d, d.openJobs(), "j")
}

func (d *driver) owner(job string) string {
	if j := d.model.jobs[job]; j != nil && !d.dice.one(15) {
		return j.user
	}
	return d.user()
}

func (d *driver) person() {
	user := d.user()
	switch d.dice.of(8) {
	case 0, 1:
		device, id := d.dice.name("d", 3), d.dice.name("u", 6)
		do(d, SignIn{DeviceHash: device, NewID: id}, func() Code { return d.model.signIn(device, id) }, nil)
	case 2, 3, 4:
		n := int64(d.dice.of(30)) - 8
		do(d, GrantCredits{User: user, Amount: n}, func() Code { return d.model.grantCredits(user, n) }, func(u User) error {
			if want := d.model.users[user]; u.ID != want.id {
				return fmt.Errorf("answered user %s", u.ID)
			}
			return nil
		})
	case 5, 6:
		plan := oneOf(d.dice, "free", "pro", "pro", "gold")
		do(d, SetPlan{User: user, Plan: plan}, func() Code { return d.model.setPlan(user, plan) }, nil)
	default:
		revoked := d.dice.one(3)
		d.seen.fault("a user revoked or let in again")
		do(d, RevokeUser{User: user, Revoked: revoked}, func() Code { return d.model.revoke(user, revoked) }, nil)
	}
}

func conceptsOf(preset string) map[string]Concept {
	if preset == "seller" {
		return map[string]Concept{"Body": {Action: "tone", Value: "dark"}}
	}
	return walls
}

func (d *driver) preset() string {
	return oneOf(d.dice, "interior", "interior", "interior", "seller", "seller", "garden")
}

func (d *driver) rule() {
	user, id, preset := d.user(), d.dice.name("r", 4), d.preset()
	if d.dice.one(3) {
		do(d, DeleteRule{User: user, ID: id}, func() Code { return d.model.deleteRule(user, id) }, nil)
		return
	}
	do(d, CreateRule{User: user, ID: id, Name: id, Preset: preset, Concepts: conceptsOf(preset)},
		func() Code { return d.model.createRule(user, id, preset) }, nil)
}

func (d *driver) create() {
	user, preset, n := d.user(), d.preset(), int64(d.dice.of(8))
	id := d.model.newJob()
	if d.dice.one(20) {
		id = d.job()
	}
	if d.dice.one(5) {
		d.createAuto(user, id, preset, n)
		return
	}
	do(d, CreateJob{User: user, ID: id, Preset: preset, Items: n}, func() Code { return d.model.createJob(user, id, preset, n) }, nil)
}

// createAuto opens a job that goes on by itself; most of them get their pictures.
func (d *driver) createAuto(user, id, preset string, n int64) {
	c := CreateJob{User: user, ID: id, Preset: preset, Items: n, AutoConfirm: true}
	rule := ""
	if d.dice.one(2) {
		c.AutoConfirm = d.dice.one(2) // implied
		c.AutoExecute = &Execution{Concepts: conceptsOf(preset)}
		if d.dice.one(2) {
			rule = some(d, d.model.rules[user], "r9")
			c.AutoExecute.Rule = rule
		}
	}
	do(d, c, func() Code { return d.model.createAuto(user, id, preset, n, c.AutoExecute != nil, rule) }, nil)
	for i := range n {
		if !d.dice.one(8) {
			d.put(Job{ID: id, User: user}.InputKey(int(i)), 0)
		}
	}
}

// bring takes a new job all the way to the queue, if nothing comes between.
func (d *driver) bring() {
	user := d.dice.name("u", 3)
	preset, n := oneOf(d.dice, "interior", "interior", "seller"), 1+d.dice.of(4)
	if d.dice.one(6) {
		n = 12
	}
	id := d.model.newJob()
	if credits := int64(d.dice.of(20)); d.model.users[user].credits < 8 && credits > 0 {
		do(d, GrantCredits{User: user, Amount: credits}, func() Code { return d.model.grantCredits(user, credits) }, nil)
	}
	do(d, CreateJob{User: user, ID: id, Preset: preset, Items: int64(n)}, func() Code { return d.model.createJob(user, id, preset, int64(n)) }, nil)
	for i := range n {
		d.put(Job{ID: id, User: user}.InputKey(i), 0)
	}
	do(d, ConfirmUpload{User: user, Job: id}, func() Code { return d.model.confirm(user, id) }, nil)
	do(d, ExecuteJob{User: user, Job: id, Concepts: conceptsOf(preset)}, func() Code { return d.model.execute(user, id, "") }, nil)
}

// put uploads an object of a job.
func (d *driver) put(key string, fence uint64) {
	d.uploads++
	o := Object{Bucket: "photos", Key: key, Upload: strconv.Itoa(d.uploads), Size: 9, MD5: []byte{byte(d.uploads)}, Fence: fence, Nodes: []string{"n1"}}
	if d.dice.one(40) {
		o.Size = 1028
	}
	if d.dice.one(2) {
		o.Kind = oneOf(d.dice, "image/jpeg", "image/jpeg", "image/heic", "image/png", "text/html")
	}
	if o.Kind != "" && d.dice.one(20) {
		o.Flaw = "its header is broken"
	}
	demand, condition := d.demand(key)
	do(d, PutObject{Object: o, If: condition}, func() Code { return d.model.put(o, demand) }, nil)
}

func (d *driver) upload() {
	if l := d.someLease(); l != nil && d.dice.one(2) {
		idx := l.granted[d.dice.of(len(l.granted))]
		key := Job{ID: l.job.id, User: l.job.user}.OutputKey(idx)
		if d.dice.one(3) {
			key = Job{ID: l.job.id, User: l.job.user}.PreviewKey(idx)
		}
		fence := oneOf(d.dice, l.fence, l.fence, l.fence, l.fence, 0, l.fence+1)
		if fence != l.fence {
			d.seen.fault("a result uploaded under a forged fence")
		}
		d.put(key, fence)
		return
	}
	job := d.job()
	j := d.model.jobs[job]
	if j == nil || d.dice.one(10) {
		d.put(oneOf(d.dice, "backup/1", "inputs/u1/j99/0.jpg", "inputs/u0/"+job+"/9.jpg"), uint64(d.dice.of(2)))
		return
	}
	for i := range j.items {
		if !d.dice.one(16) {
			d.put(Job{ID: job, User: j.user}.InputKey(i), 0)
		}
	}
}

func (d *driver) confirmAndExecute() {
	job := d.job()
	user := d.owner(job)
	j := d.model.jobs[job]
	if j != nil && j.status == Created && !d.dice.one(10) {
		do(d, ConfirmUpload{User: user, Job: job}, func() Code { return d.model.confirm(user, job) }, nil)
		return
	}
	c := ExecuteJob{User: user, Job: job}
	if j != nil {
		c.Concepts = conceptsOf(j.preset)
	}
	if d.dice.one(3) {
		c.Rule = d.dice.name("r", 4)
	}
	do(d, c, func() Code { return d.model.execute(user, job, c.Rule) }, nil)
}

// lease shows the grants to the model, which checks them and adopts them.
func (d *driver) lease() {
	d.flush()
	if d.stop {
		return
	}
	var c Lease
	for range 1 + d.dice.of(3) {
		w := Want{Worker: d.dice.name("w", 4), Max: oneOf(d.dice, 0, 1, 2, 3, 4, 16)}
		if d.dice.one(2) {
			w.Poll = d.dice.name("p", 3)
		}
		if d.dice.one(3) {
			w.Presets = []string{oneOf(d.dice, "interior", "seller", "garden")}
		}
		if d.dice.one(2) {
			w.Loaded = []string{oneOf(d.dice, "interior", "seller")}
		}
		if c.Wants = append(c.Wants, w); w.Poll != "" && d.dice.one(4) {
			d.seen.fault("a poll repeated while it waits")
			c.Wants = append(c.Wants, w) // sent again while it waits
		}
	}
	d.pending = append(d.pending, d.number(Propose(c), func(o Outcome) error {
		a, err := Answer(c, o)
		if err != nil {
			return err
		}
		return d.model.adopt(c.Wants, a)
	}))
	d.flush()
}

// someLease is mostly one that lives.
func (d *driver) someLease() *modelLease {
	var fences []uint64
	ended := d.dice.one(5)
	for _, f := range slices.Sorted(maps.Keys(d.model.leases)) {
		if ended || d.model.leases[f].ended == "" {
			fences = append(fences, f)
		}
	}
	if len(fences) == 0 {
		return nil
	}
	return d.model.leases[fences[d.dice.of(len(fences))]]
}

package fsm

import (
	"slices"

	"stoker/store"
)

// Execution is what a job is to be executed with.
type Execution struct {
	Concepts map[string]Concept `cbor:"1,keyasint,omitempty"`
	Protect  []string           `cbor:"2,keyasint"`           // nil: the preset's
	Rule     string             `cbor:"3,keyasint,omitempty"` // wins over concepts and protect
	Template string             `cbor:"4,keyasint,omitempty"`
}

// uploader is who takes a job on when its last picture has come.
const uploader = "upload"

// mayGoOn refuses a new job that could not go on by itself: the cluster is not
// that far, or what it is to be executed with is wrong already.
func (j Job) mayGoOn(tx *Tx) *Refusal {
	switch {
	case !j.AutoConfirm:
		return nil
	case tx.level() < 3:
		return AutoTooEarly(tx.level())
	case j.Auto == nil:
		return nil
	}
	_, r := j.Auto.terms(tx, j)
	return r
}

// AutoTooEarly refuses auto_confirm and auto_execute below level 3. Who proposes
// asks as well: an older node would open the job without them.
func AutoTooEarly(level uint64) *Refusal {
	return Refuse(FeatureLevel, "auto_confirm and auto_execute need feature level 3 and the cluster is at %d: when all nodes run the new version, `stoker upgrade finalize` raises it; until then confirm and execute the job", level)
}

// terms are the execution with its rule's values filled in, checked against the
// job's preset as it was when the job was created.
func (e Execution) terms(tx *Tx, j Job) (Execution, *Refusal) {
	preset := presetOf(tx, j)
	if e.Rule != "" {
		rule, ok := rules.Get(tx, ruleKey(j.User, e.Rule))
		switch {
		case !ok:
			return e, Refuse(RuleNotFound, "no rule %q", e.Rule)
		case rule.Preset != j.Preset:
			return e, invalid("rule_id", "the rule is for preset %s, the job for %s", rule.Preset, j.Preset)
		}
		e.Concepts, e.Protect = rule.Concepts, rule.Protect
	}
	if r := preset.check(e.Concepts, e.Protect); r != nil {
		return e, r
	}
	if e.Template != "" && !preset.has(e.Template) {
		return e, invalid("output_template", "preset %s has no template %q", preset.ID, e.Template)
	}
	e.Protect = preset.protectOr(e.Protect)
	return e, nil
}

// mayQueue gives the terms under which a job may be queued now.
func (e Execution) mayQueue(tx *Tx, j Job) (Execution, *Refusal) {
	terms, r := e.terms(tx, j)
	if r == nil && waiting(tx)+j.Total > tx.current().QueueDepth {
		r = Refuse(QueueFull, "the queue is full; try again later")
		r.RetryAfter = 30
	}
	return terms, r
}

// queue takes an uploaded job to the queue under terms that were checked.
func (e Execution) queue(tx *Tx, j *Job) {
	j.Concepts, j.Protect, j.Rule, j.Template = e.Concepts, e.Protect, e.Rule, e.Template
	j.follow(tx)
	queueJob(tx, j, presetOf(tx, *j))
}

// arrived takes a job on by itself, if that was asked for and the object was the
// last picture it waited for: to uploaded, and with an execution to queued. What
// keeps it from the queue stands in its history; the client may execute it then.
func arrived(tx *Tx, o Object) {
	if tx.level() < 3 || o.Bucket != tx.current().Bucket {
		return
	}
	kind, id, _, ok := parseKey(o.Key)
	if !ok || kind != "inputs" {
		return
	}
	j, _ := jobs.Get(tx, store.Str(id))
	if !j.AutoConfirm || j.Status != Created || tx.barred(j.User) != nil {
		return
	}
	if s, _ := settings.Get(tx, store.Uint(j.Settings)); !whole(tx, &s, j) {
		return
	}
	asked := tx.by
	tx.by = uploader
	defer func() { tx.by = asked }()
	if j.Auto == nil {
		step(tx, &j, Uploaded, j.Budgets.Execute, "")
		jobs.Put(tx.Tx, store.Str(j.ID), j)
		return
	}
	terms, r := j.Auto.mayQueue(tx, j)
	if stop := tx.sound(); stop != nil {
		r = stop
	}
	if r != nil {
		step(tx, &j, Uploaded, j.Budgets.Execute, "not executed: "+r.Error())
		jobs.Put(tx.Tx, store.Str(j.ID), j)
		return
	}
	step(tx, &j, Uploaded, j.Budgets.Execute, "")
	terms.queue(tx, &j)
}

// whole says whether every input is there and usable.
func whole(r store.Reader, s *Settings, j Job) bool { return wholeBut(r, s, j, -1) }

// wholeBut says whether every input but one is. Clients upload in order, more or
// less, so it looks from the end: all but the last uploads take one look.
func wholeBut(r store.Reader, s *Settings, j Job, one int) bool {
	for i := j.Total - 1; i >= 0; i-- {
		if there, flaw := inputOf(r, s, j, i); i != one && (!there || flaw != "") {
			return false
		}
	}
	return true
}

// confirmed says that the job confirmed itself and is still at work: a client
// that confirms it too is told so.
func (j Job) confirmed() bool {
	return j.AutoConfirm && slices.Contains([]Status{Uploaded, Queued, Running}, j.Status)
}

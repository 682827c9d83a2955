package fsm

import (
	"iter"

	"stoker/store"
)

// What follows walks whole tables, for whoever looks for what nobody foresaw.
// Each walk sees the view's state and may end at any row.

// AllUsers gives every user, by id.
func (v *View) AllUsers() iter.Seq[User] { return only(users.Scan(v, "")) }

// AllRules gives every rule, by user and id.
func (v *View) AllRules() iter.Seq[Rule] { return only(rules.Scan(v, "")) }

// RuleByID finds a rule, whoever's it is.
func (v *View) RuleByID(id string) iter.Seq[Rule] { return only(rulesByID.Scan(v, store.Str(id))) }

// JobLine is the part of a Job that a walk over all of them reads quickly.
type JobLine struct {
	ID        string `cbor:"1,keyasint"`
	User      string `cbor:"2,keyasint"`
	Status    Status `cbor:"3,keyasint"`
	Preset    string `cbor:"4,keyasint"`
	CreatedAt int64  `cbor:"16,keyasint"`
	UpdatedAt int64  `cbor:"17,keyasint"`
	Index     uint64 `cbor:"19,keyasint"`
	Ordinal   uint32 `cbor:"20,keyasint"`
}

// Line is the job's line.
func (j Job) Line() JobLine {
	return JobLine{
		ID: j.ID, User: j.User, Status: j.Status, Preset: j.Preset,
		CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt, Index: j.Index, Ordinal: j.Ordinal,
	}
}

// JobLines gives every job, by id.
func (v *View) JobLines() iter.Seq[JobLine] { return only(store.Project[JobLine](jobs, v, "")) }

// JobStatuses gives every job's status, and reads nothing else of it.
func (v *View) JobStatuses() iter.Seq[Status] {
	return func(yield func(Status) bool) {
		for _, j := range store.Project[jobStatus](jobs, v, "") {
			if !yield(j.Status) {
				return
			}
		}
	}
}

type jobStatus struct {
	Status Status `cbor:"3,keyasint"`
}

// AllItems gives every item with its job's id, by job and number.
func (v *View) AllItems() iter.Seq2[string, Item] {
	return func(yield func(string, Item) bool) {
		for k, it := range items.Scan(v, "") {
			job, _ := k.PopStr()
			if !yield(job, it) {
				return
			}
		}
	}
}

// AllLedger gives every ledger row, by user and in order.
func (v *View) AllLedger() iter.Seq[LedgerEntry] { return only(ledger.Scan(v, "")) }

// AllHistory gives every transition, by job and in order.
func (v *View) AllHistory() iter.Seq[Event] { return only(history.Scan(v, "")) }

// LastStep is the newest transition of the job itself; false if it has none.
func (v *View) LastStep(job string) (Event, bool) {
	for _, e := range history.Backward(v, store.Str(job), "") {
		if e.Item == nil {
			return e, true
		}
	}
	return Event{}, false
}

// ReadyRow is an item in the ready queue.
type ReadyRow struct {
	Preset, User, Job, Class string
	Idx                      int
	Turn                     uint64 // the entry that queued the job
	Since                    int64  // machine clock
	Alone                    bool   // no other item shares its lease
}

// AllReady gives what a worker could be given now, by preset, user and turn.
func (v *View) AllReady() iter.Seq[ReadyRow] {
	return func(yield func(ReadyRow) bool) {
		for k, r := range ready.Scan(v, "") {
			ref := parseReady(k)
			row := ReadyRow{Preset: ref.preset, User: ref.user, Job: ref.job, Class: r.Class, Idx: ref.idx, Turn: ref.turn, Since: r.Since, Alone: r.Alone}
			if !yield(row) {
				return
			}
		}
	}
}

// AllLeases gives every lease that is still known, ended ones too, by fence.
func (v *View) AllLeases() iter.Seq[LeaseRow] { return only(leases.Scan(v, "")) }

// AllWorkers gives the workers that have been here in the last day.
func (v *View) AllWorkers() iter.Seq[Worker] { return only(workers.Scan(v, "")) }

// AllDead gives every dead letter, by job and item.
func (v *View) AllDead() iter.Seq[DeadLetter] { return only(dead.Scan(v, "")) }

// AllSettings gives every version of the settings, the oldest first.
func (v *View) AllSettings() iter.Seq[Settings] { return only(settings.Scan(v, "")) }

// ObjectsIn gives the records of published objects of a bucket, by key; with no
// bucket those of all.
func (v *View) ObjectsIn(bucket string) iter.Seq[Object] {
	p := store.Key("")
	if bucket != "" {
		p = store.Str(bucket)
	}
	return only(objects.Scan(v, p))
}

// DeadOf gives the dead letters of a job.
func (v *View) DeadOf(job string) iter.Seq[DeadLetter] { return only(dead.Scan(v, store.Str(job))) }

// WallAt turns a reading of the machine's clock into one of the wall clock, as
// far apart as the two are now; 0 stays 0.
func (v *View) WallAt(clock int64) int64 {
	if clock == 0 {
		return 0
	}
	return clock + v.Wall() - v.Clock()
}

package fsm

import (
	"iter"

	"stoker/store"
)

// AllJobs gives the jobs of everybody, newest first, from before a mark (zero: the
// newest).
func (v *View) AllJobs(before Mark) iter.Seq[Job] {
	from := store.Key("")
	if before != (Mark{}) {
		from = jobsByTime.Pos(before.key(""), "")
	}
	return only(jobsByTime.Backward(v, "", from))
}

// LeasesOf gives the leases of a job that are kept: those in force, and ended ones
// for an hour.
func (v *View) LeasesOf(job string) []LeaseRow { return values(leasesByJob.Scan(v, store.Str(job))) }

// LedgerOf gives what a job has cost its user and what it was given back, oldest
// first. It reads the user's ledger from the job's creation on, and no further
// than the job's end.
func (v *View) LedgerOf(j Job) []LedgerEntry {
	until := v.meta.Index
	if j.Status.Ended() {
		for _, e := range history.Backward(v, store.Str(j.ID), "") {
			if e.Item == nil {
				until = e.Index
				break
			}
		}
	}
	out := []LedgerEntry{}
	p := store.Str(j.User)
	from := j.Index
	if j.Imported != 0 { // what it cost came with its user
		from = 0
	}
	for _, e := range ledger.ScanAfter(v, p, p.Uint(from)) {
		if e.Index > until {
			break
		}
		if e.Ref == j.ID {
			out = append(out, e)
		}
	}
	return out
}

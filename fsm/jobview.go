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
// than the job's end, which is in its steps: both may be in the archive.
func (v *View) LedgerOf(j Job, steps iter.Seq[Event], read ReadStretch) ([]LedgerEntry, error) {
	until := v.meta.Index
	if j.Status.Ended() {
		for e := range steps {
			if e.Item == nil {
				until = e.Index
			}
		}
	}
	out := []LedgerEntry{}
	after := Mark{}
	if j.Imported == 0 { // else what it cost came with its user
		after = Mark{Index: j.Index - 1, Ordinal: lastOrdinal}
	}
	for e, err := range v.LedgerSince(j.User, after, read) {
		if err != nil {
			return nil, err
		}
		if e.Index > until {
			break
		}
		if e.Ref == j.ID {
			out = append(out, e)
		}
	}
	return out, nil
}

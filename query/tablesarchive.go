package query

import (
	"context"
	"encoding/hex"
	"iter"
	"slices"
	"strconv"

	"stoker/fsm"
)

// Archive gives what has left the state of a view for the archive: all of it, or with
// a job, a user or a segment's number only theirs. Files are not this room's, so
// whoever has them passes the functions. An error in between is a segment that cannot
// be read.
type Archive struct {
	Jobs     func(ctx context.Context, v *fsm.View, job string, segment uint64) iter.Seq2[fsm.ArchivedJob, error]
	Bookings func(ctx context.Context, v *fsm.View, user string, segment uint64) iter.Seq2[fsm.ArchivedBooking, error]
}

// unreadable carries an error of the archive through a walk.
type unreadable struct{ err error }

// onSegment is the lookup by a segment's number, the others those by a name.
const (
	onJob     = "job_id"
	onUser    = "user_id"
	onSegment = "segment"
)

// archived gives the records of the archive that a path asks for: by a name, by a
// segment's number, or all.
func archived[R any](s *session, on, at string, all func(context.Context, *fsm.View, string, uint64) iter.Seq2[R, error]) iter.Seq[R] {
	return func(yield func(R) bool) {
		name, segment := "", uint64(0)
		switch on {
		case onSegment:
			n, err := strconv.ParseUint(at, 10, 64)
			if segment = n; err != nil || n == 0 {
				return // equal to no number that there is
			}
		case onJob, onUser:
			if name = at; name == "" {
				return
			}
		}
		for r, err := range all(s.ctx, s.view, name, segment) {
			if err != nil {
				panic(unreadable{err})
			}
			if !yield(r) {
				return
			}
		}
	}
}

// inArchive is a walk over rows that jobs of the archive have.
func inArchive[R any](rows func(fsm.ArchivedJob) []R) func(s *session, on, at string) iter.Seq[R] {
	return func(s *session, on, at string) iter.Seq[R] {
		return func(yield func(R) bool) {
			for j := range archived(s, on, at, s.archive.Jobs) {
				for _, r := range rows(j) {
					if !yield(r) {
						return
					}
				}
			}
		}
	}
}

// lift makes a column of rows of which another table's are a part.
func lift[R, P any](f field[P], part func(R) P) field[R] {
	return field[R]{f.name, f.kind, f.about, func(s *session, r R) any { return f.of(s, part(r)) }}
}

// lifted are columns of another table, but for those named.
func lifted[R, P any](fields []field[P], part func(R) P, but ...string) (out []field[R]) {
	for _, f := range fields {
		if !slices.Contains(but, f.name) {
			out = append(out, lift(f, part))
		}
	}
	return out
}

// archivedLookups are those of each table of the archive.
func archivedLookups[R any]() []path[R] { return []path[R]{{on: onJob}, {on: onSegment}} }

var archivedJobs = spec[fsm.ArchivedJob]{
	name: "archived_jobs", about: "Jobs that have left the state for the archive, with the columns of jobs_log but for deadline.", key: "job_id", size: many,
	fields: append(lifted(jobs.fields, func(j fsm.ArchivedJob) *jobRow { return &jobRow{j.Job.Line(), &j.Job} }, "error", "deadline"),
		maybe("error", "Why it failed or was canceled, where something is to be said.", func(j fsm.ArchivedJob) string {
			for _, e := range slices.Backward(j.Steps) {
				if e.Item == nil {
					return e.Detail
				}
			}
			return ""
		}),
		number("segment", "That it was read from.", func(j fsm.ArchivedJob) uint64 { return j.Segment.Number }),
	),
	archived: inArchive(func(j fsm.ArchivedJob) []fsm.ArchivedJob { return []fsm.ArchivedJob{j} }),
	paths:    archivedLookups[fsm.ArchivedJob](),
}

// pastItem is an item of a job of the archive, pastStep a transition.
type (
	pastItem struct {
		itemRow
		of fsm.ArchivedJob
	}
	pastStep struct {
		fsm.Event
		segment uint64
	}
)

var archivedItems = spec[pastItem]{
	name: "archived_items", about: "Their pictures, with the columns of job_items_log but for place, lease_id and ready_at.", key: "job_id,idx", size: 10 * many,
	fields: append(lifted(items.fields, func(r pastItem) itemRow { return r.itemRow }, "input_key", "place", "lease_id", "ready_at"),
		text("input_key", "", func(r pastItem) string {
			if r.Input != "" {
				return r.Input
			}
			return r.of.Job.InputKey(r.Idx)
		}),
		number("segment", "", func(r pastItem) uint64 { return r.of.Segment.Number }),
	),
	archived: inArchive(func(j fsm.ArchivedJob) (out []pastItem) {
		for _, it := range j.Items {
			out = append(out, pastItem{itemRow{j.Job.ID, it}, j})
		}
		return out
	}),
	paths: archivedLookups[pastItem](),
}

var archivedSteps = spec[pastStep]{
	name: "archived_steps", about: "Their transitions and those of their items, with the columns of history.", key: "job_id,log_index,ordinal", size: 50 * many,
	fields: append(lifted(history.fields, func(r pastStep) fsm.Event { return r.Event }),
		number("segment", "", func(r pastStep) uint64 { return r.segment }),
	),
	archived: inArchive(func(j fsm.ArchivedJob) (out []pastStep) {
		for _, e := range j.Steps {
			out = append(out, pastStep{e, j.Segment.Number})
		}
		return out
	}),
	paths: archivedLookups[pastStep](),
}

var archivedBilling = spec[fsm.ArchivedBooking]{
	name: "archived_billing_events", about: "Bookings that have left the state for the archive, with the columns of billing_events, which has a row brought-forward for a user's.", key: "id", size: many,
	fields: append(lifted(billing.fields, func(b fsm.ArchivedBooking) fsm.LedgerEntry { return b.LedgerEntry }),
		number("segment", "", func(b fsm.ArchivedBooking) uint64 { return b.Segment }),
	),
	archived: func(s *session, on, at string) iter.Seq[fsm.ArchivedBooking] {
		return archived(s, on, at, s.archive.Bookings)
	},
	paths: []path[fsm.ArchivedBooking]{{on: onUser}, {on: onSegment}},
}

var segments = spec[fsm.ArchiveSegment]{
	name: "segments", about: "The files of the archive; the object of one is in bucket _archive under its key.", key: "number", size: some,
	fields: []field[fsm.ArchiveSegment]{
		number("number", "From 1, in the order they came.", func(s fsm.ArchiveSegment) uint64 { return s.Number }),
		text("key", "", func(s fsm.ArchiveSegment) string { return s.Key }),
		number("bytes", "", func(s fsm.ArchiveSegment) int64 { return s.Bytes }),
		text("sha256", "", func(s fsm.ArchiveSegment) string { return hex.EncodeToString(s.SHA256) }),
		number("jobs", "That moved into it.", func(s fsm.ArchiveSegment) int { return s.Archived }),
		number("bookings", "Likewise.", func(s fsm.ArchiveSegment) int { return s.Bookings }),
		moment("from_created_at", "When the first of its jobs was created, or of its bookings made.", func(s fsm.ArchiveSegment) int64 { return s.From }),
		moment("to_created_at", "And the last.", func(s fsm.ArchiveSegment) int64 { return s.To }),
		moment("archived_at", "When the first of them left the state.", func(s fsm.ArchiveSegment) int64 { return s.At }),
	},
	all: (*fsm.View).Segments,
}

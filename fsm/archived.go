package fsm

import (
	"fmt"
	"iter"

	"stoker/store"
)

// Segments gives the archive's segments, the oldest first.
func (v *View) Segments() iter.Seq[ArchiveSegment] { return only(segments.Scan(v, "")) }

// Segment finds a segment by its number.
func (v *View) Segment(number uint64) (ArchiveSegment, bool) {
	return segments.Get(v, store.Uint(number))
}

// Archived says which segment a job is in that has left the state, and whose it is.
func (v *View) Archived(job string) (s ArchiveSegment, user string, ok bool) {
	if len(job) > maxName {
		return s, "", false
	}
	a, ok := archived.Get(v, store.Str(job))
	if !ok {
		return s, "", false
	}
	s, ok = v.Segment(a.Segment)
	return s, a.User, ok
}

// LooseSegments gives objects in the archive's bucket into which nothing has moved:
// a leader that wrote one and was lost left it behind.
func (v *View) LooseSegments() []Object {
	var out []Object
	for _, o := range objects.Scan(v, store.Str(ArchiveBucket)) {
		if !isSegment(v, o.Bucket, o.Key) {
			out = append(out, o)
		}
	}
	return out
}

// Bonds tells what keeps jobs in the state. It is of one view.
type Bonds struct {
	v       *View
	pending map[string]bool // jobs with objects that a timer has yet to forget; nil: nobody has asked yet
}

// Bonds asks about the jobs of a view.
func (v *View) Bonds() *Bonds { return &Bonds{v: v} }

// Of says what keeps a job in the state; "" nothing. Only for a job that has
// objects the timers are walked, once.
func (b *Bonds) Of(j Job) Bond {
	if why := bondOf(b.v, j); why != "" {
		return why
	}
	if !b.v.hasObjects(j) {
		return ""
	}
	if b.pending == nil {
		b.pending = map[string]bool{}
		for _, t := range timers.Scan(b.v, "") {
			switch t.Kind {
			case inputsOld, outputsOld, previewsOld, pictureOld:
				job, _ := store.Key(t.Ref).PopStr()
				b.pending[job] = true
			}
		}
	}
	if b.pending[j.ID] {
		return BondObjects
	}
	return ""
}

func (v *View) hasObjects(j Job) bool {
	bucket := store.Str(v.Settings().Bucket)
	for _, kind := range []string{"inputs", "outputs", "previews"} {
		if !nothing(objects.Scan(v, bucket.StrPrefix(fmt.Sprintf("%s/%s/%s/", kind, j.User, j.ID)))) {
			return true
		}
	}
	return false
}

// JobsSince gives all jobs in the order they were created in, from behind a mark on
// (zero: from the first).
func (v *View) JobsSince(after Mark) iter.Seq[Job] {
	from := store.Key("")
	if after != (Mark{}) {
		from = jobsByTime.Pos(after.key(""), beyond)
	}
	return only(jobsByTime.ScanAfter(v, "", from))
}

// Mark is the job's place in the order of creation.
func (j Job) Mark() Mark { return Mark{Index: j.Index, Ordinal: j.Ordinal} }

// Came is when the job came to be here: created, or brought over. Wall clock, ns.
func (j Job) Came() int64 { return max(j.Imported, j.CreatedAt) }

// Leaves is when the job may move to the archive, by its end and the settings; 0
// is never. Wall clock, ns. It stays at least as long as its objects, and a job of
// another stack counts as if it had ended when it came.
func (r *Retention) Leaves(j Job) int64 {
	d := r.stays(j.Status)
	if d == 0 || !j.Status.Ended() {
		return 0
	}
	return max(j.UpdatedAt, j.Imported) + d
}

// LeastStay is the shortest time after which a job leaves; 0: none ever does.
func (r *Retention) LeastStay() int64 {
	least := int64(0)
	for _, s := range []Status{Done, Failed, Canceled} {
		if d := r.stays(s); d > 0 && (least == 0 || d < least) {
			least = d
		}
	}
	return least
}

// LedgerStays is how long a booking stays in the state at least: as long as a job may, those that stay for ever aside; 0 is for
// ever, where all jobs do.
func (r *Retention) LedgerStays() (longest int64) {
	for _, s := range []Status{Done, Failed, Canceled} {
		longest = max(longest, r.stays(s))
	}
	return longest
}

func (r *Retention) stays(s Status) int64 {
	if r == nil || r.Records.after(s) == 0 {
		return 0
	}
	longest := r.Records.after(s)
	for _, k := range r.kinds() {
		longest = max(longest, k.after(s))
	}
	return longest
}

// checkArchive holds segments against the jobs that are said to be in them, and
// against their objects. What is in the files is the object store's to check.
func (v *View) checkArchive(c *Check) {
	in, stretches, rows := map[uint64]int{}, map[uint64]int{}, map[uint64]int{}
	for f := range v.BroughtForward("") {
		stretches[f.Segment]++
		rows[f.Segment] += f.Rows
	}
	for k, a := range archived.Scan(v, "") {
		id, _ := k.PopStr()
		if in[a.Segment]++; jobs.Has(v, k) {
			c.failf("job %s is in the archive and in the state", id)
		}
	}
	for _, s := range segments.Scan(v, "") {
		c.Segments++
		c.Archived += s.Archived
		if in[s.Number] != s.Archived || s.Archived > s.Jobs {
			c.failf("segment %d of the archive counts %d of %d jobs, %d are said to be there", s.Number, s.Archived, s.Jobs, in[s.Number])
		}
		if stretches[s.Number] != s.Folded || rows[s.Number] != s.Bookings || s.Folded > s.Stretches {
			c.failf("segment %d of the archive counts %d of %d stretches with %d bookings; %d with %d are said to be there",
				s.Number, s.Folded, s.Stretches, s.Bookings, stretches[s.Number], rows[s.Number])
		}
		delete(in, s.Number)
		delete(stretches, s.Number)
		if o, ok := v.Object(ArchiveBucket, s.Key); !ok || o.Size != s.Bytes || string(o.SHA256) != string(s.SHA256) {
			c.failf("segment %d of the archive has no object %s of its size and hash", s.Number, s.Key)
		}
	}
	for n := range in {
		c.failf("jobs are said to be in segment %d of the archive, which there is not", n)
	}
	for n := range stretches {
		c.failf("bookings are said to be in segment %d of the archive, which there is not", n)
	}
}

// ArchivedJob is a job that has left the state, with the segment that it was read from.
type ArchivedJob struct {
	JobRecord
	Segment ArchiveSegment
}

// ArchivedBooking is a booking that has left the state, with the number of the segment that it was read from.
type ArchivedBooking struct {
	LedgerEntry
	Segment uint64
}

package fsm

import (
	"bytes"
	"crypto/sha256"

	"stoker/store"
)

// ArchiveBucket is where the archive's segments are. No S3 client can name it: a
// bucket's name has no underscore.
const ArchiveBucket = "_archive"

// ArchiveSegment is a file of the archive: an object in [ArchiveBucket] with the
// records of some thousand jobs, or of stretches of ledgers, see package archive.
type ArchiveSegment struct {
	Number   uint64 `cbor:"1,keyasint"` // from 1, in the order they came; the machine's
	Key      string `cbor:"2,keyasint"` // of its object
	Bytes    int64  `cbor:"3,keyasint"`
	SHA256   []byte `cbor:"4,keyasint"`           // of the object
	Jobs     int    `cbor:"5,keyasint,omitempty"` // whose records are in the file
	Archived int    `cbor:"6,keyasint,omitempty"` // that left the state for it; the machine's
	From     int64  `cbor:"7,keyasint"`           // wall clock, ns: when the first of its jobs was created, or of its bookings made
	To       int64  `cbor:"8,keyasint"`           // and the last
	At       int64  `cbor:"9,keyasint,omitempty"` // wall clock, ns, when the first of them left; the machine's

	Stretches int `cbor:"10,keyasint,omitempty"` // of ledgers, whose records are in the file
	Folded    int `cbor:"11,keyasint,omitempty"` // that left the state for it; the machine's
	Bookings  int `cbor:"12,keyasint,omitempty"` // in these; the machine's
}

// archivedJob says where a job is that has left the state. Without it an id could
// be taken again, and an import that is sent again would bring the job back and
// refund it a second time.
type archivedJob struct {
	Segment  uint64 `cbor:"1,keyasint"`
	User     string `cbor:"2,keyasint"`
	Imported bool   `cbor:"3,keyasint,omitempty"`
}

var (
	segments = store.NewTable[ArchiveSegment]("segments") // by number
	archived = store.NewTable[archivedJob]("archived")    // by job

	segmentsByKey = store.NewIndex(segments, "segments_by_key", func(_ store.Key, s ArchiveSegment) []store.Key {
		return []store.Key{store.Str(s.Key)}
	})
)

// maxArchived bounds what one entry moves: each job costs as many deletions as it
// has rows.
const maxArchived = 256

// ArchiveJobs takes jobs out of the state whose records are in a segment. It names
// each with the SHA-256 of its record as it is there, and the machine takes only a
// job whose own record has that hash: nothing leaves the state that is not, byte
// for byte, in a segment whose object is recorded, which means durable on as many
// nodes as any object. So a second delivery, a segment that is written twice and a
// job that changed in between lose nothing.
type ArchiveJobs struct {
	Segment ArchiveSegment `cbor:"1,keyasint"`
	Jobs    []RecordHash   `cbor:"2,keyasint"`
}

// RecordHash is a job with the SHA-256 of its record.
type RecordHash struct {
	Job    string   `cbor:"1,keyasint"`
	SHA256 [32]byte `cbor:"2,keyasint"`
}

// JobsArchived answers ArchiveJobs.
type JobsArchived struct {
	Segment  uint64    `cbor:"1,keyasint,omitempty"` // its number; 0 if it has no row, since nothing was moved into it
	Archived int       `cbor:"2,keyasint"`
	Kept     []KeptJob `cbor:"3,keyasint,omitempty"` // the others
}

// KeptJob is a job that stays in the state, and why.
type KeptJob struct {
	Job string `cbor:"1,keyasint"`
	Why Bond   `cbor:"2,keyasint"`
}

// Bond is what keeps a job in the state.
type Bond string

// The bonds.
const (
	BondOpen    Bond = "open"    // it has not ended
	BondDead    Bond = "dead"    // an item of it is listed as dead and may be kicked
	BondLease   Bond = "lease"   // a lease on it is known still: a result that is sent again must be told from a stale one
	BondWebhook Bond = "webhook" // a webhook has not come to its end
	BondObjects Bond = "objects" // retention has yet to delete objects of it
	BondChanged Bond = "changed" // its record is another than the segment's
	BondGone    Bond = "gone"    // it is not in the state
)

func (c ArchiveJobs) apply(tx *Tx) (JobsArchived, error) {
	if r := tx.begun(); r != nil {
		return JobsArchived{}, r
	}
	s, r := c.segment(tx)
	if r != nil {
		return JobsArchived{}, r
	}
	// from here on nothing may refuse
	var a JobsArchived
	for _, one := range c.Jobs {
		why := c.bond(tx, one)
		if s.Archived == s.Jobs && why == "" {
			why = BondChanged // there are no more in the segment
		}
		if why != "" {
			a.Kept = append(a.Kept, KeptJob{one.Job, why})
			continue
		}
		if s.Number == 0 {
			s.Number, s.At = nextSegment(tx), tx.wall()
		}
		j, _ := jobs.Get(tx, store.Str(one.Job))
		dropJob(tx, j.ID)
		archived.Put(tx.Tx, store.Str(j.ID), archivedJob{Segment: s.Number, User: j.User, Imported: j.Imported != 0})
		s.Archived++
		a.Archived++
	}
	if a.Segment = s.Number; a.Archived > 0 {
		segments.Put(tx.Tx, store.Uint(s.Number), s)
	}
	return a, nil
}

// segment gives the segment's row, or what it will be.
func (c ArchiveJobs) segment(tx *Tx) (ArchiveSegment, *Refusal) {
	if len(c.Jobs) > maxArchived {
		return c.Segment, invalid("jobs", "%d are too many for one entry, at most %d are allowed", len(c.Jobs), maxArchived)
	}
	var names []string
	for _, one := range c.Jobs {
		names = append(names, one.Job)
	}
	return c.Segment.recorded(tx, names)
}

// recorded gives the segment's row, or what it will be. It refuses a segment whose
// object is not recorded as the proposer says, and names that are none.
func (s ArchiveSegment) recorded(tx *Tx, names []string) (ArchiveSegment, *Refusal) {
	if r := tooLong("segment", append(names, s.Key)...); r != nil {
		return s, r
	}
	o, ok := objects.Get(tx, objectKey(ArchiveBucket, s.Key))
	switch {
	case !ok:
		return s, Refuse(NotFound, "no object %q is in the archive; what is in no segment stays", s.Key)
	case o.Size != s.Bytes || len(o.SHA256) != sha256.Size || !bytes.Equal(o.SHA256, s.SHA256):
		return s, invalid("segment", "the object %q is another one", s.Key)
	case s.Jobs < 0 || s.Stretches < 0 || s.Jobs+s.Stretches == 0:
		return s, invalid("segment", "has %d jobs and %d stretches of ledgers", s.Jobs, s.Stretches)
	}
	for _, known := range segmentsByKey.Scan(tx, store.Str(s.Key)) {
		return known, nil
	}
	s.Number, s.Archived, s.Folded, s.Bookings, s.At = 0, 0, 0, 0, 0
	return s, nil
}

// bond says what keeps a job in the state; "" nothing.
func (c ArchiveJobs) bond(tx *Tx, one RecordHash) Bond {
	j, ok := jobs.Get(tx, store.Str(one.Job))
	if !ok {
		return BondGone
	}
	if why := bondOf(tx, j); why != "" {
		return why
	}
	if sha256.Sum256(jobRecord(tx, j.ID)) != one.SHA256 {
		return BondChanged
	}
	return ""
}

// bondOf says what refers to a job and would be left dangling. Nothing comes to
// refer to it anew once it has ended, so that what this says in a view it says
// later too, or less. Objects are not asked for here: they need a walk over the
// timers, see [View.Bonds].
func bondOf(r store.Reader, j Job) Bond {
	switch {
	case !j.Status.Ended():
		return BondOpen
	case !nothing(dead.Scan(r, store.Str(j.ID))):
		return BondDead
	case !nothing(leasesByJob.Scan(r, store.Str(j.ID))):
		return BondLease
	}
	end := Mark{}
	for _, e := range history.Backward(r, store.Str(j.ID), "") {
		end = Mark{Index: e.Index, Ordinal: e.Ordinal}
		break
	}
	for _, h := range hooks.Scan(r, "") {
		if end.Follows(h.At) {
			return BondWebhook
		}
	}
	return ""
}

func nextSegment(tx *Tx) uint64 {
	for k := range segments.Backward(tx, "", "") {
		n, _ := k.PopUint()
		return n + 1
	}
	return 1
}

// isSegment says whether a key of the archive's bucket is a segment's: then its
// object may be neither replaced nor deleted.
func isSegment(r store.Reader, bucket, key string) bool {
	return bucket == ArchiveBucket && !nothing(segmentsByKey.Scan(r, store.Str(key)))
}

package fsm

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"

	"stoker/store"
)

// modelGone is a job that has left for the archive.
type modelGone struct {
	user     string
	imported bool
	segment  string
}

// newJob is an id that no job ever had.
func (m *model) newJob() string { return "j" + strconv.Itoa(len(m.jobs)+len(m.gone)) }

func (m *model) ended() map[string]*modelJob {
	out := map[string]*modelJob{}
	for id, j := range m.jobs {
		if j.status.Ended() {
			out[id] = j
		}
	}
	return out
}

// importedGone are jobs of the archive that came by import.
func (m *model) importedGone() map[string]modelGone {
	out := map[string]modelGone{}
	for id, g := range m.gone {
		if g.imported {
			out[id] = g
		}
	}
	return out
}

// archive moves jobs into a segment: those that have ended, that nothing refers to,
// and whose hash is right. busy says which a webhook has not come to the end of.
func (m *model) archive(segment string, list []string, wrong, busy map[string]bool) (moved int, code Code) {
	if m.segments[segment] == "" {
		return 0, NotFound
	}
	for _, id := range list {
		j := m.jobs[id]
		if j == nil || !j.status.Ended() || wrong[id] || busy[id] || m.bound(j) {
			continue
		}
		moved++
		m.gone[id] = modelGone{j.user, j.imported, segment}
		delete(m.jobs, id)
		for i := range j.items { // whatever would forget it finds no job
			delete(m.pictures, Job{ID: id, User: j.user}.InputKey(i))
		}
	}
	if moved > 0 {
		m.shown["archived"] = true
	}
	return moved, ""
}

// bound says whether a dead letter or a lease is of a job.
func (m *model) bound(j *modelJob) bool {
	for i := range j.items {
		if m.dead[fmt.Sprintf("%s/%d", j.id, i)] != nil {
			return true
		}
	}
	for _, l := range m.leases {
		if l.job == j {
			return true
		}
	}
	return false
}

// compareArchive holds the rows of the archive against the jobs that have left.
func (m *model) compareArchive(v *View) error {
	n := 0
	for id, g := range m.gone {
		s, user, ok := v.Archived(id)
		if !ok || s.Key != g.segment || user != g.user {
			return fmt.Errorf("job %s is in segment %q of the archive, of %q; the model says %+v", id, s.Key, user, g)
		}
		for _, t := range jobTables {
			if !nothing(t.Raw(v, store.Str(id))) {
				return fmt.Errorf("job %s is in the archive, and in table %s", id, t.Name())
			}
		}
	}
	for range archived.Scan(v, "") {
		n++
	}
	if n != len(m.gone) {
		return fmt.Errorf("%d jobs are in the archive, the model has %d", n, len(m.gone))
	}
	return m.compareFolded(v)
}

// archives writes a segment, or moves a few jobs into one, right or wrong.
func (d *driver) archives() {
	d.flush()
	segment := d.dice.name("s", 3)
	o := Object{Bucket: ArchiveBucket, Key: segment, Upload: "segment", Size: 9, SHA256: segmentHash(segment), Nodes: []string{"n1"}}
	if d.model.segments[segment] == "" && !d.dice.one(4) || d.dice.one(8) {
		used := d.model.filled[segment]
		for _, g := range d.model.gone {
			used = used || g.segment == segment
		}
		do(d, PutObject{Object: o}, func() Code {
			if used {
				return Forbidden
			}
			d.model.segments[segment] = o.Upload
			return ""
		}, nil)
		return
	}
	v := d.m.View()
	c := ArchiveJobs{Segment: ArchiveSegment{Key: segment, Bytes: 9, SHA256: o.SHA256, Jobs: 1 << 20, Stretches: 1 << 20}}
	var list []string
	wrong, busy := map[string]bool{}, map[string]bool{}
	for range 1 + d.dice.of(4) {
		id := some(d, d.model.ended(), "j")
		if d.dice.one(8) {
			id = d.job()
		}
		if d.dice.one(8) {
			id = some(d, d.model.gone, "j")
		}
		if slices.Contains(list, id) {
			continue
		}
		list = append(list, id)
		raw := v.JobRecord(id)
		if wrong[id] = d.dice.one(10); wrong[id] {
			raw = append(raw, 0)
		}
		for _, h := range hooks.Scan(v, "") {
			busy[id] = busy[id] || lastStep(v, id).Follows(h.At)
		}
		c.Jobs = append(c.Jobs, RecordHash{id, sha256.Sum256(raw)})
	}
	v.Close()
	moved := 0
	do(d, c, func() (code Code) {
		moved, code = d.model.archive(segment, list, wrong, busy)
		return code
	}, func(a JobsArchived) error {
		if a.Archived != moved || len(a.Kept) != len(list)-moved {
			return fmt.Errorf("%+v of %v, the model moves %d", a, list, moved)
		}
		return nil
	})
	d.flush()
}

func lastStep(v *View, job string) (m Mark) {
	for e := range v.History(job, Mark{}) {
		m = Mark{Index: e.Index, Ordinal: e.Ordinal}
	}
	return m
}

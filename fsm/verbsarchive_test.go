package fsm

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"strings"

	"stoker/store"
)

func init() {
	maps.Copy(verbs, map[string]verb{"segment": segmentVerb, "archive": archiveVerb, "unsegment": unsegmentVerb})
	maps.Copy(shows, map[string]func(*View, words) (string, error){
		"show-segments": showSegments, "show-archived": showArchived, "show-bond": showBond, "show-leaving": showLeaving,
	})
}

// segmentHash is that of the object that segment makes.
func segmentHash(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

// segment key=s1: its object is recorded.
func segmentVerb(s *stage, w words) ([]act, error) {
	o, err := s.object(w["key"], w)
	o.Bucket, o.SHA256 = ArchiveBucket, segmentHash(w["key"])
	return single(does(PutObject{Object: o}, func(Object) string { return "recorded" }), err)
}

// archive key=s1 jobs=j1,j2: with the hashes of their records as they are, or as
// those of the job as=j3. jobs=300 is so many that are not there.
func archiveVerb(s *stage, w words) ([]act, error) {
	c := ArchiveJobs{Segment: ArchiveSegment{
		Key: w["key"], Bytes: 9, SHA256: segmentHash(w["key"]), Jobs: 4, From: summer, To: summer, Number: 99, Archived: 99,
	}}
	if w.has("other") {
		c.Segment.SHA256 = segmentHash("other")
	}
	v := s.m.View()
	defer v.Close()
	for _, id := range w.list("jobs") {
		c.Jobs = append(c.Jobs, RecordHash{id, sha256.Sum256(v.JobRecord(id))})
		if w.has("as") {
			c.Jobs[len(c.Jobs)-1].SHA256 = sha256.Sum256(v.JobRecord(w["as"]))
		}
	}
	many, err := w.integer("many", 0)
	for i := range many {
		c.Jobs = append(c.Jobs, RecordHash{Job: fmt.Sprint("n", i)})
	}
	return single(does(c, tellArchived), err)
}

func tellArchived(a JobsArchived) string {
	line := fmt.Sprintf("segment=%d archived=%d", a.Segment, a.Archived)
	for _, k := range a.Kept {
		line += fmt.Sprintf(" %s:%s", k.Job, k.Why)
	}
	return line
}

func showSegments(v *View, _ words) (string, error) {
	var out []string
	for s := range v.Segments() {
		line := fmt.Sprintf("%d %s archived=%d of %d, %d bytes, at %s", s.Number, s.Key, s.Archived, s.Jobs, s.Bytes, clock(s.At-summer+dawn))
		if s.Stretches > 0 {
			line += fmt.Sprintf(", folded=%d of %d, %d bookings", s.Folded, s.Stretches, s.Bookings)
		}
		out = append(out, line)
	}
	for _, o := range v.LooseSegments() {
		out = append(out, "loose "+o.Key)
	}
	return strings.Join(out, "\n"), nil
}

// show-archived job=j1
func showArchived(v *View, w words) (string, error) {
	s, user, ok := v.Archived(w["job"])
	if !ok {
		return "none", nil
	}
	rows := 0
	for _, t := range jobTables {
		for range t.Raw(v, store.Str(w["job"])) {
			rows++
		}
	}
	return fmt.Sprintf("segment=%d user=%s, %d rows in the state", s.Number, user, rows), nil
}

// show-bond job=j1: what a leader sees that keeps it.
func showBond(v *View, w words) (string, error) {
	j, ok := v.Job(w["job"])
	if !ok {
		return "gone", nil
	}
	if why := v.Bonds().Of(j); why != "" {
		return string(why), nil
	}
	return "free", nil
}

// show-leaving job=j1: when it may leave, by the settings.
func showLeaving(v *View, w words) (string, error) {
	j, _ := v.Job(w["job"])
	at := v.Settings().Retention.Leaves(j)
	if at == 0 {
		return "never", nil
	}
	return clock(at - summer + dawn), nil
}

// sameRecord says whether a record read says what the state does.
func sameRecord(v *View, id string) error {
	r, err := ParseJobRecord(v.JobRecord(id))
	if err != nil {
		return err
	}
	j, _ := v.Job(id)
	var steps []Event
	for e := range v.History(id, Mark{}) {
		steps = append(steps, e)
	}
	for _, pair := range [][2]any{{r.Job, j}, {r.Items, v.Items(id)}, {r.Steps, steps}} {
		if !bytes.Equal(encode(pair[0]), encode(pair[1])) {
			return fmt.Errorf("the record of %s has %+v, the state %+v", id, pair[0], pair[1])
		}
	}
	return nil
}

// unsegment key=s1: its object is deleted, alone or with the word many among others.
func unsegmentVerb(_ *stage, w words) ([]act, error) {
	ok := func(ObjectDeleted) string { return "ok" }
	if w.has("many") {
		return single(does(DeleteObjects{Bucket: ArchiveBucket, Keys: []string{"nothing", w["key"]}}, ok), nil)
	}
	return single(does(DeleteObject{Bucket: ArchiveBucket, Key: w["key"]}, ok), nil)
}

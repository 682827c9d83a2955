package fsm

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

// TestJobRecord: a record read says what the state does, of a job that was lived
// here with all that may happen to it; and another machine with the same entries,
// or a snapshot of them, has the same bytes.
func TestJobRecord(t *testing.T) {
	w := newWorld(t)
	must(w, genesis(DefaultSettings()))
	must(w, SignIn{NewID: "u1"})
	w.queued("u1", "j1", 3)
	must(w, Lease{Wants: []Want{{Worker: "w1", Poll: "p", Presets: []string{"interior"}, Max: 3}}})
	must(w, Report{Fence: 1, Results: []ItemResult{{Idx: 0, Error: "dark", Cause: BadInput}}})
	must(w, CancelJob{Job: "j1"})
	v := w.m.View()
	defer v.Close()
	if err := sameRecord(v, "j1"); err != nil {
		t.Error(err)
	}
	if raw := v.JobRecord("j2"); raw != nil {
		t.Errorf("of no job there are %d bytes", len(raw))
	}
	other := openMachine(t, t.TempDir())
	if err := other.Restore(bytes.NewReader(image(t, w.m))); err != nil {
		t.Fatal(err)
	}
	ov := other.View()
	defer ov.Close()
	if !bytes.Equal(ov.JobRecord("j1"), v.JobRecord("j1")) {
		t.Error("restored from a snapshot the record is another one")
	}
}

// FuzzJobRecord: what is no record is an error, never a panic and never a job
// without an id.
func FuzzJobRecord(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte("\x04jobs\x01k\x02\xa1\x01"))
	f.Add([]byte("\x05other\x01k\x01x\x04jobs\x01k\x04\xa1\x01\x61j"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if j, err := ParseJobRecord(raw); err == nil && j.Job.ID == "" {
			t.Errorf("%x is the record of %+v", raw, j)
		}
	})
}

// TestArchiveJobs_otherNode: two nodes, of which one was restored in between, take
// the same jobs for the same entry.
func TestArchiveJobs_otherNode(t *testing.T) {
	w := newWorld(t)
	must(w, genesis(DefaultSettings()))
	must(w, SignIn{NewID: "u1"})
	must(w, CreateJob{User: "u1", ID: "j1", Preset: "interior", Items: 2})
	must(w, CancelJob{User: "u1", Job: "j1"})
	o := Object{Bucket: ArchiveBucket, Key: "s1", Upload: "up", Size: 9, SHA256: segmentHash("s1"), Nodes: []string{"n1"}}
	must(w, PutObject{Object: o})
	other := openMachine(t, t.TempDir())
	if err := other.Restore(bytes.NewReader(image(t, w.m))); err != nil {
		t.Fatal(err)
	}
	v := w.m.View()
	c := ArchiveJobs{
		Segment: ArchiveSegment{Key: "s1", Bytes: 9, SHA256: o.SHA256, Jobs: 1},
		Jobs:    []RecordHash{{"j1", sha256.Sum256(v.JobRecord("j1"))}},
	}
	v.Close()
	if a := must(w, c); a.Archived != 1 {
		t.Fatalf("%+v", a)
	}
	other.Apply([]Entry{w.last})
	if !bytes.Equal(image(t, w.m), image(t, other)) {
		t.Error("the two machines are not equal")
	}
}

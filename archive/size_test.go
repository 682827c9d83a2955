package archive

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"stoker/fsm"
)

// BenchmarkSizes says what a job that was lived here, of three pictures that were
// all done, takes in the state, in a segment, and in the state when it has left, first
// with its booking and then without; and how long an entry holds the machine up that
// moves as many jobs, or bookings, as go together:
//
//	go test ./archive -run '^$' -bench Sizes -benchtime 1x
func BenchmarkSizes(b *testing.B) {
	for range b.N {
		m, err := fsm.Open(b.TempDir(), fsm.Options{})
		if err != nil {
			b.Fatal(err)
		}
		p := &plant{b: b, m: m}
		p.grow(fullJobs)
		p.now += 2 * int64(time.Hour) // leases are forgotten
		for p.one(fsm.Expire{Limit: 1000}) {
		}
		p.quiet()
		before := p.snapshot()
		file, hashes, sizes := p.pack()
		row := fsm.ArchiveSegment{Key: "s", Bytes: int64(len(file)), Jobs: fullJobs}
		sum := sha256.Sum256(file)
		row.SHA256 = sum[:]
		p.apply(fsm.Propose(fsm.PutObject{Object: fsm.Object{
			Bucket: fsm.ArchiveBucket, Key: "s", Upload: "up", Size: row.Bytes, SHA256: row.SHA256, MD5: []byte{1}, Nodes: []string{"n1", "n2"},
		}}))
		began, entries := time.Now(), 0
		for at := 0; at < len(hashes); entries++ {
			to, size := at, 0
			for to < len(hashes) && to-at < stepJobs && (to == at || size+sizes[to] <= stepBytes) {
				size += sizes[to]
				to++
			}
			p.apply(fsm.Propose(fsm.ArchiveJobs{Segment: row, Jobs: hashes[at:to]}))
			at = to
		}
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000/float64(entries), "ms/entry")
		b.ReportMetric(float64(len(hashes))/float64(entries), "jobs/entry")
		p.quiet()
		booked := p.snapshot()
		folds, rows := p.fold()
		b.ReportMetric(float64(len(folds.file))/float64(rows), "B/booking-in-a-segment")
		b.ReportMetric(float64(folds.took.Microseconds())/1000/float64(folds.entries), "ms/fold")
		b.ReportMetric(float64(rows)/float64(folds.entries), "bookings/fold")
		b.ReportMetric(float64(booked-p.empty)/fullJobs, "B/job-left-with-its-booking")
		p.quiet()
		after := p.snapshot()
		b.ReportMetric(float64(before-p.empty)/fullJobs, "B/job-in-the-state")
		b.ReportMetric(float64(len(file))/fullJobs, "B/job-in-a-segment")
		b.ReportMetric(float64(after-p.empty)/fullJobs, "B/job-left-in-the-state")
		if err := m.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// plant is a machine and the hand that feeds it.
type plant struct {
	b     *testing.B
	m     *fsm.Machine
	index uint64
	now   int64
	empty int // bytes of a snapshot without a job
	ids   []string
	users []string
}

func (p *plant) apply(ps ...fsm.Proposal) []fsm.Outcome {
	p.b.Helper()
	p.index++
	p.now += int64(time.Millisecond)
	batch := fsm.Batch{Stamp: p.now, Wall: 1_750_000_000_000_000_000 + p.now, Proposals: ps}
	out := p.m.Apply([]fsm.Entry{{Index: p.index, Term: 1, Data: batch.Encode()}})[0]
	for i, o := range out {
		if o.Refusal != nil {
			p.b.Fatalf("%s: %v", fsm.CommandName(ps[i].Kind), o.Refusal)
		}
	}
	return out
}

// one expires what is due, and says whether there was something.
func (p *plant) one(c fsm.Expire) bool {
	a, err := fsm.Answer(c, p.apply(fsm.Propose(c))[0])
	if err != nil {
		p.b.Fatal(err)
	}
	return a.Fired > 0
}

// quiet lets the feed forget everything, which is bounded by itself: a week passes
// again and again, in each of which so much happens that what is older is swept.
func (p *plant) quiet() {
	for range 4 {
		p.now += 8 * 24 * int64(time.Hour)
		for last, swept := p.forgotten(), true; swept; {
			p.apply(fsm.Propose(fsm.OpenSession{Worker: fsm.Worker{ID: "gpu-1", Boot: fmt.Sprint(p.index)}, Session: fmt.Sprint(p.index)}))
			from := p.forgotten()
			last, swept = from, from != last
		}
	}
}

// forgotten is the place up to which the feed has been swept.
func (p *plant) forgotten() fsm.Mark {
	v := p.m.View()
	defer v.Close()
	from, _ := v.FeedFrom()
	return from
}

func (p *plant) snapshot() int {
	s, err := p.m.Snapshot()
	if err != nil {
		p.b.Fatal(err)
	}
	defer s.Close()
	var w bytes.Buffer
	if err := s.Write(&w); err != nil {
		p.b.Fatal(err)
	}
	return w.Len()
}

// grow lives jobs of three pictures, objects and all, to their end; then their
// objects are forgotten, as retention does.
func (p *plant) grow(jobs int) {
	s := fsm.DefaultSettings()
	s.Retention = nil
	pro := s.Plans["free"]
	pro.MaxConcurrency, pro.StartCredits, pro.MaxLeased = jobs, 1_000_000, jobs
	s.Plans["free"] = pro
	p.apply(fsm.Propose(fsm.Genesis{ClusterID: "c", JWTKeys: []fsm.Secret{{ID: "k"}}, FirstSettings: s, Level: fsm.Level}))
	for i := range 50 {
		of := sha256.Sum256(fmt.Append(nil, "user", i))
		p.users = append(p.users, fmt.Sprintf("u_%x", of[:9]))
		p.apply(fsm.Propose(fsm.SignIn{NewID: p.users[i]}))
	}
	p.empty = p.snapshot()
	wall := map[string]fsm.Concept{"Wall": {Action: "recolor", Value: "white"}}
	for i := range jobs {
		of := sha256.Sum256(fmt.Append(nil, i)) // ids are chance, and do not compress
		j := fsm.Job{ID: fmt.Sprintf("j_%x", of[:9]), User: p.users[i%len(p.users)]}
		p.ids = append(p.ids, j.ID)
		p.apply(fsm.Propose(fsm.CreateJob{User: j.User, ID: j.ID, Preset: "interior", Items: 3}))
		sum := sha256.Sum256([]byte(j.ID))
		for n := range 3 {
			p.apply(fsm.Propose(fsm.PutObject{Object: fsm.Object{
				Bucket: "photos", Key: j.InputKey(n), Upload: "abcdefghijklmnopqrst", Size: 1 << 20, SHA256: sum[:], MD5: sum[:16], Nodes: []string{"n1", "n2"},
			}}))
		}
		p.apply(fsm.Propose(fsm.ConfirmUpload{User: j.User, Job: j.ID}))
		p.apply(fsm.Propose(fsm.ExecuteJob{User: j.User, Job: j.ID, Concepts: wall}))
		p.apply(fsm.Propose(fsm.Lease{Wants: []fsm.Want{{Worker: "gpu-1", Poll: j.ID, Presets: []string{"interior"}, Max: 3}}}))
		for n := range 3 {
			p.apply(fsm.Propose(fsm.Report{Fence: uint64(i + 1), Results: []fsm.ItemResult{{Idx: n, Done: true, Output: j.OutputKey(n), Preview: j.PreviewKey(n)}}}))
		}
		for n := range 3 {
			p.apply(fsm.Propose(fsm.DeleteObject{Bucket: "photos", Key: j.InputKey(n)}))
		}
	}
}

// folded is what became of the bookings.
type folded struct {
	file    []byte
	entries int
	took    time.Duration
}

// fold moves everybody's bookings, all but the newest, as the keeper does.
func (p *plant) fold() (out folded, rows int) {
	v := p.m.View()
	k := &Keeper{walk: walk{found: slices.Sorted(slices.Values(p.users))}}
	pile, err := k.pack(v, 1<<62)
	v.Close()
	if err != nil {
		p.b.Fatal(err)
	}
	sum := sha256.Sum256(pile.file)
	pile.row.Bytes, pile.row.SHA256 = int64(len(pile.file)), sum[:]
	p.apply(fsm.Propose(fsm.PutObject{Object: fsm.Object{
		Bucket: fsm.ArchiveBucket, Key: pile.row.Key, Upload: "up", Size: pile.row.Bytes, SHA256: pile.row.SHA256, MD5: []byte{1}, Nodes: []string{"n1", "n2"},
	}}))
	out.file = pile.file
	err = inSteps(p.b.Context(), pile.sizes, func(from, to int) error {
		start := time.Now()
		c := fsm.FoldLedger{Segment: pile.row, Stretches: pile.stretches[from:to]}
		a, err := fsm.Answer(c, p.apply(fsm.Propose(c))[0])
		out.entries, out.took, rows = out.entries+1, out.took+time.Since(start), rows+a.Bookings
		return err
	})
	if err != nil || rows == 0 {
		p.b.Fatal(rows, err)
	}
	return out, rows
}

// pack makes the segment of all jobs.
func (p *plant) pack() (file []byte, hashes []fsm.RecordHash, sizes []int) {
	v := p.m.View()
	defer v.Close()
	w, err := newWriter()
	if err != nil {
		p.b.Fatal(err)
	}
	for _, id := range p.ids {
		raw := v.JobRecord(id)
		w.add(id, raw)
		hashes, sizes = append(hashes, fsm.RecordHash{Job: id, SHA256: sha256.Sum256(raw)}), append(sizes, len(raw))
	}
	if file, err = w.finish(); err != nil {
		p.b.Fatal(err)
	}
	return file, hashes, sizes
}

package archive

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stoker/fsm"
	"stoker/objects"
)

var discard = slog.New(slog.DiscardHandler)

// TestKeeper: what has ended for long enough moves, what has not stays, and
// nobody's credits change.
func TestKeeper(t *testing.T) {
	m := newCluster(t, 1)[0]
	apply(m, fsm.SignIn{NewID: "u1"})
	m.canceled("u1", 0, 30)
	apply(m, fsm.CreateJob{User: "u1", ID: "open", Preset: "interior", Items: 1})
	credits := func() int64 { u, _ := m.view().User("u1"); return u.Credits }
	before := credits()

	m.keeper(59 * time.Minute).mustRound(t)
	m.keeper(65 * time.Minute).mustRound(t) // may leave, and waits for others to fill the segment
	if n := SizesOf(m.view()); n != (Sizes{}) {
		t.Fatalf("archived too early: %+v", n)
	}
	m.keeper(67 * time.Minute).mustRound(t)
	if n := SizesOf(m.view()); n.Segments != 2 || n.Jobs != 30 || n.Bookings != 61 {
		t.Errorf("archived %+v", n)
	}
	if _, ok := m.view().Job("open"); !ok {
		t.Error("an open job was archived")
	}
	for _, id := range []string{jobName(0), jobName(29)} {
		v := m.view()
		if _, ok := v.Job(id); ok {
			t.Errorf("%s is in the state still", id)
		}
		j, ok, err := m.archive.Job(v, id)
		if err != nil || !ok || j.Job.User != "u1" || j.Job.Status != fsm.Canceled || len(j.Items) != 2 || j.Segment.Number != 1 {
			t.Errorf("%s in the archive: %+v %v %v", id, j, ok, err)
		}
	}
	for _, id := range []string{"", "open", "j_4711", strings.Repeat("j", 10_000), "../../j_0000"} {
		if _, ok, err := m.archive.Job(m.view(), id); ok || err != nil {
			t.Errorf("%.20q is in the archive: %v", id, err)
		}
	}
	if credits() != before {
		t.Errorf("%d credits, before %d", credits(), before)
	}
	m.whole(31)

	// Later ones go into another segment, and the first stays as it is; bookings behind that of the open job stay.
	m.canceled("u1", 30, 40)
	m.keeper(70 * time.Minute).mustRound(t)
	if n := SizesOf(m.view()); n.Segments != 3 || n.Jobs != 40 {
		t.Errorf("archived %+v", n)
	}
	m.whole(41)
}

// TestKeeper_outOfOrder: a job whose time is later than that of its neighbours keeps nobody behind it.
func TestKeeper_outOfOrder(t *testing.T) {
	m := newCluster(t, 1)[0]
	apply(m, fsm.SignIn{NewID: "u1"})
	ahead := time.Now().Add(365 * 24 * time.Hour).UnixNano()
	apply(m, fsm.Import{Users: []fsm.OldUser{{ID: "u0", Plan: "free", DeviceHash: "d0"}}})
	apply(m, fsm.Import{Jobs: []fsm.OldJob{{ID: "ahead", User: "u0", Status: fsm.Canceled, Preset: "interior", CreatedAt: ahead, EndedAt: ahead}}})
	if _, ok := m.view().Job("ahead"); !ok {
		t.Fatal("the job was not brought over")
	}
	m.canceled("u1", 0, 30)
	m.keeper(67 * time.Minute).mustRound(t)
	if n := SizesOf(m.view()); n.Jobs != 30 {
		t.Errorf("archived %+v", n)
	}
}

// TestKeeper_forEver: what stays for ever is passed over once, and what comes
// behind it leaves all the same; other settings are heeded at once.
func TestKeeper_forEver(t *testing.T) {
	m := newCluster(t, 1)[0]
	apply(m, fsm.SignIn{NewID: "u1"})
	m.canceled("u1", 0, 5)
	s := m.view().Settings()
	s.Retention = &fsm.Retention{Records: fsm.Keep{Done: int64(time.Hour)}} // not canceled ones
	apply(m, fsm.Deploy{Settings: s})
	k := m.keeper(10 * time.Hour)
	k.mustRound(t)
	if n := SizesOf(m.view()); n.Jobs != 0 || k.floor == (fsm.Mark{}) {
		t.Fatalf("archived %+v, passed over up to %v", n, k.floor)
	}
	s.Retention = &fsm.Retention{Records: fsm.Keep{Canceled: int64(time.Hour)}}
	apply(m, fsm.Deploy{Settings: s})
	k.mustRound(t)
	if n := SizesOf(m.view()); n.Jobs != 5 {
		t.Errorf("archived %+v", n)
	}
	m.whole(5)
}

// TestKeeper_objects: a job stays until retention has forgotten its pictures.
func TestKeeper_objects(t *testing.T) {
	m := newCluster(t, 1)[0]
	s := m.view().Settings()
	s.Retention = &fsm.Retention{Inputs: fsm.Keep{Canceled: int64(48 * time.Hour)}, Records: fsm.Keep{Canceled: int64(time.Hour)}}
	apply(m, fsm.Deploy{Settings: s})
	apply(m, fsm.SignIn{NewID: "u1"})
	j := apply(m, fsm.CreateJob{User: "u1", ID: "j1", Preset: "interior", Items: 1})
	body := "a picture"
	if _, err := m.store.Put(t.Context(), objects.PutRequest{Bucket: "photos", Key: j.InputKey(0), Size: int64(len(body)), Body: strings.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
	apply(m, fsm.CancelJob{User: "u1", Job: "j1"})
	m.keeper(100 * time.Hour).mustRound(t) // by the machine's clock its picture is due in two days
	if n := SizesOf(m.view()); n.Jobs != 0 {
		t.Fatalf("archived %+v", n)
	}
	apply(m, fsm.DeleteObject{Bucket: "photos", Key: j.InputKey(0)})
	m.keeper(47 * time.Hour).mustRound(t) // never before its pictures, whatever the records' time
	if n := SizesOf(m.view()); n.Jobs != 0 {
		t.Fatalf("archived %+v", n)
	}
	m.keeper(100 * time.Hour).mustRound(t)
	m.whole(1)
	if n := SizesOf(m.view()); n.Jobs != 1 {
		t.Errorf("archived %+v", n)
	}
}

// TestKeeper_fullDisk: where no segment can be written nothing leaves the state.
func TestKeeper_fullDisk(t *testing.T) {
	m := startCluster(t, 1, 1<<60)[0]
	apply(m, fsm.SignIn{NewID: "u1"})
	m.canceled("u1", 0, 3)
	if _, err := m.keeper(10 * time.Hour).round(t.Context()); !errors.Is(err, objects.ErrFull) {
		t.Errorf("on a full disk: %v", err)
	}
	if n := SizesOf(m.view()); n.Segments != 0 || len(m.view().LooseSegments()) != 0 {
		t.Errorf("archived %+v", n)
	}
	m.whole(3)
}

// TestKeeper_lostLeader: a leader that is lost between the segment and the entry
// leaves a file behind. The next one deletes it and writes its own; every job is
// in one place at any time.
func TestKeeper_lostLeader(t *testing.T) {
	c := newCluster(t, 3)
	first := c.leader(t)
	apply(first, fsm.SignIn{NewID: "u1"})
	first.canceled("u1", 0, 20)
	k := first.keeper(10 * time.Hour)
	k.wrote = first.stop
	if _, err := k.round(t.Context()); err == nil {
		t.Fatal("a node that has stopped moves jobs")
	}
	rest := slices.DeleteFunc(slices.Clone(c), func(m *member) bool { return m == first })
	next := rest.leader(t)
	left := next.view().LooseSegments()
	if len(left) != 1 {
		t.Fatalf("left behind: %+v", left)
	}
	next.whole(20)
	next.keeper(10 * time.Hour).mustRound(t)
	if loose := next.view().LooseSegments(); len(loose) != 0 {
		t.Errorf("left behind still: %+v", loose)
	}
	if n := SizesOf(next.view()); n.Segments != 2 || n.Jobs != 20 {
		t.Errorf("archived %+v", n)
	}
	for _, m := range rest { // on whichever node it is asked for
		m.whole(20)
	}
}

// TestKeeper_halfMoved: of two leaders that both have a segment of the same jobs
// each job is moved by one.
func TestKeeper_halfMoved(t *testing.T) {
	m := newCluster(t, 1)[0]
	apply(m, fsm.SignIn{NewID: "u1"})
	m.canceled("u1", 0, 10)
	k := m.keeper(10 * time.Hour)
	k.wrote = func() {
		k.wrote = nil
		v := m.view() // another leader has moved some of them, into a segment of its own
		other := m.keeper(10 * time.Hour)
		list, _, err := other.ready(t.Context(), v, v.Settings().Retention, func(fsm.Job) bool { return true })
		if err != nil {
			t.Error(err)
			return
		}
		b, err := pack(t.Context(), v, list)
		if err != nil {
			t.Error(err)
			return
		}
		b.hashes, b.sizes = b.hashes[:4], b.sizes[:4]
		if err := other.write(t.Context(), &b.row, b.file); err != nil {
			t.Error(err)
			return
		}
		if n, err := other.move(t.Context(), b); err != nil || n != 4 {
			t.Error(n, err)
		}
	}
	k.mustRound(t)
	if n := SizesOf(m.view()); n.Segments != 3 || n.Jobs != 10 {
		t.Errorf("archived %+v", n)
	}
	m.whole(10)
}

// TestArchive_damaged: a copy that is damaged on this node is read from another
// one; where no node has a good one the error names the segment, and the others
// are read all the same.
func TestArchive_damaged(t *testing.T) {
	c := newCluster(t, 3)
	m := c.leader(t)
	apply(m, fsm.SignIn{NewID: "u1"})
	for from := range 2 {
		m.canceled("u1", 10*from, 10*from+10)
		m.keeper(10 * time.Hour).mustRound(t)
	}
	s, _ := m.view().Segment(1)
	o, _ := m.view().Object(fsm.ArchiveBucket, s.Key)
	damage(t, m, o)
	if j, ok, err := m.archive.Job(m.view(), jobName(3)); err != nil || !ok || j.Job.ID != jobName(3) {
		t.Errorf("behind a damaged copy: %+v %v %v", j.Job, ok, err)
	}
	m.whole(20)

	one := newCluster(t, 1)[0]
	apply(one, fsm.SignIn{NewID: "u1"})
	for from := range 2 {
		one.canceled("u1", 10*from, 10*from+10)
		one.keeper(10 * time.Hour).mustRound(t)
	}
	s, _ = one.view().Segment(1)
	o, _ = one.view().Object(fsm.ArchiveBucket, s.Key)
	damage(t, one, o)
	_, ok, err := one.archive.Job(one.view(), jobName(3))
	var unreadable *Unreadable
	if !ok || !errors.As(err, &unreadable) || !strings.Contains(err.Error(), s.Key) {
		t.Errorf("a segment nobody has: %v %v", ok, err)
	}
	read, failed := 0, 0
	for _, err := range one.archive.Jobs(t.Context(), one.view(), "", 0) {
		if err != nil {
			failed++
		} else {
			read++
		}
	}
	if read != 10 || failed != 1 {
		t.Errorf("%d jobs were read, %d segments not", read, failed)
	}
}

// damage changes bytes in the middle of a node's copy of an object.
func damage(t *testing.T, m *member, o fsm.Object) {
	t.Helper()
	f, err := objects.OpenBlob(filepath.Join(m.dir, "blobs"), objects.BlobOf(o))
	if err != nil {
		t.Fatalf("%s has no copy: %v", m.id, err)
	}
	defer f.Close()
	raw, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw[:len(raw)-footerSize] {
		raw[i] ^= 0x55
	}
	if err := os.WriteFile(f.Name(), raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestKeeper_start: the duty runs by itself where the leader is.
func TestKeeper_start(t *testing.T) {
	c := newCluster(t, 3)
	m := c[0]
	apply(m, fsm.SignIn{NewID: "u1"})
	m.canceled("u1", 0, 4)
	for _, one := range c {
		one.keeper(10 * time.Hour).Start()
	}
	m.archives(4)
	for _, one := range c {
		one.whole(4)
	}
}

// TestKeeper_deployed: other settings are heeded when they are deployed, however long nothing would have been looked at under the
// old ones. An operator who shortens how long jobs stay need not wait for it.
func TestKeeper_deployed(t *testing.T) {
	m := newCluster(t, 1)[0]
	apply(m, fsm.SignIn{NewID: "u1"})
	m.canceled("u1", 0, 4)
	s := m.view().Settings()
	keep := s.Retention
	s.Retention = &fsm.Retention{Records: fsm.Keep{Canceled: int64(90 * 24 * time.Hour)}}
	apply(m, fsm.Deploy{Settings: s})
	k := m.keeper(10 * time.Hour)
	looked := make(chan struct{}, 100)
	later := k.Now
	k.Now = func() time.Time { looked <- struct{}{}; return later() } // it asks for the time behind the settings
	k.Start()
	<-looked
	s.Retention = keep
	apply(m, fsm.Deploy{Settings: s})
	m.archives(4)
	m.whole(4)
}

// TestKeeper_lostHalfway: a leader that is lost when some of a segment's jobs have
// moved leaves the others in the state, and the next one writes them anew.
func TestKeeper_lostHalfway(t *testing.T) {
	m := newCluster(t, 1)[0]
	apply(m, fsm.SignIn{NewID: "u1"})
	const jobs = 3*stepJobs + 1
	m.canceled("u1", 0, jobs)
	leading, lost := context.WithCancel(t.Context())
	defer lost()
	k := m.keeper(10 * time.Hour)
	k.wrote = func() {
		m.node.Subscribe(func(fsm.Changes) {
			v := m.node.View()
			defer v.Close()
			if SizesOf(v).Jobs > 0 { // the first entry behind the segment
				lost()
			}
		})
	}
	if _, err := k.round(leading); err == nil {
		t.Fatal("a leader that was lost halfway has moved all of them")
	}
	half := SizesOf(m.view())
	if half.Segments != 1 || half.Jobs == 0 || half.Jobs == jobs {
		t.Fatalf("archived %+v of %d", half, jobs)
	}
	m.whole(jobs)
	m.keeper(10 * time.Hour).mustRound(t)
	if n := SizesOf(m.view()); n.Segments != 3 || n.Jobs != jobs {
		t.Errorf("archived %+v", n)
	}
	m.whole(jobs)
}

package fsm

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"stoker/store"
)

// lifecycle takes a job of n items from its creation to its end, one entry a step.
func lifecycle(w *world, user, job string, n int) {
	must(w, CreateJob{User: user, ID: job, Preset: "interior", Items: int64(n)})
	for i := range n {
		must(w, PutObject{Object: input(user, job, i)})
	}
	must(w, ConfirmUpload{User: user, Job: job})
	must(w, ExecuteJob{User: user, Job: job, Concepts: walls})
	g := must(w, Lease{Wants: []Want{{Worker: "gpu-node-07", Max: n}}})
	var done []ItemResult
	for i := range n {
		out := input(user, job, i)
		out.Key, out.Fence = Job{ID: job, User: user}.OutputKey(i), g.Grants[0].Lease.Fence
		must(w, PutObject{Object: out})
		done = append(done, ItemResult{Idx: i, Done: true})
	}
	must(w, Report{Fence: g.Grants[0].Lease.Fence, Results: done})
}

func feedOf(w *world) (changes []Change, from Mark) {
	v := w.m.View()
	defer v.Close()
	from, _ = v.FeedFrom()
	return slices.Collect(v.Feed(from)), from
}

// TestFeed_cost says what a job's whole life adds, and holds it below a bound:
// every command pays for it.
func TestFeed_cost(t *testing.T) {
	w := newWorld(t)
	must(w, genesis(DefaultSettings()))
	must(w, SignIn{NewID: "u_k3x7c2v5n6a4m2pqw8zt"})
	before := w.m.meta.FeedBytes
	lifecycle(w, "u_k3x7c2v5n6a4m2pqw8zt", "j_a2b3c4d5e6f7g2h3i4j5", 10)
	rows := 0
	v := w.m.View()
	defer v.Close()
	for k := range feed.Scan(v, "") {
		if index, _ := k.PopUint(); index > 2 {
			rows++
		}
	}
	bytes := w.m.meta.FeedBytes - before + int64(rows*(16+len("feed")+2))
	changes, _ := feedOf(w)
	t.Logf("a job of 10 items, one entry a step: %d changes in %d rows, %d bytes with their keys", len(changes)-2, rows, bytes)
	if bytes > 700 {
		t.Errorf("%d bytes a job are too many", bytes)
	}
}

// TestFeed_room: what is too much goes from the beginning, and a position before
// it is known not to be kept.
func TestFeed_room(t *testing.T) {
	defer func(room int64) { feedRoom = room }(feedRoom)
	feedRoom = 2000
	w := newWorld(t)
	must(w, genesis(DefaultSettings()))
	must(w, SignIn{NewID: "u"})
	for i := range 40 {
		job := fmt.Sprintf("j%d", i)
		must(w, GrantCredits{User: "u", Amount: 1, Reason: "on"})
		must(w, CreateJob{User: "u", ID: job, Preset: "interior", Items: 1})
		must(w, CancelJob{Job: job})
	}
	v := w.m.View()
	defer v.Close()
	changes, from := feedOf(w)
	if size := w.m.meta.FeedBytes; size > feedRoom || size < feedRoom/2 || from.Index < 50 || len(changes) == 0 {
		t.Errorf("%d bytes of %d, %d changes behind %v", size, feedRoom, len(changes), from)
	}
	if first := changes[0].Mark; !first.Follows(from) || !v.Kept(1, first) || !v.Kept(1, from) || v.Kept(1, Mark{Index: from.Index - 1}) {
		t.Errorf("kept from %v, the first is %v", from, first)
	}
	if c, err := v.Check(); err != nil || len(c.Wrong) > 0 {
		t.Error(err, c.Wrong)
	}
	if v.Kept(2, changes[0].Mark) {
		t.Error("a position of an epoch to come is kept")
	}
}

// TestFeed_goesOnAnywhere: reading from each position on gives what reading at once
// gives, in the middle of stretches and of entries of many rows too.
func TestFeed_goesOnAnywhere(t *testing.T) {
	w := newWorld(t)
	set := DefaultSettings()
	plan := set.Plans["free"]
	plan.MaxItems, plan.StartCredits, plan.MaxConcurrency = 200, 5000, 20
	set.Plans["free"] = plan
	must(w, genesis(set))
	must(w, SignIn{NewID: "u"})
	var ps []Proposal
	for i := range 5 {
		ps = append(ps, Propose(CreateJob{User: "u", ID: fmt.Sprintf("j%d", i), Preset: "interior", Items: 200}))
	}
	w.propose(ps...)
	ps = nil
	for i := range 5 {
		ps = append(ps, Propose(CancelJob{Job: fmt.Sprintf("j%d", i)}))
	}
	for i := range 600 { // more notes than one row holds
		ps = append(ps, Propose(OpenSession{Session: "s", Worker: Worker{ID: fmt.Sprintf("w%d", i), Boot: "b"}}))
	}
	w.propose(ps...)
	all, _ := feedOf(w)
	if len(all) != 2+5*2+5*202+600 {
		t.Fatalf("%d changes", len(all))
	}
	v := w.m.View()
	defer v.Close()
	if n := feed.Len(v, store.Uint(w.index)); n != 2 {
		t.Fatalf("%d rows of the last entry", n)
	}
	for i := 0; i < len(all); i += 37 {
		rest := slices.Collect(v.Feed(all[i].Mark))
		if len(rest) != len(all)-i-1 || len(rest) > 0 && rest[0].Mark != all[i+1].Mark {
			t.Fatalf("behind %v there are %d changes of %d", all[i].Mark, len(rest), len(all)-i-1)
		}
	}
}

func TestFeed_fromATime(t *testing.T) {
	w := newWorld(t)
	must(w, genesis(DefaultSettings()))
	for i := range 20 {
		w.clock += int64(time.Minute)
		must(w, SignIn{NewID: fmt.Sprintf("u%d", i)})
		w.propose() // an entry that changes nothing
	}
	v := w.m.View()
	defer v.Close()
	for i := range 20 {
		want := fmt.Sprintf("u%d", i)
		for c := range v.Feed(v.FeedAt(summer + int64(i+1)*int64(time.Minute))) {
			if c.User != want {
				t.Errorf("minute %d begins with %s", i+1, c.User)
			}
			break
		}
	}
	if from, _ := v.FeedFrom(); v.FeedAt(0) != from {
		t.Errorf("the beginning is %v, not %v", v.FeedAt(0), from)
	}
	for range v.Feed(v.FeedAt(summer + int64(day))) {
		t.Error("there is something of tomorrow")
	}
}

// TestFeed_epoch: a position is good in the next epoch if the state that it began
// with had come so far.
func TestFeed_epoch(t *testing.T) {
	w := newWorld(t)
	must(w, genesis(DefaultSettings()))
	must(w, SignIn{NewID: "u"})
	must(w, Restored{Why: FromBackup, From: w.index})
	must(w, SignIn{NewID: "v"})
	v := w.m.View()
	defer v.Close()
	if !v.Kept(1, Mark{Index: 2, Ordinal: 1}) || v.Kept(1, Mark{Index: 3, Ordinal: 1}) || !v.Kept(2, Mark{Index: 3, Ordinal: 1}) {
		t.Error("positions of the old epoch are not told apart")
	}
	changes, _ := feedOf(w)
	if c := changes[2]; c.Event != "cluster.epoch" || c.Epoch != 2 || c.Detail != "restore" {
		t.Errorf("%+v", c)
	}
}

package queue_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"stoker/fsm"
	"stoker/node"
)

var redWalls = map[string]fsm.Concept{"Wall": {Action: "recolor", Value: "red"}}

// parked has a worker wait, and gives what it is handed; a minute without is nil.
func (h *house) parked(worker string) <-chan *fsm.Grant {
	h.t.Helper()
	got := make(chan *fsm.Grant, 1)
	go func() { got <- h.poll(fsm.Want{Worker: worker, Max: 1}, time.Minute) }()
	synctest.Wait()
	return got
}

// entryOf gives the entry in which an item was handed out or a job queued.
func (h *house) entryOf(job string, to fsm.Status, item bool) uint64 {
	h.t.Helper()
	for e := range h.view().History(job, fsm.Mark{}) {
		if e.To == to && (e.Item != nil) == item {
			return e.Index
		}
	}
	h.t.Fatalf("%s: nothing has become %s", job, to)
	return 0
}

// TestPoll_WorkComesWithTheEntryThatQueuesIt: a worker that waits is handed work in the entry that makes it ready, so that a commit
// is all that is between the phone's call and the worker.
func TestPoll_WorkComesWithTheEntryThatQueuesIt(t *testing.T) {
	for name, queued := range map[string]func(h *house) string{
		"executed": func(h *house) string { return h.job(1).ID },
		"by its last picture": func(h *house) string {
			apply(h, fsm.SignIn{NewID: "u"})
			j := apply(h, fsm.CreateJob{User: "u", ID: "auto", Preset: "interior", Items: 2, AutoConfirm: true, AutoExecute: &fsm.Execution{Concepts: redWalls}})
			for i := range 2 {
				apply(h, fsm.PutObject{Object: fsm.Object{Bucket: "photos", Key: j.InputKey(i), Upload: "x", Nodes: []string{"n1"}}})
			}
			return j.ID
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				got := h.parked("w1")
				id := queued(h)
				if g := <-got; g == nil || g.Job.ID != id {
					t.Fatalf("granted %+v, want an item of %s", g, id)
				}
				if queued, running := h.entryOf(id, fsm.Queued, false), h.entryOf(id, fsm.Running, true); queued != running {
					t.Errorf("queued by entry %d, handed out by %d", queued, running)
				}
			})
		})
	}
}

// TestPoll_WhatIsRefusedComesToNobody: work that was announced and then does not come costs the one who waits neither its place nor
// what comes later.
func TestPoll_WhatIsRefusedComesToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		apply(h, fsm.SignIn{NewID: "u"})
		j := apply(h, fsm.CreateJob{User: "u", ID: "j", Preset: "interior", Items: 1})
		apply(h, fsm.PutObject{Object: fsm.Object{Bucket: "photos", Key: j.InputKey(0), Upload: "x", Nodes: []string{"n1"}}})
		apply(h, fsm.ConfirmUpload{User: "u", Job: "j"})
		got := h.parked("w1")
		wrong := fsm.ExecuteJob{User: "u", Job: "j", Concepts: map[string]fsm.Concept{"Moon": {Action: "recolor", Value: "red"}}}
		if _, err := node.Apply(context.Background(), h.node, wrong); err == nil {
			t.Fatal("a concept that the preset does not have was taken")
		}
		synctest.Wait()
		select {
		case g := <-got:
			t.Fatalf("answered %+v", g)
		default:
		}
		before := h.view().Index()
		time.Sleep(10 * time.Second) // virtual
		if now := h.view().Index(); now != before {
			t.Errorf("waiting on took the log from %d to %d", before, now)
		}
		apply(h, fsm.ExecuteJob{User: "u", Job: "j", Concepts: redWalls})
		if g := <-got; g == nil || g.Job.ID != "j" {
			t.Errorf("granted %+v", g)
		}
	})
}

// TestPoll_MoreComesThanWait: those who wait get theirs with the entry, and the rest is there for whoever comes.
func TestPoll_MoreComesThanWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		first, second := h.parked("w1"), h.parked("w2")
		id := h.job(3).ID
		held := map[int]bool{}
		for _, g := range []*fsm.Grant{<-first, <-second, h.poll(fsm.Want{Worker: "w3", Max: 1}, 0)} {
			if g == nil || g.Job.ID != id || held[g.Lease.Granted[0]] {
				t.Fatalf("granted %+v beside %v", g, held)
			}
			held[g.Lease.Granted[0]] = true
		}
		if g := h.poll(fsm.Want{Worker: "w4", Max: 1}, 0); g != nil {
			t.Errorf("a fourth of three: %+v", g)
		}
	})
}

package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stoker/fsm"
)

func TestPoll_ReadyWorkComesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		j := h.job(3)
		began := time.Now()
		g := h.poll(fsm.Want{Worker: "w1", Max: 2}, 30*time.Second)
		if g == nil || g.Job.ID != j.ID || !slices.Equal(g.Lease.Granted, []int{0, 1}) {
			t.Fatalf("grant %+v, want items 0 and 1 of %s", g, j.ID)
		}
		if waited := time.Since(began); waited > time.Second {
			t.Fatalf("ready work took %v", waited)
		}
	})
}

func TestPoll_WithoutPatienceGetsWhatIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		if g := h.poll(fsm.Want{Worker: "w1", Max: 1}, 0); g != nil {
			t.Fatalf("granted %+v out of nothing", g)
		}
		h.job(1)
		if g := h.poll(fsm.Want{Worker: "w1", Max: 1}, 0); g == nil {
			t.Fatal("ready work was not granted to a poll that does not wait")
		}
	})
}

func TestPoll_WaitingCostsNoEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		before := h.node.View()
		defer before.Close()
		began := time.Now()
		if g := h.poll(fsm.Want{Worker: "w1", Max: 1}, 30*time.Second); g != nil {
			t.Fatalf("granted %+v out of nothing", g)
		}
		if waited := time.Since(began); waited != 30*time.Second {
			t.Fatalf("an empty poll was answered after %v", waited)
		}
		if now := h.view().Index(); now != before.Index() {
			t.Fatalf("30 s of waiting took the log from %d to %d", before.Index(), now)
		}
	})
}

func TestPoll_ParkedWorkerIsServedWhenWorkArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		got := make(chan *fsm.Grant)
		go func() { got <- h.poll(fsm.Want{Worker: "w1", Max: 16}, 60*time.Second) }()
		time.Sleep(20 * time.Second) // virtual
		j := h.job(1)
		began := time.Now()
		if g := <-got; g == nil || g.Job.ID != j.ID {
			t.Fatalf("grant %+v, want %s", g, j.ID)
		}
		if waited := time.Since(began); waited > time.Second {
			t.Fatalf("the parked worker waited %v after the work came", waited)
		}
	})
}

func TestPoll_EachItemGoesToExactlyOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		const workers, items = 200, 60
		var mu sync.Mutex
		held := map[int]string{}
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				g := h.poll(fsm.Want{Worker: fmt.Sprintf("w%d", w), Max: 1}, 5*time.Second)
				if g == nil {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				for _, idx := range g.Lease.Granted {
					if other, taken := held[idx]; taken {
						t.Errorf("item %d went to %s and to w%d", idx, other, w)
					}
					held[idx] = g.Lease.Worker
				}
			})
		}
		synctest.Wait()
		h.job(items)
		wg.Wait()
		if len(held) != items {
			t.Fatalf("%d of %d items were handed out", len(held), items)
		}
	})
}

// TestPoll_AskedAgainWhileALeaseIsOnItsWay: many workers ask each poll several times at once, and all the same each poll has one
// grant and each item one holder, and nobody waits for what is ready.
func TestPoll_AskedAgainWhileALeaseIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		const workers, items = 40, 200
		h.job(items / 2)
		h.job(items / 2)
		var mu sync.Mutex
		holders := map[string]uint64{} // of each item, by fence
		var wg sync.WaitGroup
		began := time.Now()
		for w := range workers {
			wg.Go(func() {
				for n := range items / workers {
					want := fsm.Want{Worker: fmt.Sprintf("w%d", w), Poll: fmt.Sprintf("p%d", n), Max: 1}
					var copies sync.WaitGroup
					grants := make([]*fsm.Grant, 3)
					for i := range grants {
						copies.Go(func() { grants[i] = h.poll(want, time.Minute) })
					}
					copies.Wait()
					g := h.poll(want, time.Minute)
					for _, same := range grants {
						if g == nil || same != nil && same.Lease.Fence != g.Lease.Fence {
							t.Errorf("%+v has %+v, and %+v", want, g, same)
							return
						}
					}
					mu.Lock()
					item := fmt.Sprint(g.Job.ID, g.Lease.Granted)
					if holders[item] != 0 {
						t.Errorf("item %s has two holders", item)
					}
					holders[item] = g.Lease.Fence
					mu.Unlock()
					apply(h, fsm.Report{Fence: g.Lease.Fence, Results: []fsm.ItemResult{{Idx: g.Lease.Granted[0], Done: true}}})
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); len(holders) != items || took > 10*time.Second {
			t.Errorf("%d of %d items were handed out in %v", len(holders), items, took)
		}
	})
}

func TestPoll_ThoseBehindAreAskedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		// More workers than one Lease asks are in front, and none of them has the model.
		const unable = 260
		var wg sync.WaitGroup
		jobs := []fsm.Job{h.job(unable / 2), h.job(unable / 2)}
		for w := range unable {
			g := h.poll(fsm.Want{Worker: fmt.Sprintf("w%d", w), Max: 1}, 0)
			apply(h, fsm.Report{Fence: g.Lease.Fence, Results: []fsm.ItemResult{
				{Idx: g.Lease.Granted[0], Cause: fsm.ModelMissing, Error: "no model"},
			}})
		}
		for _, j := range jobs {
			apply(h, fsm.CancelJob{User: j.User, Job: j.ID})
		}
		for w := range unable {
			wg.Go(func() { h.poll(fsm.Want{Worker: fmt.Sprintf("w%d", w), Max: 1}, 20*time.Second) })
		}
		synctest.Wait()
		got := make(chan *fsm.Grant, 1)
		go func() { got <- h.poll(fsm.Want{Worker: "able", Max: 1}, 20*time.Second) }()
		synctest.Wait()
		h.job(1)
		if g := <-got; g == nil {
			t.Error("the worker behind them was not asked")
		}
		wg.Wait()
	})
}

func TestPoll_OnlyPresetsTheWorkerTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.job(1)
		if g := h.poll(fsm.Want{Worker: "w1", Presets: []string{"seller"}, Max: 1}, time.Second); g != nil {
			t.Fatalf("a worker for seller was granted %s", g.Job.Preset)
		}
		if g := h.poll(fsm.Want{Worker: "w2", Presets: []string{"seller", "interior"}, Max: 1}, time.Second); g == nil {
			t.Fatal("a worker for both was granted nothing")
		}
	})
}

func TestPoll_TheSamePollGetsTheSameGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.job(2)
		want := fsm.Want{Worker: "w1", Poll: "p1", Max: 2} // all there is
		first, again := h.poll(want, time.Second), h.poll(want, time.Second)
		if first == nil || again == nil || first.Lease.Fence != again.Lease.Fence {
			t.Fatalf("poll p1 was granted %+v, then %+v", first, again)
		}
		h.job(2)
		want.Poll = "p2"
		if next := h.poll(want, time.Second); next == nil || next.Lease.Fence == first.Lease.Fence {
			t.Fatalf("poll p2 was granted %+v", next)
		}
	})
}

func TestPoll_AskedAgainReplacesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		parked := make(chan *fsm.Grant)
		go func() { parked <- h.poll(fsm.Want{Worker: "w1", Poll: "p1", Max: 1}, 60*time.Second) }()
		synctest.Wait()
		began := time.Now()
		// A worker that drains asks once more for what may be on its way, and leaves.
		if g := h.poll(fsm.Want{Worker: "w1", Poll: "p1", Max: 1}, 0); g != nil {
			t.Fatalf("granted %+v out of nothing", g)
		}
		if g := <-parked; g != nil || time.Since(began) > time.Second {
			t.Fatalf("the older poll was answered %+v after %v, want nothing at once", g, time.Since(began))
		}
		h.job(1)
		if g := h.poll(fsm.Want{Worker: "w2", Max: 1}, time.Second); g == nil {
			t.Fatal("a ghost took the item")
		}
	})
}

func TestLease_UnconfirmedComesBackUnburned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.job(1)
		h.poll(fsm.Want{Worker: "w1", Max: 1}, time.Second) // its answer is lost on the way
		began := time.Now()
		g := h.poll(fsm.Want{Worker: "w2", Max: 1}, 60*time.Second)
		if g == nil || g.Lease.Attempt != 1 {
			t.Fatalf("grant %+v, want the item again at attempt 1", g)
		}
		if waited := time.Since(began); waited > 11*time.Second {
			t.Fatalf("an unconfirmed grant came back after %v", waited)
		}
	})
}

func TestLease_RunsOutAndItsHolderIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.job(1)
		g := h.poll(fsm.Want{Worker: "w1", Max: 1}, time.Second)
		beat, err := h.queue.Heartbeat(context.Background(), g.Lease.Fence, nil)
		if err != nil || beat.TTL != 60*time.Second || len(beat.Cancel) != 0 {
			t.Fatalf("heartbeat: %+v, %v", beat, err)
		}
		began := time.Now()
		again := h.poll(fsm.Want{Worker: "w2", Max: 1}, 90*time.Second)
		if waited := time.Since(began); again == nil || waited < 60*time.Second || waited > 63*time.Second {
			t.Fatalf("granted %+v again after %v, want the TTL and 1 s of back-off", again, waited)
		}
		if again.Lease.Attempt != 2 || again.Lease.Fence <= g.Lease.Fence {
			t.Fatalf("attempt %d under fence %d", again.Lease.Attempt, again.Lease.Fence)
		}
		var refused *fsm.Refusal
		if _, err := h.queue.Heartbeat(context.Background(), g.Lease.Fence, nil); !errors.As(err, &refused) || refused.Code != fsm.LeaseLost {
			t.Fatalf("the late holder's heartbeat: %v, want LEASE_LOST", err)
		}
	})
}

func TestLease_HeartbeatsKeepIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.job(1)
		g := h.poll(fsm.Want{Worker: "w1", Max: 1}, time.Second)
		index := h.view().Index()
		for range 30 {
			if _, err := h.queue.Heartbeat(context.Background(), g.Lease.Fence, nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second) // virtual
		}
		if now := h.view().Index(); now != index {
			t.Fatalf("ten minutes of heartbeats took the log from %d to %d", index, now)
		}
	})
}

// Renewals are in a leader's memory. The next leader knows nothing of them, and gives each lease a full TTL to be heard of.
func TestLease_ANewLeaderWaitsAFullTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.job(1)
		g := h.poll(fsm.Want{Worker: "w1", Max: 1}, time.Second)
		beat := func() {
			t.Helper()
			if _, err := h.queue.Heartbeat(context.Background(), g.Lease.Fence, nil); err != nil {
				t.Fatal(err)
			}
		}
		beat()
		time.Sleep(50 * time.Second) // virtual
		h.close()
		h.open()
		time.Sleep(50 * time.Second)
		beat()
		if l, _ := h.view().Lease(g.Lease.Fence); l.Ended != "" {
			t.Fatalf("the lease ended: %q", l.Ended)
		}
	})
}

func TestLease_CancelIsToldByTheHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		j := h.job(2)
		g := h.poll(fsm.Want{Worker: "w1", Max: 2}, time.Second)
		apply(h, fsm.CancelJob{User: j.User, Job: j.ID})
		beat, err := h.queue.Heartbeat(context.Background(), g.Lease.Fence, nil)
		if err != nil || !slices.Equal(beat.Cancel, []int{0, 1}) {
			t.Fatalf("heartbeat after the cancel: %+v, %v", beat, err)
		}
	})
}

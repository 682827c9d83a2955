package queue_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"stoker/fsm"
	"stoker/queue"
)

// control parks a control request and gives its answer on a channel.
func (h *house) control(ask queue.ControlAsk) <-chan queue.ControlAnswer {
	got := make(chan queue.ControlAnswer, 1)
	go func() {
		a, err := h.queue.Control(context.Background(), ask)
		if err != nil {
			h.t.Errorf("control %+v: %v", ask, err)
		}
		got <- a
	}()
	synctest.Wait()
	return got
}

func TestControl_RenewsAndComesBackAfterItsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.job(1)
		g := h.poll(fsm.Want{Worker: "w1", Max: 1}, 0)
		index := h.view().Index()
		for range 10 { // longer than the TTL in all
			began := time.Now()
			a := <-h.control(queue.ControlAsk{Worker: "w1", Leases: []queue.LeaseBeat{{Fence: g.Lease.Fence}}, Wait: 20 * time.Second})
			if time.Since(began) != 20*time.Second || a.Directive != "run" || len(a.Leases) != 1 || len(a.Lost) != 0 {
				t.Fatalf("after %v: %+v", time.Since(began), a)
			}
		}
		if now := h.view().Index(); now != index {
			t.Fatalf("renewals took the log from %d to %d", index, now)
		}
	})
}

func TestControl_CancelReachesAParkedWorkerAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		j := h.job(2)
		g := h.poll(fsm.Want{Worker: "w1", Max: 2}, 0)
		ask := queue.ControlAsk{Worker: "w1", Leases: []queue.LeaseBeat{{Fence: g.Lease.Fence}}, Wait: 30 * time.Second}
		got := h.control(ask)
		began := time.Now()
		apply(h, fsm.CancelJob{User: j.User, Job: j.ID})
		a := <-got
		if len(a.Leases) != 1 || !slices.Equal(a.Leases[0].Cancel, []int{0, 1}) {
			t.Fatalf("answered %+v, want both items canceled", a)
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Fatalf("the cancel took %v", took)
		}
		ask.Told = map[uint64][]int{g.Lease.Fence: {0, 1}}
		if a := <-h.control(ask); time.Since(began) < 30*time.Second {
			t.Fatalf("told again at once: %+v", a)
		}
	})
}

func TestControl_SaysWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.job(1)
		g := h.poll(fsm.Want{Worker: "w1", Max: 1}, 0)
		h.poll(fsm.Want{Worker: "w2", Max: 1}, 30*time.Second) // w1 was never heard of; w2 has it now
		a := <-h.control(queue.ControlAsk{Worker: "w1", Leases: []queue.LeaseBeat{{Fence: g.Lease.Fence}}, Wait: 30 * time.Second})
		if !slices.Equal(a.Lost, []uint64{g.Lease.Fence}) || len(a.Leases) != 0 {
			t.Fatalf("answered %+v, want the lease lost", a)
		}
	})
}

func TestDrain_AnswersParkedRequestsWithTheDirective(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		apply(h, fsm.OpenSession{Worker: fsm.Worker{ID: "w1", Boot: "b1"}, Session: "s1"})
		polled := make(chan queue.Answer, 1)
		go func() {
			a, err := h.queue.Poll(context.Background(), fsm.Want{Worker: "w1", Max: 1}, 60*time.Second)
			if err != nil {
				t.Error(err)
			}
			polled <- a
		}()
		synctest.Wait()
		parked := h.control(queue.ControlAsk{Worker: "w1", Wait: 60 * time.Second})
		began := time.Now()
		apply(h, fsm.SetWorker{Worker: "w1", State: fsm.WorkerDraining, Why: "maintenance"})
		if a := <-polled; a.Grant != nil || a.Directive != "drain" {
			t.Errorf("the parked poll was answered %+v", a)
		}
		if a := <-parked; a.Directive != "drain" {
			t.Errorf("the parked control was answered %+v", a)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the directive took %v", took)
		}
		h.job(1)
		a, err := h.queue.Poll(context.Background(), fsm.Want{Worker: "w1", Max: 1}, 5*time.Second)
		if err != nil || a.Grant != nil || !maps.Equal(a.Skipped, map[string]int{"draining": 1}) {
			t.Errorf("a draining worker's poll was answered %+v, %v", a, err)
		}
		if g := h.poll(fsm.Want{Worker: "w2", Max: 1}, 0); g == nil {
			t.Error("the work did not go to another worker")
		}
	})
}

func TestSession_NewBootGivesTheOldOnesLeasesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.job(1)
		apply(h, fsm.OpenSession{Worker: fsm.Worker{ID: "w1", Boot: "b1"}, Session: "s1"})
		g := h.poll(fsm.Want{Worker: "w1", Max: 1}, 0)
		if _, err := h.queue.Heartbeat(context.Background(), g.Lease.Fence, nil); err != nil {
			t.Fatal(err)
		}
		opened := apply(h, fsm.OpenSession{Worker: fsm.Worker{ID: "w1", Boot: "b2"}, Session: "s2"})
		if opened.GaveBack != 1 {
			t.Fatalf("gave back %d items, want 1", opened.GaveBack)
		}
		again := h.poll(fsm.Want{Worker: "w1", Max: 1}, 0)
		if again == nil || again.Lease.Attempt != 1 {
			t.Fatalf("granted %+v, want the item at once and at attempt 1", again)
		}
	})
}

func TestBudget_ALeaseThatOverrunsIsATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		j := h.job(1)
		g := h.poll(fsm.Want{Worker: "w1", Max: 1, Loaded: []string{"interior"}}, 0)
		began := time.Now()
		for g.Lease.Budget > int64(time.Since(began))+int64(20*time.Second) {
			if _, err := h.queue.Heartbeat(context.Background(), g.Lease.Fence, nil); err != nil {
				t.Fatalf("after %v of %v: %v", time.Since(began), time.Duration(g.Lease.Budget), err)
			}
			time.Sleep(20 * time.Second) // virtual
		}
		if _, err := h.queue.Heartbeat(context.Background(), g.Lease.Fence, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second) // virtual: the stuck worker is still renewed
		it := h.view().Items(j.ID)[0]
		if it.Tries[fsm.Timeout] != 1 || !it.Alone {
			t.Fatalf("the item is %+v, want one timeout", it)
		}
	})
}

func TestAffinity_WarmWorkersFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.job(1)
		warm := fsm.Want{Worker: "warm", Max: 1, Loaded: []string{"interior"}}
		h.poll(warm, 0) // it is at work now, and has the preset warm
		h.job(1)
		began := time.Now()
		if g := h.poll(fsm.Want{Worker: "cold", Max: 1}, 30*time.Second); g == nil || time.Since(began) < 1900*time.Millisecond || time.Since(began) > 2500*time.Millisecond {
			t.Fatalf("the cold worker was granted %v after %v, want 2 s of grace for the warm one", g, time.Since(began))
		}

		h.job(1)
		cold := make(chan *fsm.Grant, 1)
		go func() { cold <- h.poll(fsm.Want{Worker: "cold2", Max: 1}, time.Second) }()
		synctest.Wait()
		if g := h.poll(warm, 0); g == nil {
			t.Fatal("the warm worker was free within 2 s and was granted nothing")
		}
		if g := <-cold; g != nil {
			t.Fatal("the cold worker was granted the warm one's work")
		}
	})
}

func TestProgress_IsFollowedWithoutAnEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		j := h.job(2)
		g := h.poll(fsm.Want{Worker: "w1", Max: 2}, 0)
		index := h.view().Index()
		got := make(chan queue.Percents, 1)
		go func() {
			p, err := h.queue.Progress(context.Background(), j.ID, 0)
			if err != nil {
				t.Error(err)
			}
			got <- p
		}()
		synctest.Wait()
		if _, err := h.queue.Heartbeat(context.Background(), g.Lease.Fence, []queue.Progress{{Idx: 1, Percent: 40}}); err != nil {
			t.Fatal(err)
		}
		p := <-got
		if !maps.Equal(p.Items, map[int]float64{1: 40}) {
			t.Fatalf("followed %+v", p)
		}
		began := time.Now()
		if again, err := h.queue.Progress(context.Background(), j.ID, p.Version); err != nil || again.Version != p.Version || time.Since(began) < time.Second {
			t.Fatalf("nothing new was answered %+v, %v after %v", again, err, time.Since(began))
		}
		if now := h.view().Index(); now != index {
			t.Fatalf("progress took the log from %d to %d", index, now)
		}
	})
}

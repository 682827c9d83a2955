package handlers

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"stoker/fsm"
	"stoker/queue"
)

func TestProgress_IsShownOnTheStream(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	job := p.queued(2)
	work := h.leased("w", 2)
	beat := func(body m) {
		t.Helper()
		h.good(200, h.work("/queue/leases/"+work["lease_id"].(string)+"/heartbeat", m{"progress": []m{body}}))
	}
	s, conn := h.openStream(p, job, ""), h.dial(p, "/jobs/"+job+"/ws")
	heard := make(chan []told, 1)
	go func() {
		events, _ := hear(t, conn)
		heard <- events
	}()
	if got := s.next().String(); got != "snapshot running" {
		t.Fatal(got)
	}
	beat(m{"idx": 0, "percent": 12.5})
	e := s.next()
	if e.String() != "progress [map[idx:0 percent:12.5]]" || e.id != "" {
		t.Fatalf("%v with id %q", e, e.id)
	}
	beat(m{"idx": 1, "percent": 7})
	if e := s.next(); e.String() != "progress [map[idx:1 percent:7]]" { // what is new, not what is known
		t.Fatal(e)
	}
	h.finish(work, 0)
	e = s.next()
	if e.String() != "item 0 done" || e.id == "" {
		t.Fatal(e)
	}
	resumed := h.openStream(p, job, e.id)
	beat(m{"idx": 0, "percent": 99}) // late: the item is final
	beat(m{"idx": 1, "percent": 8})
	if e := resumed.next(); e.String() != "progress [map[idx:1 percent:8]]" && e.String() != "progress [map[idx:1 percent:7]]" {
		t.Errorf("resumed: %v", e)
	}
	h.finish(work, 1)
	end := []string{"item 1 done", "status done"}
	for _, got := range [][]string{transcript(s.rest()), transcript(<-heard)} {
		if !slices.Equal(got[len(got)-2:], end) || slices.Contains(got, "progress [map[idx:0 percent:99]]") {
			t.Errorf("the end: %v", got)
		}
	}
}

func TestProgress_TwiceASecondAtMost(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	job := p.queued(1)
	lease := "/queue/leases/" + h.leased("w", 1)["lease_id"].(string)
	s := h.openStream(p, job, "")
	s.next()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		often := time.NewTicker(time.Millisecond)
		defer often.Stop()
		for i := 0; ctx.Err() == nil; i++ {
			<-often.C
			if _, err := h.server.cfg.Queue.Heartbeat(ctx, fenceOf(lease), []queue.Progress{{Idx: 0, Percent: float64(i%1000) / 10}}); err != nil {
				return
			}
		}
	}()
	s.next()
	began := time.Now()
	for range 3 {
		s.next()
	}
	if took := time.Since(began); took < 3*percentPace-100*time.Millisecond {
		t.Errorf("three more came within %v", took)
	}
}

func fenceOf(path string) uint64 {
	var fence uint64
	fmt.Sscanf(path, "/queue/leases/ls_%d", &fence)
	return fence
}

func TestProgress_EndsWithItsStream(t *testing.T) {
	h := newHouse(t)
	f := follower{queue: h.server.cfg.Queue, job: h.signUp("free").queued(1)}
	ctx, cancel := context.WithCancel(t.Context())
	f.begin(ctx)
	f.begin(ctx)
	cancel()
	f.done.Wait()
}

func TestShown_TellsWhatIsNew(t *testing.T) {
	s := newShown()
	tell := func(items map[int]float64) string {
		events := s.event(queue.Percents{Items: items})
		if events == nil {
			return ""
		}
		return fmt.Sprint(events[0].Body.(percentEvent).Items)
	}
	if got := tell(map[int]float64{2: 1, 0: 5}); got != "[{0 5} {2 1}]" {
		t.Error(got)
	}
	if got := tell(map[int]float64{2: 1, 0: 5}); got != "" {
		t.Error(got)
	}
	s.count(0, fsm.Done)
	if got := tell(map[int]float64{2: 2, 0: 6}); got != "[{2 2}]" {
		t.Error(got)
	}
	s.count(2, fsm.Running) // again, by somebody else
	if got := tell(map[int]float64{2: 2}); got != "[{2 2}]" {
		t.Error(got)
	}
}

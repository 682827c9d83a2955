package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A cancel ends the handler's context in the moment it happens, and is told once.
func TestWorker_CancelAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		var ended time.Time
		w := start(t, b, Worker{Slots: 2, Handle: func(ctx context.Context, i *Item) (Result, error) {
			err := labor(ctx, time.Minute)
			if errors.Is(err, ErrCanceled) {
				ended = time.Now()
			}
			return Result{}, err
		}})
		b.until(t, "the parked control", func() bool { return b.beats > 0 })
		<-time.After(3 * time.Second)
		canceled := time.Now()
		b.cancel(1)
		b.until(t, "the other's final", func() bool { return b.finals() == 2 })
		w.end(t)
		if ended != canceled {
			t.Errorf("the handler heard of it after %s", ended.Sub(canceled))
		}
		if b.beats > 9 || fmt.Sprint(b.told) != "[{l1 [1]}]" || b.items[1].counted != 0 {
			t.Errorf("%d controls in a minute, told %v, item 1 %+v", b.beats, b.told, b.items[1])
		}
	})
}

// A lease that comes while a control is parked is held at once, and so are its cancels heard.
func TestWorker_NewLeaseJoinsTheControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		var canceled, ended time.Time
		w := start(t, b, Worker{Slots: 2, Handle: func(ctx context.Context, i *Item) (Result, error) {
			err := labor(ctx, time.Minute)
			if i.Idx == 1 {
				ended = time.Now()
			}
			return Result{}, err
		}})
		b.until(t, "the parked control", func() bool { return b.beats > 0 })
		b.mu.Lock()
		b.items = append(b.items, queued{})
		b.wake()
		b.mu.Unlock()
		<-time.After(time.Second)
		canceled = time.Now()
		b.cancel(1)
		b.until(t, "the first's final", func() bool { return b.finals() == 2 })
		w.end(t)
		if ended != canceled || b.items[0].attempts != 1 {
			t.Errorf("heard after %s; the first was leased %d times", ended.Sub(canceled), b.items[0].attempts)
		}
	})
}

// Progress is told while a control is parked, twice a second at most, and the newest in the end.
func TestWorker_ProgressBesideTheControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		w := start(t, b, Worker{Handle: func(ctx context.Context, i *Item) (Result, error) {
			for percent := range 100 {
				i.Progress(percent)
				if err := labor(ctx, 20*time.Millisecond); err != nil {
					return Result{}, err
				}
			}
			return Result{}, labor(ctx, time.Second)
		}})
		b.until(t, "the final", func() bool { return b.finals() == 1 })
		w.end(t)
		if n := len(b.percents); n < 4 || n > 6 || b.percents[n-1].Percent != 99 {
			t.Errorf("told %v in 2 s", b.percents)
		}
		if b.beats > 2 {
			t.Errorf("%d parked controls in 3 s", b.beats)
		}
	})
}

// Where there is no control, heartbeats bring the cancel; and the cluster is not asked for one at every turn.
func TestWorker_FallsBackToHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		b.old, b.cancels = true, []int{1}
		var cause error
		w := start(t, b, Worker{Slots: 2, Handle: func(ctx context.Context, i *Item) (Result, error) {
			i.Progress(10)
			err := labor(ctx, 2*time.Minute)
			if i.Idx == 1 {
				cause = err
			}
			return Result{}, err
		}})
		b.until(t, "the other's final", func() bool { return b.finals() == 1 })
		w.end(t)
		if !errors.Is(cause, ErrCanceled) || b.items[0].attempts != 1 {
			t.Errorf("cause %v, %d attempts", cause, b.items[0].attempts)
		}
		if n, m := b.calls("/queue/control"), b.calls("/queue/session"); n > 2 || m != 1 {
			t.Errorf("%d controls, %d sessions asked of an old cluster", n, m)
		}
		for _, p := range b.polls {
			if p.SessionID != "" {
				t.Error("a session out of nothing")
			}
		}
	})
}

// After an upgrade under way the worker finds the control, without losing what it holds to a new session.
func TestWorker_FindsTheControlLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		b.old = true
		var canceled, ended time.Time
		w := start(t, b, Worker{Slots: 2, Handle: func(ctx context.Context, i *Item) (Result, error) {
			err := labor(ctx, time.Hour)
			ended = time.Now()
			return Result{}, err
		}})
		b.until(t, "a heartbeat", func() bool { return b.beats > 0 })
		b.mu.Lock()
		b.old = false
		b.mu.Unlock()
		<-time.After(oldServer + 20*time.Second)
		canceled = time.Now()
		b.cancel(0)
		b.until(t, "the handler's end", func() bool { return !ended.IsZero() })
		if ended != canceled || b.items[0].attempts != 1 {
			t.Errorf("heard after %s, %d attempts", ended.Sub(canceled), b.items[0].attempts)
		}
		b.until(t, "the session, once nothing is held", func() bool { return len(b.boots) == 1 })
		w.end(t)
	})
}

// Whatever two of three nodes do to controls, no lease runs out.
func TestWorker_ControlSurvivesItsNode(t *testing.T) {
	for _, kind := range []trouble{lostBefore, lostAfter, unavailable, unknown, hangs, refused} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				sick := "n1:8080"
				b := newBroker(1)
				w := startWith(t, b, Worker{Handle: func(ctx context.Context, i *Item) (Result, error) {
					return Result{}, labor(ctx, 4*time.Minute)
				}}, func(host string, r *http.Request) trouble {
					mu.Lock()
					defer mu.Unlock()
					if host != sick || (r == nil) != (kind == refused) {
						return well
					}
					return kind
				})
				b.until(t, "a control", func() bool { return b.beats > 0 })
				for turn := range 7 { // each node in turn
					<-time.After(30 * time.Second)
					mu.Lock()
					sick = hosts[turn%3]
					mu.Unlock()
				}
				b.until(t, "the final", func() bool { return b.finals() == 1 })
				w.end(t)
				if b.items[0].attempts != 1 {
					t.Errorf("leased %d times", b.items[0].attempts)
				}
			})
		})
	}
}

// A poll says who asks, what is warm and what is held; the answer's losses are heeded.
func TestWorker_WhatAPollSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		w := start(t, b, Worker{
			Slots: 3, Presets: []string{"interior", "seller"}, GPU: "RTX 4090", VRAMMB: 24564,
			Loaded: func() []string { return []string{"seller"} },
			Handle: func(ctx context.Context, i *Item) (Result, error) { return Result{}, labor(ctx, time.Hour) },
		})
		b.until(t, "the second poll", func() bool { return len(b.polls) == 2 })
		b.mu.Lock()
		boot, first, second := b.boots[0], b.polls[0], b.polls[1]
		b.mu.Unlock()
		b.lose()
		w.end(t)
		if boot.WorkerID != "w1" || boot.Slots != 3 || boot.GPU != "RTX 4090" || boot.VRAMMB != 24564 || boot.SDK == "" || boot.BootID == "" {
			t.Errorf("boot %+v", boot)
		}
		session := "s_" + boot.BootID
		if first.SessionID != session || first.FreeSlots != 3 || len(first.Held) != 0 || fmt.Sprint(first.Loaded) != "[seller]" || first.WaitS != 30 {
			t.Errorf("first poll %+v", first)
		}
		if second.SessionID != session || second.FreeSlots != 2 || strings.Join(second.Held, ",") != "l1" || second.PollID == first.PollID {
			t.Errorf("second poll %+v", second)
		}
	})
}

// A worker that finds out by its refused result, as one that was stopped for long, says once that the lease was lost.
func TestWorker_ARefusedResultIsALostLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		var said bytes.Buffer // slog locks it, and it is read when the worker has ended
		w := startWith(t, b, Worker{Log: slog.New(slog.NewTextHandler(&said, nil)), Handle: func(context.Context, *Item) (Result, error) {
			b.lose()
			return Result{}, nil
		}}, func(_ string, r *http.Request) trouble {
			if r != nil && r.URL.Path == "/queue/control" {
				return unavailable
			}
			return well
		})
		b.until(t, "the refusal", func() bool { return b.refused > 0 })
		w.end(t)
		if n := strings.Count(said.String(), "lease lost"); n != 1 {
			t.Errorf("said %d times:\n%s", n, said.String())
		}
	})
}

// While controls fail, the poll's answer tells a loss too, with the work that it brings.
func TestWorker_ThePollTellsALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		causes := make(chan error, 2)
		w := startWith(t, b, Worker{Slots: 2, Handle: func(ctx context.Context, i *Item) (Result, error) {
			err := labor(ctx, 20*time.Second)
			causes <- err
			return Result{}, err
		}}, func(_ string, r *http.Request) trouble {
			if r != nil && r.URL.Path == "/queue/control" && b.calls("/queue/lease") < 3 {
				return unavailable
			}
			return well
		})
		b.until(t, "the final", func() bool { return b.finals() == 1 })
		w.end(t)
		if first, second := <-causes, <-causes; !errors.Is(first, ErrLeaseLost) || second != nil || b.items[0].counted != 1 {
			t.Errorf("the handlers ended with %v and %v, item %+v", first, second, b.items[0])
		}
	})
}

package client

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Told to drain, a worker finishes what it can within its grace, gives the rest back, takes nothing, and stays; told to run, it
// works again.
func TestWorker_DirectiveDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(3)
		w := start(t, b, Worker{Slots: 2, Grace: 20 * time.Second, Handle: func(ctx context.Context, i *Item) (Result, error) {
			return Result{}, labor(ctx, time.Duration(1+i.Idx)*15*time.Second)
		}})
		b.until(t, "the parked control", func() bool { return b.beats > 0 })
		b.order(DirectiveDrain)
		b.until(t, "the release", func() bool { return len(b.releases) > 0 })
		<-time.After(time.Minute)
		b.mu.Lock()
		if fmt.Sprint(b.releases) != "[drain [1]]" || b.items[0].final.Status != Done || b.finals() != 1 || len(b.grants) != 1 {
			t.Errorf("released %v, %d finals, %d grants", b.releases, b.finals(), len(b.grants))
		}
		if n := b.asked["/queue/lease"]; n > 20 {
			t.Errorf("%d polls in 80 s of drain", n)
		}
		if n := b.asked["/queue/control"]; n > 50 {
			t.Errorf("%d controls in 20 s of grace", n)
		}
		b.mu.Unlock()
		resumed := time.Now()
		b.order(DirectiveRun)
		b.until(t, "a grant", func() bool { return len(b.grants) > 1 })
		if took := time.Since(resumed); took > 6*time.Second {
			t.Errorf("worked again after %s", took)
		}
		b.until(t, "the finals", func() bool { return b.finals() == 3 })
		w.end(t)
	})
}

// A drain that is taken back within the grace costs nothing.
func TestWorker_DirectiveDrainTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		w := start(t, b, Worker{Grace: 20 * time.Second, Handle: func(ctx context.Context, i *Item) (Result, error) {
			return Result{}, labor(ctx, time.Minute)
		}})
		b.until(t, "the parked control", func() bool { return b.beats > 0 })
		b.order(DirectiveDrain)
		<-time.After(5 * time.Second)
		b.order(DirectiveRun)
		b.until(t, "the final", func() bool { return b.finals() == 1 })
		w.end(t)
		if len(b.releases) > 0 || b.items[0].attempts != 1 {
			t.Errorf("released %v, %d attempts", b.releases, b.items[0].attempts)
		}
	})
}

// Told to exit, whether it works or waits, a worker drains and Run returns by itself.
func TestWorker_DirectiveExit(t *testing.T) {
	for name, items := range map[string]int{"at work": 1, "waiting": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(items)
				var told atomic.Bool
				w := start(t, b, Worker{Slots: 2, Handle: func(ctx context.Context, i *Item) (Result, error) {
					err := labor(ctx, time.Hour)
					told.Store(errors.Is(err, ErrDraining))
					return Result{}, err
				}})
				b.until(t, "a poll", func() bool { return len(b.polls) > items })
				ordered := time.Now()
				b.order(DirectiveExit)
				if err := <-w.result; err != nil || time.Since(ordered) > time.Second {
					t.Errorf("Run: %v after %s", err, time.Since(ordered))
				}
				if told.Load() != (items == 1) || len(b.releases) != items {
					t.Errorf("handler told: %t, released %v", told.Load(), b.releases)
				}
			})
		})
	}
}

// A poll without a session has its directive and its reasons in headers.
func TestQueue_PollWithoutSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(0)
		q := newNetwork(t, b).client().Queue()
		answer, err := q.Poll(t.Context(), Poll{WorkerID: "w1", WaitS: 1})
		if err != nil || answer.Grant != nil || answer.Directive != DirectiveRun || fmt.Sprint(answer.Skipped) != "map[capped:2 preset:3]" {
			t.Errorf("%+v, %v", answer, err)
		}
		answer, err = q.Poll(t.Context(), Poll{WorkerID: "w1", SessionID: "s_1", WaitS: 1})
		if err != nil || answer.Grant != nil || answer.Directive != DirectiveRun || fmt.Sprint(answer.Skipped) != "map[capped:2]" {
			t.Errorf("%+v, %v", answer, err)
		}
	})
}

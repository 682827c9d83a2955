package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What a handler's end means to the queue.
func TestWorker_Causes(t *testing.T) {
	broken := errors.New("broken")
	cases := []struct {
		name     string
		err      error // nil: a panic
		cause    Cause
		attempts int
	}{
		{"bad input is final", BadInput(broken), CauseBadInput, 1},
		{"unmarked is tried again", broken, CauseTransient, 3},
		{"retryable is tried again", Retryable(broken), CauseTransient, 3},
		{"out of memory", OutOfMemory(broken), CauseOOM, 3},
		{"no model", ModelMissing(broken), CauseModelMissing, 3},
		{"the handler's own time", Timeout(broken), CauseTimeout, 3},
		{"a mark on nothing is no success", BadInput(nil), CauseBadInput, 1},
		{"the outer mark wins", Retryable(fmt.Errorf("reading: %w", BadInput(broken))), CauseTransient, 3},
		{"a mark inside counts", fmt.Errorf("painting: %w", OutOfMemory(broken)), CauseOOM, 3},
		{"a panic is tried again", nil, CauseTransient, 3},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(1)
				w := start(t, b, Worker{Handle: func(context.Context, *Item) (Result, error) {
					if tc.err == nil {
						panic("broken")
					}
					return Result{}, tc.err
				}})
				b.until(t, "the final", func() bool { return b.finals() == 1 })
				w.end(t)
				if it := b.items[0]; it.attempts != tc.attempts || it.final.Status != Failed || it.counted != 1 || it.final.Cause != tc.cause {
					t.Errorf("%d attempts, %+v", it.attempts, it.final)
				}
			})
		})
	}
}

// What shall be tried later is given back with the delay and the reason.
func TestWorker_RetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		first := true
		w := start(t, b, Worker{Handle: func(context.Context, *Item) (Result, error) {
			if first {
				first = false
				return Result{}, RetryAfter(errors.New("the licence server is away"), 1500*time.Millisecond)
			}
			return Result{}, nil
		}})
		b.until(t, "the final", func() bool { return b.finals() == 1 })
		w.end(t)
		if fmt.Sprint(b.releases) != "[retry: the licence server is away [0]]" || fmt.Sprint(b.delays) != "[2]" || b.items[0].final.Status != Done {
			t.Errorf("released %v with delays %v, final %+v", b.releases, b.delays, b.items[0].final)
		}
	})
}

// The cost of an item is its handler's time, or what it measured itself.
func TestWorker_GPUMillis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		w := start(t, b, Worker{Handle: func(ctx context.Context, i *Item) (Result, error) {
			if i.Idx == 1 {
				if err := i.OnGPU(func() error { return labor(ctx, 700*time.Millisecond) }); err != nil {
					return Result{}, err
				}
			}
			return Result{}, labor(ctx, 3*time.Second)
		}})
		b.until(t, "the finals", func() bool { return b.finals() == 2 })
		w.end(t)
		if whole, measured := b.items[0].final.GPUMillis, b.items[1].final.GPUMillis; whole != 3000 || measured != 700 {
			t.Errorf("gpu_ms %d and %d; want 3000 and 700", whole, measured)
		}
	})
}

// Transfers are not the GPU's time.
func TestItem_GPUMillisWithoutTransfers(t *testing.T) {
	i := &Item{}
	i.transfer.Store(int64(400 * time.Millisecond))
	if got := i.gpuMillis(time.Second); got != 600 {
		t.Errorf("got %d", got)
	}
	i.transfer.Store(int64(2 * time.Second)) // two at once
	if got := i.gpuMillis(time.Second); got != 0 {
		t.Errorf("got %d", got)
	}
}

// An item that takes too long is stopped through its context; a cold worker has the time to load on top.
func TestWorker_Budget(t *testing.T) {
	for name, tc := range map[string]struct {
		loaded []string
		after  time.Duration
	}{
		"cold": {nil, 20 * time.Second},
		"warm": {[]string{"interior"}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(2)
				b.load, b.exec = 10, 20 // of two items: 10 s each
				var once sync.Once
				var stopped time.Duration
				began := time.Now()
				w := start(t, b, Worker{Slots: 2, Loaded: func() []string { return tc.loaded }, Handle: func(ctx context.Context, i *Item) (Result, error) {
					err := labor(ctx, time.Hour)
					once.Do(func() {
						stopped = time.Since(began)
						if !errors.Is(err, ErrOverBudget) {
							t.Errorf("stopped by %v", err)
						}
					})
					return Result{}, fmt.Errorf("labor: %w", err)
				}})
				b.until(t, "both reports", func() bool { return len(b.items[0].reports) > 0 && len(b.items[1].reports) > 0 })
				b.mu.Lock()
				first := b.items[0].reports[0]
				b.mu.Unlock()
				b.lose()
				w.end(t)
				if stopped != tc.after || first.Cause != CauseTimeout || !first.Retryable {
					t.Errorf("stopped after %s, %+v", stopped, first)
				}
			})
		})
	}
}

// Items that wait for each other at one GPU have their shares one after the other.
func TestWorker_BudgetIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(4)
		b.exec = 40
		gpu := make(chan struct{}, 1)
		w := start(t, b, Worker{Slots: 4, Handle: func(ctx context.Context, i *Item) (Result, error) {
			gpu <- struct{}{}
			defer func() { <-gpu }()
			return Result{}, labor(ctx, 9*time.Second)
		}})
		b.until(t, "the finals", func() bool { return b.finals() == 4 })
		w.end(t)
		for i, it := range b.items {
			if it.final.Status != Done || it.attempts != 1 {
				t.Errorf("item %d: %+v", i, it)
			}
		}
	})
}

// A handler that does not heed its context is spoken for; its slot is not given to another.
func TestWorker_StuckHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		b.exec = 10
		stuck := make(chan struct{})
		w := start(t, b, Worker{Handle: func(ctx context.Context, i *Item) (Result, error) {
			<-stuck
			return Result{}, nil
		}})
		began := time.Now()
		b.until(t, "the report", func() bool { return len(b.items[0].reports) > 0 })
		took := time.Since(began)
		<-time.After(time.Minute)
		b.mu.Lock()
		first, grants := b.items[0].reports[0], len(b.grants)
		b.mu.Unlock()
		if took < 15*time.Second || took > 16*time.Second || first.Cause != CauseTimeout || !strings.Contains(first.Error, "stuck") || grants != 1 {
			t.Errorf("after %s: %+v, %d grants to one slot", took, first, grants)
		}
		b.lose()
		close(stuck)
		w.end(t)
		if n := len(b.items[0].reports); n != 1 {
			t.Errorf("reported %d times", n)
		}
	})
}

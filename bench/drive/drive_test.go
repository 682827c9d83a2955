package drive

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestClosed: four clients that each take 10 ms do 400 operations a second, and the warm-up is not counted.
func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var done atomic.Int64
		r, err := Closed(t.Context(), 4, Span{Warm: time.Second, For: 2 * time.Second}, func(context.Context, int) error {
			done.Add(1)
			time.Sleep(10 * time.Millisecond)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Ops() != 800 || r.All() != 1200 || done.Load() != 1200 || r.PerSecond() != 400 || r.Percentile(50) != 10*time.Millisecond {
			t.Errorf("%d of %d operations, %v/s, p50 %v", r.Ops(), done.Load(), r.PerSecond(), r.Percentile(50))
		}
	})
}

// TestClosed_soMany: a run of a given number of operations ends with them.
func TestClosed_soMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := Closed(t.Context(), 3, Span{For: time.Hour, Ops: 100}, func(context.Context, int) error {
			time.Sleep(time.Millisecond)
			return nil
		})
		if err != nil || r.Ops() != 100 {
			t.Errorf("%v, %v", r, err)
		}
	})
}

// TestClosed_throughBeforeItIsMeasured: who does all the work in the time to warm up is measured with three quarters of it.
func TestClosed_throughBeforeItIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := Closed(t.Context(), 2, Span{Warm: time.Minute, For: time.Second, Ops: 100}, func(context.Context, int) error {
			time.Sleep(time.Millisecond)
			return nil
		})
		if err != nil || r.All() != 100 || r.Ops() < 74 || r.Ops() > 76 || r.PerSecond() < 1900 || r.PerSecond() > 2100 {
			t.Errorf("%d of %d measured, %v a second, %v", r.Ops(), r.All(), r.PerSecond(), err)
		}
	})
}

// TestOpen_workThatLasts: what is due later does not end the unmeasured part now, however many clients have taken it on.
func TestOpen_workThatLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := Open(t.Context(), 64, 10, Span{Warm: 2 * time.Second, For: 2 * time.Second, Ops: 100}, func(context.Context, int) error { return nil })
		if err != nil || r.Ops() != 20 || r.All() != 40 {
			t.Errorf("%d of %d measured, %v", r.Ops(), r.All(), err)
		}
	})
}

// TestOpen_stall: a system that stands still for a second is charged for all that was due in it, not for one operation.
func TestOpen_stall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r, err := Open(t.Context(), 1, 100, Span{For: 4 * time.Second}, func(context.Context, int) error {
			if since := time.Since(began); since >= time.Second && since < 2*time.Second {
				time.Sleep(2*time.Second - since)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Ops() != 400 || r.Percentile(100) != time.Second || r.Percentile(70) != 0 || r.Percentile(90) < 500*time.Millisecond {
			t.Errorf("%d operations, p70 %v, p90 %v, longest %v", r.Ops(), r.Percentile(70), r.Percentile(90), r.Percentile(100))
		}
	})
}

// TestRun_anError: the first error ends a run, and there are no figures.
func TestRun_anError(t *testing.T) {
	broken := errors.New("broken")
	r, err := Closed(t.Context(), 8, Span{For: time.Hour}, func(_ context.Context, client int) error {
		if client == 5 {
			return broken
		}
		return nil
	})
	if r != nil || !errors.Is(err, broken) {
		t.Errorf("%v, %v", r, err)
	}
}

// TestRun_nothing: a run in which nothing was measured has zeros.
func TestRun_nothing(t *testing.T) {
	r := &Run{}
	if r.PerSecond() != 0 || r.Percentile(99) != 0 {
		t.Errorf("%v a second, %v", r.PerSecond(), r.Percentile(99))
	}
}

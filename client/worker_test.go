package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// work is a worker at a broker, running until stop.
type work struct {
	*broker
	net    *network
	stop   context.CancelFunc
	result chan error
}

func start(t *testing.T, b *broker, w Worker) *work {
	return startWith(t, b, w, func(string, *http.Request) trouble { return well })
}

func startWith(t *testing.T, b *broker, w Worker, trouble func(string, *http.Request) trouble) *work {
	n := newNetwork(t, b)
	n.trouble = trouble
	w.Cluster, w.ID = n.cluster(), "w1"
	if w.Log == nil {
		w.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(t.Context())
	run := &work{broker: b, net: n, stop: stop, result: make(chan error, 1)}
	go func() { run.result <- w.Run(ctx) }()
	return run
}

// until lets virtual time pass until done, at most an hour of it. It asks under the broker's lock.
func (b *broker) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 36000 {
		synctest.Wait()
		b.mu.Lock()
		there := done()
		b.mu.Unlock()
		if there {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	t.Fatalf("never came: %s", what)
}

// end stops the worker and checks that it went in peace.
func (w *work) end(t *testing.T) {
	t.Helper()
	w.stop()
	if err := <-w.result; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// labor is a handler's work: it takes d unless it must be dropped.
func labor(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// With three calls in ten going wrong in every way there is, each item is counted once and none is forgotten.
func TestWorker_EveryItemOnce(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				random := rand.New(rand.NewPCG(seed, 7))
				b := newBroker(12)
				w := startWith(t, b, Worker{Slots: 3, Handle: func(ctx context.Context, i *Item) (Result, error) {
					return Result{}, labor(ctx, 7*time.Second)
				}}, func(_ string, r *http.Request) trouble {
					mu.Lock()
					defer mu.Unlock()
					kind := trouble(random.IntN(20))
					if (r == nil) != (kind == refused) || kind > refused {
						return well
					}
					return kind
				})
				b.until(t, "12 finals", func() bool { return b.finals() == 12 })
				w.end(t)
				for i, it := range b.items {
					if it.counted != 1 || it.final.Status != Done || it.final.OutputKey != fmt.Sprintf("outputs/u/j_1/%d_result.png", i) {
						t.Errorf("item %d: counted %d times, %+v", i, it.counted, it.final)
					}
				}
			})
		})
	}
}

// Never more at once than there are slots, and never fewer while there is work.
func TestWorker_Slots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		b := newBroker(20)
		began := time.Now()
		w := start(t, b, Worker{Slots: 4, Handle: func(ctx context.Context, i *Item) (Result, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			return Result{}, labor(ctx, 10*time.Second)
		}})
		b.until(t, "20 finals", func() bool { return b.finals() == 20 })
		if took := time.Since(began); most.Load() != 4 || took > 51*time.Second {
			t.Errorf("at most %d at once, %s for 20 times 10 s in 4 slots", most.Load(), took)
		}
		w.end(t)
	})
}

// Renewals carry a lease over work that is much longer than its TTL, and tell the progress; by control or, where there is none,
// by heartbeat.
func TestWorker_HoldsTheLease(t *testing.T) {
	for name, old := range map[string]bool{"control": false, "heartbeats": true} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { holdsTheLease(t, old) }) })
	}
}

func holdsTheLease(t *testing.T, old bool) {
	b := newBroker(1)
	b.old = old
	w := start(t, b, Worker{Handle: func(ctx context.Context, i *Item) (Result, error) {
		i.Progress(40)
		return Result{}, labor(ctx, 5*time.Minute)
	}})
	b.until(t, "the final", func() bool { return b.finals() == 1 })
	w.end(t)
	if b.items[0].attempts != 1 || b.beats < 29 || b.beats > 32 {
		t.Errorf("%d attempts, %d renewals in 300 s at a TTL of 30 s", b.items[0].attempts, b.beats)
	}
	if len(b.percents) != 1 || b.percents[0].Percent != 40 {
		t.Errorf("progress told: %v; want the one change once", b.percents)
	}
}

// A canceled item's context ends; nothing is said of it, and the others go on.
func TestWorker_Cancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		b.cancels = []int{1}
		var cause error
		w := start(t, b, Worker{Slots: 2, Handle: func(ctx context.Context, i *Item) (Result, error) {
			err := labor(ctx, time.Minute)
			if i.Idx == 1 {
				cause = err
			}
			return Result{}, err
		}})
		b.until(t, "the other's final", func() bool { return b.finals() == 1 })
		w.end(t)
		if !errors.Is(cause, ErrCanceled) || b.items[1].counted != 0 || b.items[0].final.Status != Done {
			t.Errorf("cause %v, items %+v", cause, b.items)
		}
	})
}

// Under a lost lease nothing more is said, and the handlers are stopped.
func TestWorker_LeaseLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		var causes atomic.Int64
		w := start(t, b, Worker{Slots: 2, Handle: func(ctx context.Context, i *Item) (Result, error) {
			err := labor(ctx, time.Hour)
			if errors.Is(err, ErrLeaseLost) {
				causes.Add(1)
			}
			return Result{}, err
		}})
		b.until(t, "a heartbeat", func() bool { return b.beats > 0 })
		b.lose()
		b.until(t, "both handlers' end", func() bool { return causes.Load() == 2 })
		w.end(t)
		if b.refused != 0 || len(b.releases) > 0 {
			t.Errorf("%d calls under a lost lease, released %v", b.refused, b.releases)
		}
	})
}

// A worker that must go gives its work back without burning attempts, first of all.
func TestWorker_Drain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		var causes atomic.Int64
		w := start(t, b, Worker{Slots: 2, Handle: func(ctx context.Context, i *Item) (Result, error) {
			err := labor(ctx, time.Hour)
			if errors.Is(err, ErrDraining) {
				causes.Add(1)
			}
			return Result{}, err
		}})
		b.until(t, "a heartbeat", func() bool { return b.beats > 0 })
		began := time.Now()
		w.end(t)
		if fmt.Sprint(b.releases) != "[drain [0 1]]" || causes.Load() != 2 || time.Since(began) > 0 {
			t.Errorf("released %v, %d handlers told, after %s", b.releases, causes.Load(), time.Since(began))
		}
	})
}

// With a grace, what can finish does; only the rest is given back. One dead node delays nothing that matters.
func TestWorker_DrainWithGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		w := startWith(t, b, Worker{Slots: 2, Grace: 20 * time.Second, Handle: func(ctx context.Context, i *Item) (Result, error) {
			return Result{}, labor(ctx, time.Duration(1+i.Idx)*15*time.Second)
		}}, func(host string, r *http.Request) trouble {
			if host == "n2:8080" && r != nil {
				return hangs
			}
			return well
		})
		b.until(t, "a heartbeat", func() bool { return b.beats > 0 })
		w.end(t)
		if fmt.Sprint(b.releases[0]) != "drain [1]" || b.items[0].final.Status != Done {
			t.Errorf("released %v, item 0 %+v", b.releases, b.items[0].final)
		}
	})
}

// A grant whose answer was on its way when the worker stopped is collected and given back, not left to run out.
func TestWorker_SweepsTheLastPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		w := startWith(t, b, Worker{Handle: func(context.Context, *Item) (Result, error) {
			t.Error("handled")
			return Result{}, nil
		}}, func(_ string, r *http.Request) trouble {
			if r != nil && r.URL.Path == "/queue/lease" && b.calls("/queue/lease") == 0 {
				return hangs
			}
			return well
		})
		b.until(t, "the grant", func() bool { return len(b.grants) == 1 })
		w.end(t)
		if fmt.Sprint(b.releases) != "[drain []]" || len(b.grants) != 1 {
			t.Errorf("released %v of %d grants", b.releases, len(b.grants))
		}
	})
}

// A worker that the cluster does not know ends instead of asking for ever.
func TestWorker_WrongToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, newBroker(1))
		cluster := n.cluster()
		cluster.WorkerToken = "wrk_2"
		w := Worker{Cluster: cluster, ID: "w1", Log: slog.New(slog.DiscardHandler), Handle: func(context.Context, *Item) (Result, error) { return Result{}, nil }}
		if err := w.Run(t.Context()); !Is(err, "CALLBACK_UNAUTHORIZED") {
			t.Errorf("got %v", err)
		}
	})
}

package client

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crash runs a worker of two slots whose first item is made, but never heard of, and takes it away in the middle of the second.
// Its spool is as the disk had it at that moment.
func crash(t *testing.T, b *broker) (spool string) {
	t.Helper()
	dir, spool := t.TempDir(), t.TempDir()
	var dead atomic.Bool
	w := startWith(t, b, Worker{Slots: 2, Spool: dir, Handle: func(ctx context.Context, i *Item) (Result, error) {
		return Result{}, labor(ctx, time.Duration(i.Idx*3600+1)*time.Second)
	}}, func(_ string, r *http.Request) trouble {
		if r != nil && (dead.Load() || strings.HasSuffix(r.URL.Path, "/results")) {
			return lostBefore
		}
		return well
	})
	b.until(t, "the spooled result", func() bool { return len(names(t, dir)) == 1 })
	dead.Store(true)
	if err := os.CopyFS(spool, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	w.end(t)
	if n := len(names(t, dir)); n != 1 {
		t.Errorf("an end in order left %d files; what was not delivered must stay", n)
	}
	return spool
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// What a crash left is delivered before the new boot gives the old leases back: the made item counts, the other comes again.
func TestWorker_SpoolSurvivesACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		spool := crash(t, b)
		handled := map[int]int{}
		w := start(t, b, Worker{Spool: spool, Handle: func(ctx context.Context, i *Item) (Result, error) {
			handled[i.Idx]++
			return Result{}, nil
		}})
		b.until(t, "the finals", func() bool { return b.finals() == 2 })
		w.end(t)
		if fmt.Sprint(handled) != "map[1:1]" || b.items[0].final.GPUMillis != 1000 || b.items[0].attempts != 1 {
			t.Errorf("made again: %v; item 0 %+v", handled, b.items[0])
		}
		if left := names(t, spool); len(left) > 0 {
			t.Errorf("left in the spool: %v", left)
		}
	})
}

// A result that comes too late is dropped, and its item was made by another.
func TestWorker_SpoolTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		spool := crash(t, b)
		<-time.After(time.Minute)
		w := start(t, b, Worker{Spool: spool, Handle: func(ctx context.Context, i *Item) (Result, error) { return Result{}, nil }})
		b.until(t, "the finals", func() bool { return b.finals() == 2 })
		w.end(t)
		if left := names(t, spool); len(left) > 0 || b.items[0].attempts != 2 || b.refused != 1 {
			t.Errorf("left in the spool: %v; %d refused, item 0 %+v", left, b.refused, b.items[0])
		}
	})
}

// A worker that nobody lets in keeps its spool.
func TestWorker_SpoolWrongToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		spool := crash(t, b)
		cluster := newNetwork(t, b).cluster()
		cluster.WorkerToken = "wrk_2"
		w := Worker{Cluster: cluster, ID: "w1", Spool: spool, Log: slog.New(slog.DiscardHandler), Handle: func(context.Context, *Item) (Result, error) { return Result{}, nil }}
		if err := w.Run(t.Context()); !Is(err, "CALLBACK_UNAUTHORIZED") || len(names(t, spool)) != 1 {
			t.Errorf("%v; left %v", err, names(t, spool))
		}
	})
}

// While all is well the spool is empty after each lease, and never holds more than what was not acknowledged.
func TestWorker_SpoolIsEmptied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, dir := newBroker(9), t.TempDir()
		w := start(t, b, Worker{Slots: 3, Spool: filepath.Join(dir, "new", "spool"), Handle: func(ctx context.Context, i *Item) (Result, error) {
			return Result{}, labor(ctx, time.Duration(i.Idx%3)*time.Second)
		}})
		b.until(t, "the finals", func() bool { return b.finals() == 9 })
		w.end(t)
		if left := names(t, filepath.Join(dir, "new", "spool")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// Half a file counts for nothing, and a strange one harms nobody.
func TestSpool_Left(t *testing.T) {
	s, err := openSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, lease := range []string{"l/../1", "l2"} {
		if err := s.keep(owed{lease, []ItemResult{{Idx: 3, Status: Done}}}); err != nil {
			t.Fatal(err)
		}
	}
	write(t, s.dir, "l3.json.tmp", `{"lease_id":"l3","resu`)
	write(t, s.dir, "l4.json", `{"lease_id":"l4","resu`)
	write(t, s.dir, "l5.json", `{"lease_id":"l6"}`)
	all, err := s.left()
	if len(all) != 2 || all[0].Lease != "l/../1" || all[1].Results[0].Idx != 3 {
		t.Errorf("read %+v", all)
	}
	if err == nil || !strings.Contains(err.Error(), "l4.json") || !strings.Contains(err.Error(), "l5.json") || strings.Contains(err.Error(), ".json.tmp") {
		t.Errorf("got %v", err)
	}
	for range 2 {
		if err := s.drop("l2"); err != nil {
			t.Error(err)
		}
	}
}

package main

import (
	"runtime"
	"testing"
)

// The heap goes to live + live × percent / 100.
func TestCollect_GarbageIsBounded(t *testing.T) {
	for _, c := range []struct{ live, most uint64 }{
		{0, 0}, {10 << 20, 30 << 20}, {64 << 20, 192 << 20}, // three times what lives
		{100 << 20, 228 << 20}, {250 << 20, 378 << 20}, // 128 MB beside it
		{1 << 30, 3 << 29}, {10 << 30, 15 << 30}, // half as much as lives
	} {
		heap := c.live + c.live*uint64(collectAt(c.live))/100
		if heap > c.most || heap < c.most-c.most/50 {
			t.Errorf("%d MB live: the heap goes to %d MB, want %d", c.live>>20, heap>>20, c.most>>20)
		}
	}
	if collectAt(0) != garbageOfLive {
		t.Error("a heap of nothing is not collected as one of little")
	}
}

func TestCollect_AfterCollections(t *testing.T) {
	called := make(chan int)
	n := 0
	afterCollection(func() {
		n++
		called <- n
	})
	for i := 1; i <= 3; {
		runtime.GC() // one that comes before the last call has returned is not told of
		select {
		case got := <-called:
			if got != i {
				t.Fatalf("call %d says it is number %d", i, got)
			}
			i++
		default:
		}
	}
	go func() { // the call that waits now
		for range called {
		}
	}()
}

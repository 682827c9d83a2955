package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Garbage of a node. Most of what a request allocates is garbage at its end, and what lives is small: a heap that may be three times
// what lives is collected half as often for some MB (docs/performance.md). Under more than a cluster can take, what lives grows for the
// time of one flush, by its transaction, and three times that would stay the node's: from garbageMost on it is collected more often.
const (
	garbageOfLive = 200       // percent of what lives
	garbageMost   = 128 << 20 // bytes
	garbageLeast  = 50        // percent: a collection costs by what lives, so that less would cost without end
)

// collectAt is GOGC where live bytes are in use.
func collectAt(live uint64) int {
	if live == 0 {
		return garbageOfLive
	}
	return max(garbageLeast, int(min(garbageOfLive, 100*garbageMost/live)))
}

// boundGarbage sets how often garbage is collected, anew after each collection; unless the operator has said it with GOGC. A GOMEMLIMIT
// holds beside it.
func boundGarbage() {
	if _, set := os.LookupEnv("GOGC"); set {
		return
	}
	set := garbageOfLive
	debug.SetGCPercent(set)
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	afterCollection(func() {
		metrics.Read(sample)
		if p := collectAt(sample[0].Value.Uint64()); p != set { // setting it stops the world
			set = p
			debug.SetGCPercent(p)
		}
	})
}

// afterCollection calls fn behind each collection, from one goroutine at a time: an object that nobody holds is found dead by each.
func afterCollection(fn func()) {
	dead := &struct{ _ [64]byte }{}
	runtime.AddCleanup(dead, func(fn func()) {
		fn()
		afterCollection(fn)
	}, fn)
}

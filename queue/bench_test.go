package queue_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"stoker/fsm"
)

// BenchmarkHandOver enqueues one item at a time while so many workers wait, of
// one kind or of several, and measures until one has it. No HTTP and one node:
// what is left is the broker, the machine and the disk. cpu-µs/op is the whole
// process's processor time, which another process's load does not change much.
//
//	go test ./queue -run none -bench HandOver -benchtime 200x
func BenchmarkHandOver(b *testing.B) {
	for _, kinds := range []int{1, 40} {
		for _, n := range []int{1, 1000, 5000} {
			b.Run(fmt.Sprintf("kinds=%d/waiters=%d", kinds, n), func(b *testing.B) { handOver(b, n, kinds) })
		}
	}
}

func handOver(b *testing.B, waiters, kinds int) {
	h := openHouse(b)
	user := fsm.SetPlan{User: "buyer", Plan: "pro"}
	apply(h, fsm.SignIn{NewID: user.User})
	apply(h, user)
	apply(h, fsm.GrantCredits{User: user.User, Amount: int64(b.N) + 1, Reason: "test"})

	ctx, leave := context.WithCancel(context.Background())
	got := make(chan *fsm.Grant)
	var polls sync.WaitGroup
	for i := range waiters {
		polls.Go(func() {
			w := fsm.Want{Worker: "w" + strconv.Itoa(i), Max: 1}
			if k := i % kinds; k > 0 {
				w.Presets = []string{"interior", "of kind " + strconv.Itoa(k)}
			}
			for ctx.Err() == nil {
				if a, err := h.queue.Poll(ctx, w, time.Hour); err == nil && a.Grant != nil {
					got <- a.Grant
				}
			}
		})
	}
	parked := func() {
		for {
			if d, err := h.queue.Depth(ctx); err == nil && d.Waiters == waiters {
				return
			}
			runtime.Gosched() // to the pollers; nothing tells of a waiter's coming
		}
	}
	item := func(i int) {
		job := "j" + strconv.Itoa(i)
		j := apply(h, fsm.CreateJob{User: user.User, ID: job, Preset: "interior", Items: 1})
		apply(h, fsm.PutObject{Object: fsm.Object{Bucket: "photos", Key: j.InputKey(0), Upload: "x", Nodes: []string{"n1"}}})
		apply(h, fsm.ConfirmUpload{User: user.User, Job: job})
	}
	parked()
	b.ReportAllocs()
	b.ResetTimer()
	b.StopTimer()
	var cpu time.Duration
	for i := range b.N {
		item(i)
		parked()
		b.StartTimer()
		began := processorTime()
		apply(h, fsm.ExecuteJob{User: user.User, Job: "j" + strconv.Itoa(i), Concepts: map[string]fsm.Concept{"Wall": {Action: "recolor", Value: "red"}}})
		g := <-got
		cpu += processorTime() - began
		b.StopTimer()
		apply(h, fsm.Report{Fence: g.Lease.Fence, Results: []fsm.ItemResult{{Idx: 0, Done: true}}})
	}
	b.ReportMetric(float64(cpu.Microseconds())/float64(b.N), "cpu-µs/op")
	leave()
	polls.Wait()
}

// processorTime is what the process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

package bench

import (
	"context"
	"fmt"
	"os"
	"time"
)

// toll is what a load takes of nodes, and of this process, which sends it.
type toll struct {
	cpu, clientCPU float64 // processors in use, of all nodes together and of this process
	peakMB         float64 // memory of the largest node that is its own, at most: not pages of files, which the kernel takes back
}

// tollEvery is how often the nodes' memory is looked at.
const tollEvery = 50 * time.Millisecond

// takeToll watches for a while; the function that it gives waits for the end of that, or stops it if ctx has ended.
func takeToll(ctx context.Context, pids []int, span time.Duration) (end func() toll) {
	done := make(chan toll, 1)
	go func() {
		self := []int{os.Getpid()}
		began, nodes, client := time.Now(), used(pids), used(self)
		over := time.After(span)
		tick := time.NewTicker(tollEvery)
		defer tick.Stop()
		var t toll
		for watching := true; watching; {
			select {
			case <-ctx.Done():
				watching = false
			case <-over:
				watching = false
			case <-tick.C:
				for _, pid := range pids {
					t.peakMB = max(t.peakMB, float64(statusBytes(fmt.Sprintf("/proc/%d/status", pid), "RssAnon:"))/(1<<20))
				}
			}
		}
		took := time.Since(began).Seconds()
		t.cpu, t.clientCPU = used(pids).minus(nodes).cpu.Seconds()/took, used(self).minus(client).cpu.Seconds()/took
		done <- t
	}()
	return func() toll { return <-done }
}

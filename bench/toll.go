package bench

import (
	"context"
	"fmt"
	"os"
	"time"
)

// toll is what a load takes of nodes, and of this process, which sends it.
type toll struct {
	cpu, clientCPU float64   // processors in use, of all nodes together and of this process
	memory         []float64 // MB of the largest node that are its own, at most, in each second: not pages of files, which the kernel takes back
}

// peak is the most memory that there was; 0 where it cannot be seen.
func (t toll) peak() (mb float64) {
	for _, m := range t.memory {
		mb = max(mb, m)
	}
	return mb
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
				t.note(int(time.Since(began)/time.Second), pids)
			}
		}
		took := time.Since(began).Seconds()
		t.cpu, t.clientCPU = used(pids).minus(nodes).cpu.Seconds()/took, used(self).minus(client).cpu.Seconds()/took
		done <- t
	}()
	return func() toll { return <-done }
}

// note looks at the nodes' memory, in a second since the beginning.
func (t *toll) note(second int, pids []int) {
	for len(t.memory) <= second {
		t.memory = append(t.memory, 0)
	}
	for _, pid := range pids {
		t.memory[second] = max(t.memory[second], float64(statusBytes(fmt.Sprintf("/proc/%d/status", pid), "RssAnon:"))/(1<<20))
	}
}

package fsm

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkApply_create: what a job of three pictures costs the machine, sixteen in an entry, with 1,000 users. Every node does
// it for every job.
func BenchmarkApply_create(b *testing.B) {
	w := newWorld(b)
	w.dry = 0
	set := DefaultSettings()
	plan := set.Plans["free"]
	plan.MaxConcurrency, plan.StartCredits = 10_000, 1_000_000
	set.Plans["free"] = plan
	must(w, genesis(set))
	const users, together = 1000, 16
	for i := range users {
		must(w, SignIn{NewID: fmt.Sprintf("u%d", i)})
	}
	b.ReportAllocs()
	jobs := 0
	for b.Loop() {
		var ps []Proposal
		for range together {
			ps = append(ps, Propose(CreateJob{User: fmt.Sprintf("u%d", jobs%users), ID: fmt.Sprintf("j%d", jobs), Preset: "interior", Items: 3}))
			jobs++
		}
		for _, o := range w.propose(ps...) {
			if o.Refusal != nil {
				b.Fatal(o.Refusal)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(jobs), "µs/job")
}

// BenchmarkApply_grants: what an item that is granted and reported costs the machine, sixteen grants and sixteen reports in an
// entry, with 64 users who have work and 64 workers. Every node does it for every item.
func BenchmarkApply_grants(b *testing.B) {
	w := newWorld(b)
	w.dry = 0
	set := DefaultSettings()
	plan := set.Plans["free"]
	plan.MaxConcurrency, plan.StartCredits, plan.MaxItems, plan.MaxLeased = 10_000, 100_000_000, 1000, 1_000_000
	set.Plans["free"] = plan
	must(w, genesis(set))
	const users, size, together = 64, 50, 16
	for i := range users {
		must(w, SignIn{NewID: fmt.Sprintf("u%d", i)})
	}
	jobs, ready, granted := 0, 0, 0
	stock := func() {
		for i := range users {
			w.queued(fmt.Sprintf("u%d", i), fmt.Sprintf("j%d", jobs), size)
			jobs++
			ready += size
		}
		w.clock += 2 * warmWait // and nobody waits for a warm worker
	}
	var held []Proposal
	b.ReportAllocs()
	for b.Loop() {
		if ready < together {
			b.StopTimer()
			stock()
			b.StartTimer()
		}
		var wants []Want
		for range together {
			wants = append(wants, Want{Worker: fmt.Sprintf("w%d", granted%64), Poll: fmt.Sprintf("p%d", granted), Max: 1})
			granted++
		}
		w.clock += int64(10 * time.Millisecond)
		out := w.propose(append(held, Propose(Lease{Wants: wants}))...)
		a, err := Answer(Lease{}, out[len(held)])
		if err != nil {
			b.Fatal(err)
		}
		held = nil
		for _, g := range a.Grants {
			held = append(held, Propose(Report{Fence: g.Lease.Fence, Results: []ItemResult{{Idx: g.Lease.Held[0], Done: true}}}))
		}
		ready -= together
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(granted), "µs/grant")
}

package fsm

import (
	"fmt"
	"testing"
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

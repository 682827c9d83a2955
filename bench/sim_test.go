package bench

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// small is a world of 200 users, one of them with 5,000 items, that is simulated in a second.
var small = shape{
	users: 200, pros: 40, whale: 5000, gpus: 16, models: 1, batch: 16,
	load: 20 * time.Second, service: 4 * time.Second, span: 8 * time.Minute, affinity: true, lane: true, seed: 1,
}

// TestSimulation_unfairnessIsBounded: nobody with waiting work gets less than its weight's share minus one batch, the
// 16 items that a poll asks for unless it says otherwise, in any window, and nobody starves. Under the race detector for a quarter of the time, with a smaller whale.
func TestSimulation_unfairnessIsBounded(t *testing.T) {
	for _, lane := range []bool{false, true} {
		sh := small
		sh.lane = lane
		if raced {
			sh.span, sh.whale = sh.span/4, sh.whale/5
		}
		s, err := simulate(sh)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.verdict(1, 0); err != nil {
			s.tellShares(os.Stderr, 100)
			t.Errorf("lane %v: %v", lane, err)
		}
	}
}

// TestSimulation_affinity: where GPUs wait for work, most of them that tell what they have loaded are granted just that.
func TestSimulation_affinity(t *testing.T) {
	sh := small
	sh.whale, sh.demand, sh.span = 0, 0.7, 5*time.Minute
	warm := func(told bool) float64 {
		sh.affinity = told
		s, err := simulate(sh)
		if err != nil {
			t.Fatal(err)
		}
		return float64(s.warm) / float64(len(s.handouts))
	}
	told, not := warm(true), warm(false)
	if told < 1.2*not {
		t.Errorf("%.0f %% of grants found their model loaded, %.0f %% where nobody told", told*100, not*100)
	}
}

// TestSimulation_repeats: a seed is a run.
func TestSimulation_repeats(t *testing.T) {
	sh := small
	sh.whale, sh.span = 500, 3*time.Minute
	var before *simulation
	for range 2 {
		s, err := simulate(sh)
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && (before.items != s.items || before.busy != s.busy || before.fair.total != s.fair.total) {
			t.Errorf("%d items, then %d", before.items, s.items)
		}
		before = s
	}
}

// TestAccount_everyWindow: the running lag is what looking at every window gives.
func TestAccount_everyWindow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var a account
		a.open()
		balance := []float64{0}
		due := 0.0
		for range 30 {
			more := r.Float64()
			due += more
			balance = append(balance, balance[len(balance)-1]-more)
			a.look(due)
			got := float64(r.IntN(3))
			a.take(due, got)
			balance = append(balance, balance[len(balance)-1]+got)
		}
		due++
		balance = append(balance, balance[len(balance)-1]-1)
		a.look(due)
		worst := 0.0
		for i := range balance {
			for j := i; j < len(balance); j++ {
				worst = max(worst, balance[i]-balance[j])
			}
		}
		if math.Abs(worst-a.worst) > 1e-9 {
			t.Fatalf("worst %.3f, every window says %.3f", a.worst, worst)
		}
	}
}

func TestQueueSim_command(t *testing.T) {
	plot := filepath.Join(t.TempDir(), "new", "shares.svg")
	c := QueueSim{Users: 40, Pros: 10, Mountain: 500, Workers: 8, Models: 1, Batch: 8, Load: 20 * time.Second, Service: 4 * time.Second,
		Span: 5 * time.Minute, Window: 50, Batches: 100, Patience: time.Hour, Seed: 1, Out: plot}
	var out strings.Builder
	if err := c.Run(context.Background(), &out); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"free", "pro", "OVERDUE LANE", "the one with 500 items", "70 % load, not told", plot} {
		if !strings.Contains(out.String(), what) {
			t.Errorf("the report says nothing of %q:\n%s", what, &out)
		}
	}
	svg, err := os.ReadFile(plot)
	if err != nil || !strings.HasPrefix(string(svg), "<svg") {
		t.Errorf("the plot: %v, %.60q", err, svg)
	}
	c.Batches = 0.1
	if err := c.Run(context.Background(), &out); err == nil || !strings.Contains(err.Error(), "unfair") {
		t.Errorf("a bound that nothing meets: %v", err)
	}
}

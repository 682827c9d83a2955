package bench

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/bench/drive"
)

// brief is over in a moment.
func brief() Speed {
	return Speed{
		Clients: []int{1, 8}, For: 300 * time.Millisecond, Warm: 50 * time.Millisecond, Rounds: 1, Nodes: 1, Against: []string{bareName}, Plan: "bench",
		JSON: true, Limit: 2 * time.Minute, Binary: program,
	}
}

// TestSpeed_scenarios: each does what it says to a real cluster, and says what that took.
func TestSpeed_scenarios(t *testing.T) {
	plot := filepath.Join(t.TempDir(), "made", "create.svg")
	first := brief()
	first.Plot = plot
	for _, one := range []struct {
		name   string
		writes bool
		run    func(context.Context, *strings.Builder) error
	}{
		{"create", true, func(ctx context.Context, out *strings.Builder) error { return (&Create{Speed: first}).Run(ctx, out) }},
		{"create and cancel, one user", true, func(ctx context.Context, out *strings.Builder) error {
			return (&Create{Speed: brief(), OneUser: true}).Run(ctx, out)
		}},
		{"callback", true, func(ctx context.Context, out *strings.Builder) error {
			return (&Callback{brief(), Stocked{500}}).Run(ctx, out)
		}},
		{"grants", true, func(ctx context.Context, out *strings.Builder) error {
			return (&Grants{brief(), Stocked{500}}).Run(ctx, out)
		}},
		{"lifecycle", true, func(ctx context.Context, out *strings.Builder) error { return (&Lifecycle{brief()}).Run(ctx, out) }},
		{"read", false, func(ctx context.Context, out *strings.Builder) error {
			return (&Read{brief(), "linearizable"}).Run(ctx, out)
		}},
		{"read index", false, func(ctx context.Context, out *strings.Builder) error { return (&Read{brief(), "index"}).Run(ctx, out) }},
		{"mixed", true, func(ctx context.Context, out *strings.Builder) error { return (&Mixed{brief(), 10}).Run(ctx, out) }},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel() // each has a cluster of its own, and mostly waits for it to start and to end
			var out strings.Builder
			if err := one.run(t.Context(), &out); err != nil {
				t.Fatal(err)
			}
			var f SpeedFigures
			if err := json.Unmarshal([]byte(out.String()), &f); err != nil {
				t.Fatal(err)
			}
			if f.Scenario != one.name || len(f.Runs) != 4 || len(f.Ratios) != 2 {
				t.Fatalf("%q, %d runs, %d ratios:\n%s", f.Scenario, len(f.Runs), len(f.Ratios), out.String())
			}
			for _, r := range f.Runs {
				if r.Ops == 0 || r.PerSecond <= 0 || r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.Max {
					t.Errorf("%s with %d clients: %+v", r.System, r.Clients, r.Row)
				}
				if node := r.System == "stoker"; one.writes && node && r.Syncs <= 0 || !node && r.Syncs != 0 {
					t.Errorf("%s with %d clients: %g fsyncs an operation", r.System, r.Clients, r.Syncs)
				}
			}
			if one.name != "create" {
				return
			}
			if svg, err := os.ReadFile(plot); err != nil || !strings.Contains(string(svg), "<svg") || !strings.Contains(string(svg), "8 clients") {
				t.Errorf("the plot: %v, %.80s", err, svg)
			}
		})
	}
}

// TestSpeed_refuses: what cannot be measured is said before a process is started.
func TestSpeed_refuses(t *testing.T) {
	for want, spoil := range map[string]func(*Speed){
		"at least one client": func(s *Speed) { s.Clients = []int{0} },
		"a time to measure":   func(s *Speed) { s.For = 0 },
		"none, or others":     func(s *Speed) { s.Against = []string{"none", "bare"} },
	} {
		s := brief()
		spoil(&s)
		if err := (&Create{Speed: s}).Run(t.Context(), &strings.Builder{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// TestSpeedFigures_ratios: they are of runs of one round, and the middling run is one that was.
func TestSpeedFigures_ratios(t *testing.T) {
	f := &SpeedFigures{Nodes: 3}
	add := func(round int, system string, per, p99 float64) {
		f.Runs = append(f.Runs, SpeedRun{Round: round, System: system, Clients: 64, Row: drive.Row{Ops: 1, All: 1, PerSecond: per, P50: 1, P99: p99}})
	}
	for i, per := range []float64{200, 100, 400} { // the machine is twice as fast, or half as fast, in a round
		add(i+1, "stoker", per, 4)
		add(i+1, "etcd", per/2, 8)
	}
	f.compare()
	if r := f.Ratios[0]; r.Against != "etcd" || r.Throughput != (Spread{2, 2, 2}) || r.P99 != (Spread{0.5, 0.5, 0.5}) {
		t.Errorf("%+v", r)
	}
	if m := median(f.of("stoker", 64)); m.Round != 1 {
		t.Errorf("the middling round of 200, 100, 400 is %d", m.Round)
	}
	var out strings.Builder
	f.print(&out)
	if !strings.Contains(out.String(), "2.00 (2.00 to 2.00)") || !strings.Contains(out.String(), "etcd") {
		t.Errorf("the table:\n%s", &out)
	}
}

// TestCheck_verdict: a scenario that has lost more than a third of its ratio fails, and so does one that has no record.
func TestCheck_verdict(t *testing.T) {
	now, was := map[string]float64{}, map[string]float64{}
	for _, what := range checked() {
		now[what.name()], was[what.name()] = 0.07, 0.1
	}
	c := Check{Least: 0.67}
	if err := c.judge(&strings.Builder{}, now, was); err != nil {
		t.Errorf("seven tenths: %v", err)
	}
	now["create"] = 0.06
	delete(was, "mixed")
	err := c.judge(&strings.Builder{}, now, was)
	if err == nil || !strings.Contains(err.Error(), "create has 60 %") || !strings.Contains(err.Error(), "mixed has no recorded ratio") {
		t.Errorf("six tenths, and one without a record: %v", err)
	}
}

// TestCheck_note: of several runs the least is kept, of each scenario.
func TestCheck_note(t *testing.T) {
	path := filepath.Join(t.TempDir(), "baseline.json")
	for _, run := range []map[string]float64{{"create": 0.05, "read": 0.2}, {"create": 0.04, "read": 0.3}} {
		if err := note(path, run); err != nil {
			t.Fatal(err)
		}
	}
	was, err := (&Check{Baseline: path}).recorded()
	if err != nil || was["create"] != 0.04 || was["read"] != 0.2 {
		t.Errorf("%v, %v", was, err)
	}
}

// TestCheck_baseline: the program has a record of each scenario.
func TestCheck_baseline(t *testing.T) {
	was, err := (&Check{}).recorded()
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range checked() {
		if was[what.name()] <= 0 {
			t.Errorf("%s has no recorded ratio", what.name())
		}
	}
}

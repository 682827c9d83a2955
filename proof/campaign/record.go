package campaign

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"stoker/proof/judge"
)

// Record is all that a report and its picture are made of. It is kept beside them.
type Record struct {
	CommandLine string
	Seed        uint64
	Began       time.Time
	Planned     time.Duration
	Lasted      time.Duration
	Finished    bool // and the end was looked at
	Versions    []string
	Cores       int

	Seats  [][]string // names of the nodes at each place, the first one first
	Kinds  []Kind
	Events []event

	Seconds    []Second
	Operations []Operation
	Total      int
	P50, P99   float64 // ms until an answer
	Slowest    float64
	Gaps       []Gap // times without an acknowledgement, the longest first
	Stalls     []Gap // times in which the whole machine stood still

	Checks     []Check
	Violations []string
	Histories  int
	Judged     int // operations in them
	Undecided  int
	Longest    int           // operations of one history
	Hardest    time.Duration // to be decided
}

// Kind is a kind of fault.
type Kind struct {
	Name, About string
	Family      family
	Missing     string // why it was not run
}

// Second is one of the run.
type Second struct {
	OK, Refused, Unknown int
	P50, P99             float32 // ms
}

// Operation is what came of one kind of them.
type Operation struct {
	Kind        judge.Kind
	OK, Unknown int
	Refused     []string
}

// Gap is a time in which nobody was told anything good.
type Gap struct{ At, Length time.Duration }

// Check is a rule and how often it was looked at.
type Check struct {
	Rule            string
	Times, Violated int
}

// record makes one of a campaign, as it is now.
func (x *campaign) record() *Record {
	v, t := x.verdicts, x.tally
	r := &Record{
		CommandLine: x.commandLine(), Seed: x.Seed, Began: time.Now().Add(-time.Since(x.began)).UTC().Round(time.Second),
		Planned: x.For, Lasted: cmp.Or(x.ended, time.Since(x.began)), Finished: x.finished.Load(), Versions: x.versions(), Cores: runtime.NumCPU(),
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	x.fleet.mu.Lock()
	for _, names := range x.names {
		r.Seats = append(r.Seats, slices.Clone(names))
	}
	x.fleet.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Events, r.Total = slices.Clone(x.events), t.total
	r.Histories, r.Judged, r.Undecided, r.Longest, r.Hardest = v.histories, v.operations, v.undecided, v.longest, v.slowest
	for _, f := range x.kinds {
		missing := x.skipped[f.name]
		if missing == "" && !slices.ContainsFunc(x.events, func(e event) bool { return e.Kind == f.name }) && x.unfit[f.name] != "" {
			missing = "NOT RUN: " + x.unfit[f.name]
		}
		r.Kinds = append(r.Kinds, Kind{f.name, f.about, f.family, missing})
	}
	for _, kind := range t.kinds() {
		ok, unknown, refused := outcomes(t.codes[kind])
		r.Operations = append(r.Operations, Operation{kind, ok, unknown, refused})
	}
	var took []float32
	for _, s := range t.seconds {
		s.took = slices.Clone(s.took)
		slices.Sort(s.took)
		took = append(took, s.took...)
		r.Seconds = append(r.Seconds, Second{s.ok, s.refused, s.unknown, at(s.took, 50), at(s.took, 99)})
	}
	slices.Sort(took)
	r.P50, r.P99, r.Slowest = float64(at(took, 50)), float64(at(took, 99)), float64(at(took, 100))
	r.Gaps = slices.SortedFunc(slices.Values(t.gaps), func(a, b Gap) int { return int(b.Length - a.Length) })
	r.Gaps = r.Gaps[:min(len(r.Gaps), 10)]
	x.stalls.mu.Lock()
	r.Stalls = slices.Clone(x.stalls.all)
	x.stalls.mu.Unlock()
	v.counts[ruleCodes] = int(x.answers.Load())
	for _, rule := range rules {
		r.Checks = append(r.Checks, Check{rule, v.counts[rule], v.number(rule)})
	}
	for _, bad := range v.violations {
		r.Violations = append(r.Violations, bad.rule+": "+bad.what)
	}
	return r
}

// at is the value below which so many percent of sorted values lie; 0 of none.
func at(sorted []float32, percent int) float32 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}

// versions are what ran.
func (x *campaign) versions() []string {
	out := []string{runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH}
	if text, err := exec.Command(x.binary, "version").Output(); err == nil {
		out = append(out, strings.TrimSpace(string(text)))
	}
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, m := range b.Deps {
			if strings.HasSuffix(m.Path, "/porcupine") {
				out = append(out, "porcupine "+m.Version)
			}
		}
	}
	if text, err := exec.Command("strace", "--version").Output(); err == nil {
		line, _, _ := strings.Cut(string(text), "\n")
		out = append(out, line)
	}
	if text, err := exec.Command("uname", "-sr").Output(); err == nil {
		out = append(out, strings.TrimSpace(string(text)))
	}
	return out
}

// recordName is what a Record is kept as.
const recordName = "campaign-run.json"

// publishing writes report and picture as they are, every minute, so that a long campaign can be looked at while it runs.
func (x *campaign) publishing(ctx context.Context) {
	for x.Out != "" && pause(ctx, time.Minute) == nil {
		if err := x.record().publish(x.Out); err != nil {
			x.say("the report could not be written: %v", err)
		}
	}
}

// publish writes report, picture and what they are made of into a folder.
func (r *Record) publish(dir string) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range map[string][]byte{recordName: raw, "campaign-report.md": []byte(r.report()), "campaign.svg": []byte(r.timeline())} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// redraw makes report and picture anew of what a campaign left in a folder.
func redraw(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, recordName))
	if err != nil {
		return fmt.Errorf("campaign --redraw: %w", err)
	}
	var r Record
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("campaign --redraw: %s: %w", recordName, err)
	}
	return r.publish(dir)
}

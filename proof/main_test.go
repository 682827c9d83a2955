package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestRun_usage: a wrong line is told from a violation.
func TestRun_usage(t *testing.T) {
	for line, want := range map[string]int{"": 0, "--help": 0, "machine --help": 0, "nonsense": exitUsage, "machine --commands many": exitUsage, "machine --commands 0": exitViolated, "cluster --world 1s": exitViolated} {
		var out, errs bytes.Buffer
		if got := run(t.Context(), strings.Fields(line), &out, &errs); got != want {
			t.Errorf("proof %s: exit code %d, want %d; %s%s", line, got, want, &out, &errs)
		}
	}
}

// TestMachine_report: a report has the verdict, the figures and how to see a violation again.
func TestMachine_report(t *testing.T) {
	p := played{Seed: 3, Worlds: 2, Commands: 1600, Entries: 900, Took: 2 * time.Second, cpu: time.Second,
		Answers: map[string]map[string]int{"CreateJob": {"": 1500, "ITEM_LIMIT": 7, "FORBIDDEN": 93}},
		Faults:  map[string]int{"a restart": 4}, Checks: map[string]int{"time never runs back": 900}}
	var b bytes.Buffer
	p.report(&b, &machineCommand{Seed: 3, Commands: 1600, World: 800, Full: 128})
	for _, want := range []string{
		"nothing violated", "--seed 3 --commands 1600 --world 800 --full 128", "1,600 commands in 900 entries of 2 worlds, seeds 3 to 4",
		"800 commands a second, 625 µs", "| a restart | 4 |", "| time never runs back | 900 |", "| CreateJob | 1,500 | FORBIDDEN 93, ITEM_LIMIT 7 |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, &b)
		}
	}
	p.Violations = append(p.Violations, violation{Seed: 4, Entry: 70, First: 66, Wrong: []string{"a credit too many"}, Last: []string{"entry 66: CancelJob"},
		Replay: "go run ./proof machine --seed 4 --commands 1"})
	b.Reset()
	p.report(&b, &machineCommand{})
	for _, want := range []string{"VIOLATED", "World 4, entry 70", "66", "a credit too many", "entry 66: CancelJob", "`go run ./proof machine --seed 4 --commands 1`"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report of a violation does not say %q:\n%s", want, &b)
		}
	}
}

// TestCluster_report: likewise.
func TestCluster_report(t *testing.T) {
	l := lived{Seed: 3, Worlds: 2, World: 30 * time.Minute, Virtual: 62 * time.Minute, Took: 30 * time.Second, cpu: time.Minute,
		Faults: map[string]int{"crash": 40, "pause": 2}, Seen: map[string]int{"writes acknowledged": 4000}, Checks: map[string]int{"nodes at one entry have one hash": 1234}}
	var b bytes.Buffer
	l.report(&b, &clusterCommand{Seed: 3, For: time.Hour, World: 30 * time.Minute})
	for _, want := range []string{
		"nothing violated", "--seed 3 --for 1h0m0s --world 30m0s", "1.0 virtual hours in 2 worlds, seeds 3 to 4, with 42 faults of 2 kinds",
		"124 virtual hours in a real one, 62 in an hour of processor time", "| crash | 40 |", "| writes acknowledged | 4,000 |", "| nodes at one entry have one hash | 1,234 |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, &b)
		}
	}
	l.Violations = append(l.Violations, violatedWorld{Seed: 4, At: 90 * time.Second, Wrong: []string{"n2 reads 7"}, Last: []string{"--- crash n1"},
		Replay: "go run ./proof cluster --seed 4 --for 1s"})
	b.Reset()
	l.report(&b, &clusterCommand{})
	for _, want := range []string{"VIOLATED", "World 4, 1m30s", "n2 reads 7", "--- crash n1", "`go run ./proof cluster --seed 4 --for 1s`"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report of a violation does not say %q:\n%s", want, &b)
		}
	}
}

package main

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// stagedFuzzing is a run of three targets for ten seconds each, of which the first begins after four and the second finds something.
func stagedFuzzing(t *testing.T) *fuzzing {
	t.Helper()
	began := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	r := &fuzzing{began: began, lasted: 30 * time.Second, share: 10 * time.Second,
		chosen: []target{{pkg: "./objects", name: "FuzzKey"}, {pkg: "./objects", name: "FuzzSniff"}, {pkg: "./node", name: "FuzzPort"}}}
	for i, log := range []string{
		"fuzz: elapsed: 0s, gathering baseline coverage: 0/192 completed\n" +
			"fuzz: elapsed: 3s, gathering baseline coverage: 190/192 completed\n" +
			"fuzz: elapsed: 6s, execs: 3000 (1000/sec), new interesting: 11 (total: 203)\n" +
			"fuzz: elapsed: 10s, execs: 5000 (500/sec), new interesting: 12 (total: 204)\nPASS\n",
		"fuzz: elapsed: 3s, execs: 300 (100/sec), new interesting: 1 (total: 2)\n" +
			"fuzz: elapsed: 3s, execs: 300 (+Inf/sec), new interesting: 1 (total: 2)\n" +
			"--- FAIL: FuzzSniff (3s)\n    a <b> & c\n    Failing input written to testdata/fuzz/FuzzSniff/0a1b\n",
		"fuzz: elapsed: 2s, execs: 40 (20/sec), new interesting: 0 (total: 2)\n",
	} {
		f, err := r.chosen[i].read(log, map[bool]error{true: errors.New("exit status 1")}[strings.Contains(log, "FAIL")])
		if err != nil {
			t.Fatal(err)
		}
		from := 4 + 10*i
		f.began, f.ended = began.Add(time.Duration(from)*time.Second), began.Add(time.Duration(from+len(f.told))*time.Second)
		r.done = append(r.done, f)
	}
	return r
}

// TestFuzz_report: a report has the verdict, the figures, what was found and how to see it again, and how far it was.
func TestFuzz_report(t *testing.T) {
	r, line := stagedFuzzing(t), (&fuzzCommand{For: 30 * time.Second, Only: []string{"FuzzKey", "FuzzSniff", "FuzzPort"}}).line()
	says := func(wants ...string) {
		t.Helper()
		var b bytes.Buffer
		r.report(&b, line)
		for _, want := range wants {
			if !strings.Contains(b.String(), want) {
				t.Errorf("the report does not say %q:\n%s", want, &b)
			}
		}
	}
	says("# Fuzzing: FOUND something, by 1 of 3 targets\n", "`go run ./proof fuzz --for 30s --only FuzzKey,FuzzSniff,FuzzPort`", "[fuzz.md](fuzz.md)", "[fuzz.svg](fuzz.svg)",
		"5,340 executions by 3 targets, 13 new inputs. Begun 2026-11-29 12:00 UTC, took 30s on ",
		"| ./objects FuzzKey | 5,000 | 12 | 4s | nothing found |", "| ./objects FuzzSniff | 300 | 1 | 2s | **FOUND** |",
		"## What FuzzSniff found\n\nAgain: `go test ./objects -run '^FuzzSniff$/^0a1b$'`\n", "    a <b> & c\n")
	r.done, r.stopped = r.done[:1], errors.New("signal: killed")
	says("# Fuzzing: UNFINISHED after 1 of 3 targets; nothing found\n", "| ./node FuzzPort | | | | not run to its end |", "## Why it ended\n\n```\nsignal: killed\n```\n")
	r.done, r.chosen, r.stopped = r.done[:1], r.chosen[:1], nil
	says("# Fuzzing: nothing found\n")
}

// TestFuzz_timeline: the picture says it too; a bar is where the fuzzer ran, and red if it found something.
func TestFuzz_timeline(t *testing.T) {
	r := stagedFuzzing(t)
	var b bytes.Buffer
	r.timeline(&b)
	tells(t, b.String(), "5,340 executions by 3 targets, 13 new inputs: FOUND something, by 1 of 3 targets", "10s for each target", "./objects FuzzSniff|", "./node FuzzPort|",
		"./objects FuzzKey: 5,000 executions, 12 new inputs, nothing found", "found after 300 executions; again: go test ./objects -run", "executions a second", "new inputs")
	blue, red := r.bar(r.done[0]), r.bar(r.done[1])
	if blue.From != 4 || blue.To != 8 || red.From != 14 || red.Colour == blue.Colour {
		t.Errorf("bars %+v, %+v", blue, red)
	}
}

// TestFuzz_seconds: a line of the fuzzer's stands for the time since the one before it, and nothing for when there was none.
func TestFuzz_seconds(t *testing.T) {
	r := stagedFuzzing(t)
	rate := r.seconds("", func(t told) int { return t.rate }).Values
	want := slices.Concat(make([]float64, 7), []float64{1000, 1000, 1000, 500, 500, 500, 500, 100, 100, 100})
	if len(rate) != 31 || !slices.Equal(rate[:17], want) || rate[17] != 0 || rate[24] != 20 || rate[26] != 0 {
		t.Errorf("executions a second: %v", rate)
	}
	if news := r.seconds("", func(t told) int { return t.news }).Values; news[6] != 0 || news[7] != 11 || news[13] != 12 || news[14] != 1 {
		t.Errorf("new inputs so far: %v", news)
	}
}

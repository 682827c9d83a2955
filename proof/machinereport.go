package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"stoker/proof/timeline"
)

// tell prints the verdicts.
func (p *played) tell(out io.Writer) {
	fmt.Fprintf(out, "\n%-72s %12s\n", "held", "checks")
	for _, what := range slices.Sorted(maps.Keys(p.Checks)) {
		fmt.Fprintf(out, "%-72s %12s\n", what, timeline.Thousands(p.Checks[what]))
	}
	total := 0
	for _, n := range p.Faults {
		total += n
	}
	fmt.Fprintf(out, "\n%s: %s faults of %d kinds\n", p.size(), timeline.Thousands(total), len(p.Faults))
	fmt.Fprintf(out, "%s: %s\n", p.pace(), p.verdict())
}

func (p *played) size() string {
	return fmt.Sprintf("%s commands in %s entries of %s worlds, seeds %d to %d",
		timeline.Thousands(p.Commands), timeline.Thousands(p.Entries), timeline.Thousands(int(p.Worlds)), p.Seed, p.Seed+p.Worlds-1)
}

func (p *played) pace() string {
	return fmt.Sprintf("%s on %d processors, %s of processor time: %s commands a second, %d µs of processor time each",
		p.Took.Round(time.Second), runtime.GOMAXPROCS(0), p.cpu.Round(time.Second),
		timeline.Thousands(int(float64(p.Commands)/p.Took.Seconds())), int(p.cpu.Microseconds())/max(p.Commands, 1))
}

func (p *played) verdict() string {
	if len(p.Violations) > 0 {
		return "VIOLATED"
	}
	return "nothing violated"
}

// report writes all of it as Markdown.
func (p *played) report(w io.Writer, c *machineCommand) {
	line := fmt.Sprintf("go run ./proof machine --seed %d --commands %d --world %d --full %d", c.Seed, c.Commands, c.World, c.Full)
	if c.For > 0 {
		line = fmt.Sprintf("go run ./proof machine --seed %d --for %s --world %d --full %d", c.Seed, c.For, c.World, c.Full)
	}
	fmt.Fprintf(w, "# The machine simulation: %s\n\nWritten by `%s`. What it does: [machine.md](machine.md). Its picture: [machine.svg](machine.svg).\n\n%s.\n%s.\n", p.verdict(), line, p.size(), p.pace())
	for _, v := range p.Violations {
		fmt.Fprintf(w, "\n## World %d, entry %d (first seen with `--full 1`: %d)\n\n```\n%s\n\n%s\n```\n\nAgain: `%s`\n",
			v.Seed, v.Entry, v.First, strings.Join(v.Wrong, "\n"), strings.Join(v.Last, "\n"), v.Replay)
	}
	fmt.Fprint(w, "\n## What held\n\n| invariant | checks |\n|---|--:|\n")
	for _, what := range slices.Sorted(maps.Keys(p.Checks)) {
		fmt.Fprintf(w, "| %s | %s |\n", what, timeline.Thousands(p.Checks[what]))
	}
	fmt.Fprint(w, "\n## What went wrong on purpose\n\n| fault | times |\n|---|--:|\n")
	for _, what := range slices.Sorted(maps.Keys(p.Faults)) {
		fmt.Fprintf(w, "| %s | %s |\n", what, timeline.Thousands(p.Faults[what]))
	}
	fmt.Fprint(w, "\n## What was applied\n\n| command | done | refused, by code |\n|---|--:|---|\n")
	for _, name := range slices.Sorted(maps.Keys(p.Answers)) {
		codes := p.Answers[name]
		var refused []string
		for _, code := range slices.SortedFunc(maps.Keys(codes), func(a, b string) int { return cmp.Or(codes[b]-codes[a], cmp.Compare(a, b)) }) {
			if code != "" {
				refused = append(refused, code+" "+timeline.Thousands(codes[code]))
			}
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", name, timeline.Thousands(codes[""]), strings.Join(refused, ", "))
	}
}

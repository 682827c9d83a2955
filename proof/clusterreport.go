package main

import (
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
func (l *lived) tell(out io.Writer) {
	for _, part := range l.parts() {
		fmt.Fprintf(out, "\n%-110s %10s\n", part.title, part.unit)
		for _, what := range slices.Sorted(maps.Keys(part.counts)) {
			fmt.Fprintf(out, "%-110s %10s\n", what, timeline.Thousands(part.counts[what]))
		}
	}
	fmt.Fprintf(out, "\n%s.\n%s: %s\n", l.size(), l.pace(), l.verdict())
}

// part is a table of what was counted.
type part struct {
	title, unit string
	counts      map[string]int
}

func (l *lived) parts() []part {
	return []part{{"held", "checks", l.Checks}, {"what went wrong on purpose", "times", l.Faults}, {"what came of it", "times", l.Seen}}
}

func (l *lived) size() string {
	faults := 0
	for _, n := range l.Faults {
		faults += n
	}
	return fmt.Sprintf("%s virtual hours in %s worlds, seeds %d to %d, with %s faults of %d kinds",
		hours(l.Virtual), timeline.Thousands(int(l.Worlds)), l.Seed, l.Seed+l.Worlds-1, timeline.Thousands(faults), len(l.Faults))
}

func hours(d time.Duration) string { return fmt.Sprintf("%.1f", d.Hours()) }

func (l *lived) pace() string {
	return fmt.Sprintf("%s on %d processors, %s of processor time: %.0f virtual hours in a real one, %.0f in an hour of processor time",
		l.Took.Round(time.Second), runtime.GOMAXPROCS(0), l.cpu.Round(time.Second),
		l.Virtual.Seconds()/max(l.Took.Seconds(), 0.001), l.Virtual.Seconds()/max(l.cpu.Seconds(), 0.001))
}

func (l *lived) verdict() string {
	if len(l.Violations) > 0 {
		return "VIOLATED"
	}
	return "nothing violated"
}

// report writes all of it as Markdown.
func (l *lived) report(w io.Writer, c *clusterCommand) {
	picture := "[cluster.svg](cluster.svg)"
	if s := l.shown(); s != "" {
		picture += ", in which " + s
	}
	fmt.Fprintf(w, "# The cluster simulation: %s\n\nWritten by `go run ./proof cluster --seed %d --for %v --world %v`. What it does: [cluster.md](cluster.md). Its picture: %s.\n\n%s.\n%s.\n",
		l.verdict(), c.Seed, c.For, c.World, picture, l.size(), l.pace())
	for _, v := range l.Violations {
		fmt.Fprintf(w, "\n## World %d, %v after its beginning\n\n```\n%s\n\n%s\n```\n\nAgain: `%s`\n",
			v.Seed, v.At, strings.Join(v.Wrong, "\n"), strings.Join(v.Last, "\n"), v.Replay)
	}
	for _, part := range l.parts() {
		fmt.Fprintf(w, "\n| %s | %s |\n|---|--:|\n", part.title, part.unit)
		for _, what := range slices.Sorted(maps.Keys(part.counts)) {
			fmt.Fprintf(w, "| %s | %s |\n", what, timeline.Thousands(part.counts[what]))
		}
	}
}

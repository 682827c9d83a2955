package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"stoker/bench"
	"stoker/proof/timeline"
)

// surge is a collapse that is told.
type surge struct{ *bench.CollapseRecord }

func (s surge) verdict() string {
	switch {
	case s.Verdict() == nil:
		return "it holds"
	case !s.Judged():
		return "NOT JUDGED"
	}
	return "IT DOES NOT HOLD"
}

// line is the command that does it again.
func (c *collapseCommand) line() string {
	var times []string
	for _, t := range c.Times {
		times = append(times, fmt.Sprintf("%g", t))
	}
	line := fmt.Sprintf("go run ./proof collapse --for %s --times %s --clients %d --connections %d --nodes %d", c.For, strings.Join(times, ","), c.Clients, c.Connections, c.Nodes)
	if c.Together {
		line += " --together"
	}
	if c.Tries > 1 {
		line += fmt.Sprintf(" --tries %d", c.Tries)
	}
	return line
}

// answered counts all loads' answers.
func (s surge) answered() (taken, refused, odd int) {
	for _, l := range s.Loads {
		t, r, o := l.Answered()
		taken, refused, odd = taken+t, refused+r, odd+o
	}
	return taken, refused, odd
}

func (s surge) size() string {
	taken, refused, odd := s.answered()
	return fmt.Sprintf("%s requests in %s: %s taken, %s refused with a time to come again, %s answered as nobody should be",
		timeline.Thousands(taken+refused+odd), s.Lasted.Round(time.Second), timeline.Thousands(taken), timeline.Thousands(refused), timeline.Thousands(odd))
}

// report writes what came of it as Markdown.
func (s surge) report(w io.Writer, c *collapseCommand) {
	fmt.Fprintf(w, "# Load to collapse: %s\n\nWritten by `%s`. What it does and what must hold: [collapse.md](collapse.md). Its picture: [collapse.svg](collapse.svg).\n\n%s.\n\n",
		s.verdict(), c.line(), s.size())
	fmt.Fprintf(w, "Begun %s; %s; the machine had no time for the client for %s of it.\n", s.Began.UTC().Format("2006-01-02 15:04 UTC"), s.Machine, s.Lost.Round(time.Millisecond))
	if s.Tries > 1 {
		fmt.Fprintf(w, "\nThis was try %d: those before it were too slow, or not judged.\n", s.Tries)
	}
	for _, wrong := range slices.Concat(s.Wrong, s.Slow) {
		fmt.Fprintf(w, "\n- DOES NOT HOLD: %s\n", wrong)
	}
	fmt.Fprintf(w, "\n| %s |\n|---%s|\n", strings.Join(bench.LoadColumns, " | "), strings.Repeat("|--:", len(bench.LoadColumns)-1))
	for _, l := range s.Loads {
		fmt.Fprintf(w, "| %s |\n", strings.Join(l.Figures(), " | "))
	}
	fmt.Fprint(w, "\nTaken a second is counted behind the first two seconds of a load, all else from its beginning. MB is the largest node's own memory, CPU and client\nare the processors that all nodes together and the client used.\n")
}

// picture draws the loads, second by second.
func (s surge) picture() timeline.Picture {
	p := timeline.Picture{
		Title: "Load to collapse: " + s.verdict(), About: s.size(), Reading: s.Machine, Axis: timeline.Time, Span: s.Lasted.Seconds(),
		Keys: []timeline.Key{{Name: "what it can", Colour: timeline.Teal}, {Name: "too much", Colour: timeline.Red}, {Name: "a light load", Colour: timeline.Blue}},
	}
	lane := timeline.Lane{Name: "load"}
	seconds := int(s.Lasted.Seconds()) + 1
	row := func(colour string) timeline.Series {
		return timeline.Series{Colour: colour, Each: 1, Values: make([]float64, seconds)}
	}
	all, taken, p50, p99, memory := row(timeline.Sand), row(timeline.Green), row(timeline.Navy), row(timeline.Rose), row(timeline.Violet)
	p50.Most, p99.Most, memory.Most = true, true, true
	offered := 0.0
	for _, l := range s.Loads {
		from := l.Began.Sub(s.Began).Seconds()
		bar := timeline.Bar{From: from, To: from + l.Span.Seconds(), Colour: timeline.Teal, Says: strings.Join(l.Figures(), ", ")}
		switch {
		case l.Rate > offered && offered > 0:
			bar.Colour = timeline.Red
		case l.Rate > 0:
			bar.Colour = timeline.Blue
		default:
			offered = l.Goodput
		}
		lane.Bars = append(lane.Bars, bar)
		for i, second := range l.Seconds {
			at := min(int(from)+i, seconds-1)
			all.Values[at] += float64(second.Taken + second.Refused)
			taken.Values[at] += float64(second.Taken)
			p50.Values[at] = max(p50.Values[at], float64(second.P50.Microseconds())/1000)
			p99.Values[at] = max(p99.Values[at], float64(second.P99.Microseconds())/1000)
			memory.Values[at] = max(memory.Values[at], second.MB)
		}
	}
	p.Lanes = []timeline.Lane{lane}
	p.Panels = []timeline.Panel{
		{Title: "answers a second: taken, and refused above them", Areas: []timeline.Series{all, taken}},
		{Title: "time until an answer of what is taken, median and 99th percentile of each second, ms (logarithmic)", Log: true, Lines: []timeline.Series{p99, p50}},
		{Title: "own memory of the largest node, MB", Areas: []timeline.Series{memory}},
	}
	return p
}

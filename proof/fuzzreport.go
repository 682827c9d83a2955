package main

import (
	"fmt"
	"io"
	"runtime"
	"time"

	"stoker/proof/timeline"
)

// found is how many targets found something.
func (r *fuzzing) found() (n int) {
	for _, f := range r.done {
		if f.found != "" {
			n++
		}
	}
	return n
}

func (r *fuzzing) verdict() string {
	verdict := "nothing found"
	if n := r.found(); n > 0 {
		verdict = fmt.Sprintf("FOUND something, by %d of %d targets", n, len(r.chosen))
	}
	if r.stopped != nil {
		verdict = fmt.Sprintf("UNFINISHED after %d of %d targets; %s", len(r.done), len(r.chosen), verdict)
	}
	return verdict
}

func (r *fuzzing) size() string {
	execs, news := 0, 0
	for _, f := range r.done {
		execs, news = execs+f.execs, news+f.news
	}
	return fmt.Sprintf("%s executions by %d targets, %s new inputs", timeline.Thousands(execs), len(r.done), timeline.Thousands(news))
}

// report tells it as Markdown. line is the command line that does it again.
func (r *fuzzing) report(w io.Writer, line string) {
	fmt.Fprintf(w, "# Fuzzing: %s\n\nWritten by `%s`. What it does: [fuzz.md](fuzz.md). Its picture: [fuzz.svg](fuzz.svg).\n\n", r.verdict(), line)
	fmt.Fprintf(w, "%s. Begun %s, took %s on %d processors, compiling included; %s.\n\n", r.size(), r.began.UTC().Format("2006-01-02 15:04 UTC"),
		r.lasted.Round(time.Second), runtime.NumCPU(), runtime.Version())
	fmt.Fprint(w, "| target | executions | new inputs | time | verdict |\n|---|--:|--:|--:|---|\n")
	for i, t := range r.chosen {
		if i >= len(r.done) {
			fmt.Fprintf(w, "| %s | | | | not run to its end |\n", t)
			continue
		}
		f, verdict := r.done[i], "nothing found"
		if f.found != "" {
			verdict = "**FOUND**"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", t, timeline.Thousands(f.execs), timeline.Thousands(f.news), f.ended.Sub(f.began).Round(time.Second/10), verdict)
	}
	for _, f := range r.done {
		if f.found != "" {
			fmt.Fprintf(w, "\n## What %s found\n\nAgain: `%s`\n\n```\n%s\n```\n", f.name, f.again(), f.said)
		}
	}
	if r.stopped != nil {
		fmt.Fprintf(w, "\n## Why it ended\n\n```\n%v\n```\n", r.stopped)
	}
}

// timeline draws it: a lane for each target, and what the fuzzer told of meanwhile.
func (r *fuzzing) timeline(w io.Writer) {
	p := timeline.Picture{
		Title:   fmt.Sprintf("%s: %s", r.size(), r.verdict()),
		About:   fmt.Sprintf("%s for each target, one after the other; %s", r.share.Round(time.Second/10), r.began.UTC().Format("2006-01-02 15:04 UTC")),
		Reading: "a bar: the fuzzer ran; between two, tests were compiled",
		Axis:    timeline.Time,
		Span:    r.lasted.Seconds(),
		Keys:    []timeline.Key{{Name: "nothing found", Colour: timeline.Blue}, {Name: "found", Colour: timeline.Red}},
		Panels: []timeline.Panel{
			{Title: "executions a second (logarithmic)", Log: true, Areas: []timeline.Series{r.seconds(timeline.Teal, func(t told) int { return t.rate })}},
			{Title: "new inputs of a target so far (logarithmic)", Log: true, Areas: []timeline.Series{r.seconds(timeline.Sand, func(t told) int { return t.news })}},
		},
	}
	for i, t := range r.chosen {
		l := timeline.Lane{Name: t.String()}
		if i < len(r.done) {
			l.Bars = []timeline.Bar{r.bar(r.done[i])}
		}
		p.Lanes = append(p.Lanes, l)
	}
	io.WriteString(w, p.SVG())
}

func (r *fuzzing) bar(f fuzzed) timeline.Bar {
	b := timeline.Bar{From: f.began.Sub(r.began).Seconds(), To: f.ended.Sub(r.began).Seconds(), Colour: timeline.Blue}
	b.Says = fmt.Sprintf("%s: %s executions, %s new inputs, nothing found", f.target, timeline.Thousands(f.execs), timeline.Thousands(f.news))
	if f.found != "" {
		b.Colour, b.Says = timeline.Red, fmt.Sprintf("%s: found after %s executions; again: %s", f.target, timeline.Thousands(f.execs), f.again())
	}
	return b
}

// seconds are a figure of the fuzzer's lines: each stands for the time since the line before it.
func (r *fuzzing) seconds(colour string, of func(told) int) timeline.Series {
	s := timeline.Series{Colour: colour, Each: 1, Values: make([]float64, int(r.lasted.Seconds())+1)}
	for _, f := range r.done {
		began, last := f.began.Sub(r.began), time.Duration(0)
		for _, t := range f.told {
			for i := int((began + last).Seconds()); i < min(int((began+t.at).Seconds()), len(s.Values)); i++ {
				s.Values[i] = float64(of(t))
			}
			last = t.at
		}
	}
	return s
}

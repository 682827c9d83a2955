package main

import (
	"fmt"
	"time"

	"stoker/proof/timeline"
)

// life is when a world was played, in real time, and what there was in it.
type life struct {
	Seed         uint64
	Player       int           // from 0
	Began, Ended time.Duration // since the beginning of the run
	Commands     int           // the refused ones among them
	Refused      int
	Entries      int
	Faults       int
	Checks       int
	Violated     bool
}

// What the picture has room for.
const (
	mostBars    = 1600 // in all lanes: of more worlds, several are one bar
	mostInLane  = 600
	mostColumns = 600
	leastColumn = 500 * time.Millisecond // some worlds: in less time there may be none
)

// timeline is the picture of the run in real time: a lane for each of those who play worlds, and below what they got through.
func (p *played) timeline() string {
	faults, checks := 0, 0
	for _, n := range p.Faults {
		faults += n
	}
	for _, n := range p.Checks {
		checks += n
	}
	lanes, together := p.lanes()
	reading := "each bar is a world"
	if together > 1 {
		reading = fmt.Sprintf("each bar is up to %d worlds of one player", together)
	}
	picture := timeline.Picture{
		Title: fmt.Sprintf("%s commands in %s worlds, %s faults of %d kinds, %s checks: %s", timeline.Thousands(p.Commands),
			timeline.Thousands(int(p.Worlds)), timeline.Thousands(faults), len(p.Faults), timeline.Thousands(checks), p.verdict()),
		About: fmt.Sprintf("seeds %d to %d, worlds of %s commands; the axis is real time; a world's figures are spread evenly over its time",
			p.Seed, p.Seed+p.Worlds-1, timeline.Thousands(p.World)),
		Reading: reading,
		Axis:    timeline.Time,
		Span:    p.Took.Seconds(),
		Lanes:   lanes,
		Panels:  p.panels(),
		Chips:   chips(p.Faults, timeline.Amber),
	}
	if len(p.Violations) > 0 {
		picture.Keys = append(picture.Keys, timeline.Key{Name: "violated", Colour: violateColour})
	}
	return picture.SVG()
}

// lanes are the players with their worlds, so many of one player together in a bar; one that is violated has its own.
func (p *played) lanes() (lanes []timeline.Lane, together int) {
	var of [][]life
	for _, l := range p.Lives {
		for l.Player >= len(of) {
			of = append(of, nil)
		}
		of[l.Player] = append(of[l.Player], l)
	}
	together = 1
	for _, lives := range of {
		room := max(1, min(mostInLane, mostBars/len(of)))
		together = max(together, (len(lives)+room-1)/room)
	}
	for i, lives := range of {
		lane := timeline.Lane{Name: fmt.Sprintf("player %d", i+1)}
		for len(lives) > 0 {
			n := 1
			for n < together && n < len(lives) && !lives[0].Violated && !lives[n].Violated {
				n++
			}
			bar := barOf(lives[:n])
			if len(lane.Bars)%2 > 0 {
				bar.Colour = nextColour
			}
			if lives[0].Violated {
				bar.Colour = violateColour
				lane.Marks = append(lane.Marks, timeline.Mark{At: bar.From, Text: fmt.Sprintf("seed %d VIOLATED", lives[0].Seed)})
			}
			lane.Bars = append(lane.Bars, bar)
			lives = lives[n:]
		}
		lanes = append(lanes, lane)
	}
	return lanes, together
}

// barOf is some worlds that one player played one after the other; a violated one is alone.
func barOf(lives []life) timeline.Bar {
	first, last := lives[0], lives[len(lives)-1]
	var sum life
	for _, l := range lives {
		sum.Commands, sum.Refused, sum.Entries = sum.Commands+l.Commands, sum.Refused+l.Refused, sum.Entries+l.Entries
		sum.Faults, sum.Checks = sum.Faults+l.Faults, sum.Checks+l.Checks
	}
	whose, verdict := fmt.Sprintf("the world of seed %d", first.Seed), "nothing violated"
	if len(lives) > 1 {
		whose = fmt.Sprintf("%d worlds, the first of seed %d, the last of seed %d", len(lives), first.Seed, last.Seed)
	}
	if first.Violated {
		verdict = "VIOLATED"
	}
	return timeline.Bar{From: first.Began.Seconds(), To: last.Ended.Seconds(), Colour: worldColour,
		Says: fmt.Sprintf("%s: %s commands, %s of them refused, in %s entries, %s faults, %s checks: %s", whose, timeline.Thousands(sum.Commands),
			timeline.Thousands(sum.Refused), timeline.Thousands(sum.Entries), timeline.Thousands(sum.Faults), timeline.Thousands(sum.Checks), verdict)}
}

// panels are the worlds' figures as rates.
func (p *played) panels() []timeline.Panel {
	return []timeline.Panel{
		{
			Title: "commands a second: done, refused",
			Areas: []timeline.Series{
				p.rate(timeline.Sand, func(l life) int { return l.Commands }),
				p.rate(timeline.Green, func(l life) int { return l.Commands - l.Refused }),
			},
		},
		{Title: "faults a second", Areas: []timeline.Series{p.rate(timeline.Amber, func(l life) int { return l.Faults })}},
		{Title: "checks a second", Areas: []timeline.Series{p.rate(timeline.Teal, func(l life) int { return l.Checks })}},
	}
}

// rate is a figure of the worlds in each stretch of the run, as if for a second. What a world has is spread evenly over its time.
func (p *played) rate(colour string, of func(life) int) timeline.Series {
	each := max(leastColumn, p.Took/mostColumns)
	s := timeline.Series{Colour: colour, Each: each.Seconds(), Values: make([]float64, max(1, (p.Took+each-1)/each))}
	for _, l := range p.Lives {
		ended := max(l.Ended, l.Began+1)
		for at := l.Began.Truncate(each); at < ended; at += each {
			i := min(int(at/each), len(s.Values)-1)
			within := min(at+each, ended) - max(at, l.Began)
			s.Values[i] += float64(of(l)) * within.Seconds() / (ended - l.Began).Seconds()
		}
	}
	for i := range s.Values { // the last stretch is not a whole one
		lasted := max(min(each, p.Took-time.Duration(i)*each), time.Millisecond)
		s.Values[i] /= lasted.Seconds()
	}
	return s
}

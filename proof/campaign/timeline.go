package campaign

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"stoker/proof/timeline"
)

// familyKey is a family with its name and colour.
type familyKey struct {
	family family
	timeline.Key
}

var families = []familyKey{
	{ofProcess, timeline.Key{Name: "processes", Colour: timeline.Red}}, {ofLink, timeline.Key{Name: "links", Colour: timeline.Blue}},
	{ofDisk, timeline.Key{Name: "disks", Colour: timeline.Amber}}, {ofMembers, timeline.Key{Name: "members", Colour: timeline.Violet}},
	{ofLoad, timeline.Key{Name: "load", Colour: timeline.Teal}}, {ofClock, timeline.Key{Name: "clocks", Colour: timeline.Grey}},
}

func (f family) colour() string {
	return families[slices.IndexFunc(families, func(k familyKey) bool { return k.family == f })].Colour
}

// timeline is the picture of a run: a lane for each place with its faults, operations a second and their latency below.
func (r *Record) timeline() string {
	kinds, faults := r.kinds()
	verdict := "no violation"
	if len(r.Violations) > 0 {
		verdict = fmt.Sprintf("%d VIOLATIONS", len(r.Violations))
	}
	p := timeline.Picture{
		Title: fmt.Sprintf("%d faults of %d kinds, %s operations, %s", faults, kinds, timeline.Thousands(r.Total), verdict),
		About: fmt.Sprintf("three real processes for %s; seed %d; %s operations judged in %s histories; %s", r.Lasted.Round(time.Second), r.Seed,
			timeline.Thousands(r.Judged), timeline.Thousands(r.Histories), r.Began.Format("2006-01-02 15:04 UTC")),
		Reading: "full: the fault; pale: until all nodes served and wrote again",
		Axis:    timeline.Time,
		Span:    max(r.Lasted, time.Duration(len(r.Seconds))*time.Second, time.Second).Seconds(),
		Panels:  r.panels(),
	}
	for _, f := range families {
		p.Keys = append(p.Keys, f.Key)
	}
	for place := range r.Seats {
		p.Lanes = append(p.Lanes, r.lane(place, p.Span))
	}
	for _, k := range r.Kinds {
		n := 0
		for _, e := range r.Events {
			if e.Kind == k.Name {
				n++
			}
		}
		chip := timeline.Key{Name: fmt.Sprintf("%s %d", k.Name, n), Colour: k.Family.colour()}
		if k.Missing != "" {
			chip = timeline.Key{Name: k.Name + " NOT RUN", Colour: "#999"}
		}
		p.Chips = append(p.Chips, chip)
	}
	return p.SVG()
}

// lane is a place, with what struck it and where another node took it.
func (r *Record) lane(place int, span float64) timeline.Lane {
	seats := r.Seats[place]
	l, next := timeline.Lane{Name: seats[0]}, 1
	for _, e := range r.Events {
		if !slices.Contains(e.Places, place) {
			continue
		}
		l.Bars = append(l.Bars, timeline.Bar{
			From: e.Began.Seconds(), To: e.Mended.Seconds(), Until: cmp.Or(e.Whole.Seconds(), span), Colour: e.Family.colour(),
			Says: fmt.Sprintf("%s of %s at %s: %.1f s, then %.1f s. %s", e.Kind, e.Node, e.Began.Round(time.Second), (e.Mended - e.Began).Seconds(), (e.Whole - e.Mended).Seconds(), e.Note),
		})
		if e.Kind == "replace-member" && next < len(seats) {
			l.Marks = append(l.Marks, timeline.Mark{At: e.Mended.Seconds(), Text: seats[next]})
			next++
		}
	}
	return l
}

// panels are what was answered in each second, and how soon.
func (r *Record) panels() []timeline.Panel {
	series := func(colour string, of func(Second) float64) timeline.Series {
		s := timeline.Series{Colour: colour, Each: 1}
		for _, second := range r.Seconds {
			s.Values = append(s.Values, of(second))
		}
		return s
	}
	return []timeline.Panel{
		{
			Title: "operations a second: acknowledged, refused, unknown",
			Areas: []timeline.Series{
				series(timeline.Red, func(s Second) float64 { return float64(s.OK + s.Refused + s.Unknown) }),
				series(timeline.Sand, func(s Second) float64 { return float64(s.OK + s.Refused) }),
				series(timeline.Green, func(s Second) float64 { return float64(s.OK) }),
			},
		},
		{
			Title: "time until an answer, median and 99th percentile of each second, ms (logarithmic)",
			Log:   true,
			Lines: []timeline.Series{
				series(timeline.Rose, func(s Second) float64 { return float64(s.P99) }),
				series(timeline.Navy, func(s Second) float64 { return float64(s.P50) }),
			},
		},
	}
}

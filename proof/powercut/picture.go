package powercut

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"stoker/proof/timeline"
)

// mostCuts is how many cuts a lane shows one by one; where there are more, one stroke is several.
const mostCuts = 500

// stretches of the run have a figure each.
const stretches = 100

// picture draws the traced run: a lane for each file with the cuts at its syncs, and below them the requests and how soon nodes were back.
func (r *run) picture() timeline.Picture {
	began, ended := r.trace[0].start, r.trace[len(r.trace)-1].start
	at := func(ns int64) float64 { return float64(ns-began) / 1e9 }
	p := timeline.Picture{
		Title:   fmt.Sprintf("Power cuts at %d moments, %d of them wrong", r.cuts, len(r.wrong)),
		About:   fmt.Sprintf("%d requests in a run that was traced, %d syncs; seed %d; the node's log in %s", len(r.trip.steps), r.disk.Syncs, r.Seed, r.LogStore),
		Reading: "a stroke: the power goes at the end of a sync of this file, and a node is started on what the disk may hold then",
		Keys:    []timeline.Key{{Name: "came back with all", Colour: timeline.Green}, {Name: "wrong", Colour: timeline.Red}},
		Axis:    timeline.Time,
		Span:    max(at(ended), 0.001),
	}
	lanes := map[string][]looked{}
	for _, l := range r.looked {
		name := laneOf(r.synced(l.point))
		lanes[name] = append(lanes[name], l)
	}
	for name, all := range lanes {
		slices.SortFunc(all, func(a, b looked) int { return cmp.Compare(a.e.at, b.e.at) })
		lane := timeline.Lane{Name: name}
		for some := range slices.Chunk(all, max(1, (len(all)+mostCuts-1)/mostCuts)) {
			lane.Bars = append(lane.Bars, r.stroke(some, at))
		}
		p.Lanes = append(p.Lanes, lane)
	}
	slices.SortFunc(p.Lanes, func(a, b timeline.Lane) int { return strings.Compare(a.Name, b.Name) })
	each := p.Span / stretches
	stretch := func(ns int64) int { return min(max(int(at(ns)/each), 0), stretches-1) }
	requests := timeline.Series{Colour: timeline.Teal, Each: each, Values: make([]float64, stretches)}
	for _, s := range r.trip.steps {
		requests.Values[stretch(s.told)] += 1 / each
	}
	backs := timeline.Series{Colour: timeline.Navy, Each: each, Values: make([]float64, stretches)}
	for _, l := range r.looked {
		i := stretch(l.e.at)
		backs.Values[i] = max(backs.Values[i], float64(l.back.Microseconds())/1000)
	}
	p.Panels = []timeline.Panel{
		{Title: "requests answered a second, while the node was traced", Areas: []timeline.Series{requests}},
		{Title: "time until a node was back after a cut then, at most, ms", Lines: []timeline.Series{backs}},
	}
	return p
}

// stroke is one cut, or several that lie beside each other: red if one of them was wrong.
func (r *run) stroke(some []looked, at func(int64) float64) timeline.Bar {
	from, to := at(some[0].e.at), at(some[len(some)-1].e.at)
	b := timeline.Bar{From: from, To: to, Colour: timeline.Green, Says: fmt.Sprintf("%d cuts, syncs %d to %d", len(some), some[0].nth, some[len(some)-1].nth)}
	if len(some) == 1 {
		b.Says = r.about(some[0].point)
	}
	for _, l := range some {
		if l.wrong != "" {
			b.Colour = timeline.Red
			b.Says = r.about(l.point) + ": " + l.wrong
		}
	}
	return b
}

// laneOf puts files together whose names are made anew each time.
func laneOf(file string) string {
	name := strings.TrimPrefix(file, "data/")
	switch {
	case strings.HasPrefix(name, "blobs/tmp/"):
		return "drafts of blobs"
	case strings.HasPrefix(name, "blobs"):
		return "folders of blobs"
	case strings.HasSuffix(name, ".wal"):
		return "segments of the log"
	}
	made, _, _ := strings.Cut(name, ".new")
	return made
}

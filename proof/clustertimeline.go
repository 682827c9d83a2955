package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"stoker/proof/timeline"
)

// kindOfTrouble is a kind of fault, and what it is a fault of.
type kindOfTrouble struct{ Name, Of string }

// lifetime is a world's beginning and end, in the virtual time of all worlds.
type lifetime struct {
	Seed         uint64
	Began, Ended time.Duration
}

// blow is a fault as it went, in the virtual time of all worlds.
type blow struct {
	Kind   string
	Nodes  []string // that were struck, or between which, in words
	Began  time.Duration
	Mended time.Duration // 0: it was not
	Whole  time.Duration // when every node had acknowledged a write again; 0: they had not
}

// mostDrawn is the virtual time that a picture has room for: in 12 hours there are some 2,600 faults, and the file has a megabyte.
const mostDrawn = 12 * time.Hour

// ofTrouble are the colours of what the faults are of.
var ofTrouble = []timeline.Key{
	{Name: "power", Colour: timeline.Red}, {Name: "links", Colour: timeline.Blue}, {Name: "processes", Colour: timeline.Teal},
	{Name: "disks", Colour: timeline.Amber}, {Name: "members", Colour: timeline.Violet}, {Name: "clocks", Colour: timeline.Grey},
}

// The colours of worlds, which alternate, and of one in which something did not hold.
const (
	worldColour   = "#b9c2cc"
	nextColour    = "#8e9aa7"
	violateColour = "#e00034"
)

// family is what a kind is of; len(ofTrouble): nothing that is known here.
func (k kindOfTrouble) family() int {
	if i := slices.IndexFunc(ofTrouble, func(o timeline.Key) bool { return o.Name == k.Of }); i >= 0 {
		return i
	}
	return len(ofTrouble)
}

func (k kindOfTrouble) colour() string {
	if i := k.family(); i < len(ofTrouble) {
		return ofTrouble[i].Colour
	}
	return timeline.Navy
}

// drawn is the stretch of virtual time that the picture shows: of a long run its beginning or, since a violation ends it, its end.
func (l *lived) drawn() (from, to time.Duration) {
	switch {
	case l.Virtual <= mostDrawn:
		return 0, l.Virtual
	case len(l.Violations) > 0 && l.Each > 0:
		return (l.Virtual - mostDrawn).Truncate(l.Each), l.Virtual
	}
	return 0, mostDrawn
}

// shown says what of the run the picture shows, if it is not all of it.
func (l *lived) shown() string {
	from, to := l.drawn()
	switch {
	case to-from >= l.Virtual:
		return ""
	case from > 0:
		return fmt.Sprintf("only the last %s of %s virtual hours are shown", hours(to-from), hours(l.Virtual))
	}
	return fmt.Sprintf("only the first %s of %s virtual hours are shown", hours(to-from), hours(l.Virtual))
}

// timeline is the picture of the worlds, one after the other in their virtual time: a lane for each kind of fault, because many
// strike links and not nodes; below, what clients were told, what was checked, and how often another node led.
func (l *lived) timeline() string {
	from, to := l.drawn()
	faults, checks := 0, 0
	for _, n := range l.Faults {
		faults += n
	}
	for _, n := range l.Checks {
		checks += n
	}
	p := timeline.Picture{
		Title: fmt.Sprintf("%s virtual hours, %s faults of %d kinds, %s checks: %s", hours(l.Virtual), timeline.Thousands(faults),
			len(l.Faults), timeline.Thousands(checks), l.verdict()),
		About: fmt.Sprintf("%s worlds one after the other, seeds %d to %d, in %s of real time; the axis is virtual time",
			timeline.Thousands(int(l.Worlds)), l.Seed, l.Seed+l.Worlds-1, l.Took.Round(time.Second)),
		Reading: "full: the fault; pale: until every node had acknowledged a write",
		Keys:    slices.Clone(ofTrouble),
		Axis:    timeline.Time,
		Span:    (to - from).Seconds(),
		Lanes:   []timeline.Lane{l.worldsLane()},
		Panels:  l.panels(),
		Chips:   chips(l.Seen, timeline.Grey),
	}
	if s := l.shown(); s != "" {
		p.About += "; " + s
	}
	if len(l.Violations) > 0 {
		p.Keys = append(p.Keys, timeline.Key{Name: "violated", Colour: violateColour})
	}
	for _, k := range slices.SortedStableFunc(slices.Values(l.Kinds), func(a, b kindOfTrouble) int { return a.family() - b.family() }) {
		p.Lanes = append(p.Lanes, l.lane(k))
	}
	return p.SVG()
}

// worldsLane is when each world was.
func (l *lived) worldsLane() timeline.Lane {
	from, to := l.drawn()
	lane := timeline.Lane{Name: "worlds"}
	for i, w := range l.Lives {
		if w.Ended <= from || w.Began >= to {
			continue
		}
		bar := timeline.Bar{From: (max(w.Began, from) - from).Seconds(), To: (w.Ended - from).Seconds(), Colour: worldColour,
			Says: fmt.Sprintf("the world of seed %d: %s", w.Seed, (w.Ended - w.Began).Round(time.Second))}
		if i%2 > 0 {
			bar.Colour = nextColour
		}
		for _, v := range l.Violations {
			if v.Seed == w.Seed {
				bar.Colour = violateColour
				bar.Says += ", VIOLATED: " + strings.Join(v.Wrong, "; ")
				lane.Marks = append(lane.Marks, timeline.Mark{At: bar.From, Text: fmt.Sprintf("seed %d VIOLATED", v.Seed)})
			}
		}
		lane.Bars = append(lane.Bars, bar)
	}
	return lane
}

// lane is a kind of fault, with how often it struck in the whole run.
func (l *lived) lane(k kindOfTrouble) timeline.Lane {
	from, to := l.drawn()
	lane := timeline.Lane{Name: fmt.Sprintf("%s · %s", k.Name, timeline.Thousands(l.Faults[k.Name]))}
	for _, b := range l.Blows {
		if b.Kind != k.Name {
			continue
		}
		w := l.worldOf(b)
		mended := cmp.Or(b.Mended, w.Ended)
		whole := cmp.Or(b.Whole, w.Ended)
		if whole <= from || b.Began >= to {
			continue
		}
		lane.Bars = append(lane.Bars, timeline.Bar{
			From: (max(b.Began, from) - from).Seconds(), To: (max(mended, from) - from).Seconds(), Until: (whole - from).Seconds(),
			Colour: k.colour(),
			Says: fmt.Sprintf("%s (%s), %s after the beginning of the world of seed %d: %s", k.Name, strings.Join(b.Nodes, ", "),
				(b.Began - w.Began).Round(time.Second), w.Seed, b.course()),
		})
	}
	return lane
}

// course is how long it lasted and what came then.
func (b blow) course() string {
	switch {
	case b.Mended == 0:
		return "it did not end"
	case b.Whole == 0:
		return fmt.Sprintf("%.1f s, and NOT well again", (b.Mended - b.Began).Seconds())
	}
	return fmt.Sprintf("%.1f s, well again after %.1f s", (b.Mended - b.Began).Seconds(), (b.Whole - b.Mended).Seconds())
}

// worldOf is the world that a blow struck.
func (l *lived) worldOf(b blow) lifetime {
	for _, w := range l.Lives {
		if w.Began <= b.Began && b.Began < w.Ended {
			return w
		}
	}
	return lifetime{Ended: l.Virtual}
}

// panels are the counts of each stretch, as rates.
func (l *lived) panels() []timeline.Panel {
	rate := func(colour string, whats ...string) timeline.Series { return l.rate(colour, whats) }
	const acked, refused, unknown = "writes acknowledged", "writes refused", "writes of which nobody can say"
	return []timeline.Panel{
		{
			Title: "writes a virtual minute: acknowledged, refused, unknown",
			Areas: []timeline.Series{rate(timeline.Red, acked, refused, unknown), rate(timeline.Sand, acked, refused), rate(timeline.Green, acked)},
		},
		{
			Title: "checks a virtual minute",
			Areas: []timeline.Series{rate(timeline.Teal, slices.Sorted(maps.Keys(l.Checks))...)},
		},
		{
			Title:  "leaderships a virtual minute",
			Areas:  []timeline.Series{rate(timeline.Violet, "leaderships")},
			Format: func(v float64) string { return fmt.Sprintf("%.3g", v) },
		},
	}
}

// rate is what was counted in each stretch that is drawn, as if for a minute.
func (l *lived) rate(colour string, whats []string) timeline.Series {
	s := timeline.Series{Colour: colour, Each: l.Each.Seconds()}
	if l.Each <= 0 {
		return s
	}
	from, to := l.drawn()
	for at := from; at < to; at += l.Each {
		sum, i := 0, int(at/l.Each)
		for _, what := range whats {
			if counts := l.Counts[what]; i < len(counts) {
				sum += counts[i]
			}
		}
		s.Values = append(s.Values, float64(sum)/l.Each.Minutes())
	}
	return s
}

// chips are words with how often they came, in their order.
func chips(counts map[string]int, colour string) (out []timeline.Key) {
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, timeline.Key{Name: what + " " + timeline.Thousands(counts[what]), Colour: colour})
	}
	return out
}

package hostile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"stoker/proof/timeline"
)

// What must become of an attack's connections, and its colour.
var (
	answered   = timeline.Key{Name: "one reading", Colour: timeline.Violet}
	endsAtOnce = timeline.Key{Name: "ends at once", Colour: timeline.Amber}
	endsInTime = timeline.Key{Name: "ends in its time", Colour: timeline.Blue}
	served     = timeline.Key{Name: "served", Colour: timeline.Green}
	broken     = timeline.Key{Name: "broken", Colour: timeline.Red}
)

// moment is how many seconds a column is long of what is no sum of calls.
const moment = 0.25

// timeline is the picture: when each attack's connections stood, and how the bystander and the node fared meanwhile. Its time begins
// with the bystander alone, so that one sees what was before.
func (r *Report) timeline() string {
	p := timeline.Picture{
		Title:   fmt.Sprintf("%s: %s", r.size(), r.verdict()),
		About:   fmt.Sprintf("one real process, attacked for %s; %s", r.Lasted.Round(time.Second), r.Began.UTC().Format("2006-01-02 15:04 UTC")),
		Reading: "full: from the first connection to the first end; pale: to the last end",
		Axis:    timeline.Time,
		Span:    r.Lasted.Seconds(),
		Keys:    []timeline.Key{answered, endsAtOnce, endsInTime, served, broken},
		Panels: []timeline.Panel{
			r.calls("reads", func(t turn) time.Duration { return t.read }),
			r.calls("writes", func(t turn) time.Duration { return t.write }),
			{Title: "the node's resident memory, MiB", Lines: []timeline.Series{r.memory()}},
			{Title: "hostile connections that are open", Areas: []timeline.Series{r.open()}},
		},
	}
	for _, row := range r.Rows {
		if row.rule != (timeline.Key{}) {
			p.Lanes = append(p.Lanes, r.lane(row))
		}
		if len(row.Wrong) > 0 {
			p.Chips = append(p.Chips, timeline.Key{Name: "BROKEN: " + row.Name, Colour: broken.Colour})
		}
	}
	for _, u := range r.Unseen {
		p.Chips = append(p.Chips, timeline.Key{Name: u, Colour: "#999"})
	}
	return p.SVG()
}

// since is a moment on the axis.
func (r *Report) since(at time.Time) float64 { return at.Sub(r.Began).Seconds() }

// lane is an attack, with one bar for all of its connections.
func (r *Report) lane(row Row) timeline.Lane {
	l := timeline.Lane{Name: row.Name}
	if len(row.stays) == 0 {
		return l // none could be opened, which is wrong, and stands in the chips
	}
	bar := timeline.Bar{From: r.since(row.stays[0].from), To: r.since(row.stays[0].to), Colour: row.rule.Colour}
	for _, s := range row.stays {
		bar.From, bar.To, bar.Until = min(bar.From, r.since(s.from)), min(bar.To, r.since(s.to)), max(bar.Until, r.since(s.to))
	}
	if len(row.Wrong) > 0 {
		bar.Colour = broken.Colour
	}
	bar.Says = strings.Join(slices.Concat([]string{fmt.Sprintf("%s, %d connections, %s: %s", row.Name, row.Conns, row.verdict(), row.Came)}, row.wrongs()), "\n")
	l.Bars = []timeline.Bar{bar}
	return l
}

// calls are how long the bystander's calls took that began in each second. They are handed over in tenths of a millisecond, because
// a logarithmic scale begins at 1.
func (r *Report) calls(what string, of func(turn) time.Duration) timeline.Panel {
	middle, worst := timeline.Series{Colour: timeline.Navy, Each: 1, Most: true}, timeline.Series{Colour: timeline.Rose, Each: 1, Most: true}
	for _, some := range r.columns(1) {
		var took []time.Duration
		for _, t := range some {
			took = append(took, of(t))
		}
		slices.Sort(took)
		var m, w time.Duration // 0: nothing began, and the line has no point
		if len(took) > 0 {
			m, w = median(took), took[len(took)-1]
		}
		middle.Values, worst.Values = append(middle.Values, tenths(m)), append(worst.Values, tenths(w))
	}
	return timeline.Panel{
		Title:  fmt.Sprintf("the bystander's %s, median and longest of each second, ms (logarithmic)", what),
		Log:    true,
		Lines:  []timeline.Series{worst, middle},
		Format: func(v float64) string { return fmt.Sprintf("%.3g", v/10) },
	}
}

func tenths(d time.Duration) float64 { return d.Seconds() * 1e4 }

// memory is the most that was seen of it in each moment.
func (r *Report) memory() timeline.Series {
	s := timeline.Series{Colour: timeline.Navy, Each: moment, Most: true}
	for _, some := range r.columns(moment) {
		most := 0
		for _, t := range some {
			most = max(most, t.kib)
		}
		s.Values = append(s.Values, float64(most)/(1<<10))
	}
	return s
}

// columns are the bystander's turns by when they began.
func (r *Report) columns(each float64) [][]turn {
	all := make([][]turn, int(r.Lasted.Seconds()/each)+1)
	for _, t := range r.turns {
		if i := int(r.since(t.at) / each); i < len(all) {
			all[i] = append(all[i], t)
		}
	}
	return all
}

// open is how many hostile connections stood at the beginning of each moment.
func (r *Report) open() timeline.Series {
	s := timeline.Series{Colour: timeline.Sand, Each: moment, Most: true, Values: make([]float64, int(r.Lasted.Seconds()/moment)+1)}
	for _, row := range r.Rows {
		if !row.hostile() {
			continue
		}
		for _, stood := range row.stays {
			for i := int(r.since(stood.from)/moment) + 1; i < len(s.Values) && float64(i)*moment < r.since(stood.to); i++ {
				s.Values[i]++
			}
		}
	}
	return s
}

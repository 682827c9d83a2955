package timeline

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
	"unicode/utf8"
)

// Picture is a timeline. Moments are in the axis' unit, from 0 to Span.
type Picture struct {
	Title   string
	About   string // a line below it
	Reading string // how bars are to be read
	Keys    []Key  // what colours mean
	Axis    Axis
	Span    float64
	Lanes   []Lane
	Panels  []Panel
	Chips   []Key // what was counted, below all
}

// Key is a word in a colour.
type Key struct{ Name, Colour string }

// Lane is one thing that something was done to.
type Lane struct {
	Name  string
	Bars  []Bar
	Marks []Mark
}

// Bar is something that lasted: in full colour from From to To, pale on to Until.
type Bar struct {
	From, To, Until float64
	Colour          string
	Says            string
}

// Mark is a word at a moment.
type Mark struct {
	At   float64
	Text string
}

// Panel is a diagram. Areas are painted one over the other in their order, and lines over them; a line has no point where its value is 0.
type Panel struct {
	Title  string
	Log    bool // by powers of ten, from 1
	Areas  []Series
	Lines  []Series
	Format func(float64) string // of the scale; nil: whole numbers
}

// Series is a figure of each stretch of so long. Where several have to share a column it is their mean, or the most of them.
type Series struct {
	Colour string
	Each   float64
	Values []float64
	Most   bool
}

// Axis is what runs from left to right.
type Axis struct {
	Steps []float64 // between two labels: the first of which not too many fit
	Label func(at, step float64) string
}

// Time is an axis in seconds.
var Time = Axis{
	Steps: []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 2 * 3600, 5 * 3600, 10 * 3600},
	Label: func(at, step float64) string {
		switch {
		case step >= 3600:
			return fmt.Sprintf("%.0f h", at/3600)
		case step >= 60:
			return fmt.Sprintf("%.0f min", at/60)
		}
		return fmt.Sprintf("%.3g s", at)
	},
}

// Colours that go together, for lanes and panels.
const (
	Red    = "#d1495b"
	Blue   = "#3f7cac"
	Amber  = "#e9a23b"
	Violet = "#7b5ea7"
	Teal   = "#2a9d8f"
	Grey   = "#5f6c7b"
	Green  = "#7fb69e"
	Sand   = "#e9c46a"
	Rose   = "#c98b9b"
	Navy   = "#33658a"
)

// The picture's measures, in pixels.
const (
	width       = 1600
	rightEdge   = 40
	lanesTop    = 118
	highLane    = 44 // where there are few
	lowLane     = 20
	fewLanes    = 6
	laneGap     = 10
	panelHeight = 150
	panelGap    = 56
	chipHeight  = 24
	mostColumns = 700 // of a panel
	mostLabels  = 13  // of the axis
)

// drawing is a picture on its way.
type drawing struct {
	Picture
	strings.Builder
	left float64
	y    float64 // how far it is drawn
}

// SVG draws it.
func (p Picture) SVG() string {
	d := &drawing{Picture: p, left: 110}
	for _, l := range p.Lanes {
		d.left = max(d.left, 8.2*float64(len(l.Name))+30)
	}
	if d.Span <= 0 {
		d.Span = 1
	}
	d.head()
	d.lanes()
	for _, panel := range p.Panels {
		d.panel(panel)
	}
	d.chips()
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" width="%d" height="%.0f" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif">
<rect width="100%%" height="100%%" rx="14" fill="#fbfaf8"/>
%s</svg>
`, width, d.y+24, width, d.y+24, d.String())
}

func (d *drawing) put(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

// escaped is a text as XML can hold it, which has no place for most control characters.
func escaped(s string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r > 0xfffd && r < 0x10000 {
			return utf8.RuneError
		}
		return r
	}, s))
}

func (d *drawing) text(x, y float64, size int, colour, anchor, format string, args ...any) {
	d.put(`<text x="%.1f" y="%.1f" font-size="%d" fill="%s" text-anchor="%s">%s</text>`, x, y, size, colour, anchor, escaped(fmt.Sprintf(format, args...)))
}

func (d *drawing) room() float64 { return width - rightEdge - d.left }

func (d *drawing) x(at float64) float64 { return d.left + d.room()*min(at, d.Span)/d.Span }

func (d *drawing) head() {
	d.put(`<text x="32" y="46" font-size="26" font-weight="600" fill="#222">%s</text>`, escaped(d.Title))
	d.text(32, 72, 15, "#666", "start", "%s", d.About)
	x := float64(width - rightEdge)
	for _, k := range slices.Backward(d.Keys) {
		x -= float64(9*len(k.Name) + 34)
		d.put(`<rect x="%.0f" y="84" width="14" height="14" rx="3" fill="%s"/>`, x, k.Colour)
		d.text(x+20, 96, 14, "#444", "start", "%s", k.Name)
	}
	d.text(32, 96, 13, "#888", "start", "%s", d.Reading)
	d.y = lanesTop - laneGap
}

func (d *drawing) lanes() {
	height, size := float64(highLane), 16
	if len(d.Lanes) > fewLanes {
		height, size = lowLane, 13
	}
	for _, l := range d.Lanes {
		y := d.y + laneGap
		if len(d.Lanes) > fewLanes {
			y = d.y + laneGap/2
		}
		d.put(`<rect x="%.0f" y="%.0f" width="%.0f" height="%.0f" rx="6" fill="#efede8"/>`, d.left, y, d.room(), height)
		d.text(d.left-14, y+height/2+5, size, "#333", "end", "%s", l.Name)
		for _, b := range l.Bars {
			from, to, until := d.x(b.From), d.x(b.To), d.x(cmp.Or(b.Until, b.To))
			d.put(`<g><title>%s</title><rect x="%.2f" y="%.0f" width="%.2f" height="%.0f" fill="%s" opacity="0.3"/><rect x="%.2f" y="%.0f" width="%.2f" height="%.0f" fill="%s"/></g>`,
				escaped(b.Says), from, y, max(until-from, 1.5), height, b.Colour, from, y, max(to-from, 1.2), height, b.Colour)
		}
		for _, m := range l.Marks {
			wide := float64(8*len(m.Text) + 8)
			x := min(d.x(m.At)+2, width-rightEdge-wide) // all of it, if it is at the end
			d.put(`<rect x="%.1f" y="%.0f" width="%.0f" height="16" rx="4" fill="#fff" opacity="0.85"/>`, x, y+3, wide)
			d.text(x+4, y+15, 12, "#444", "start", "%s", m.Text)
		}
		d.y = y + height
	}
	if len(d.Panels) == 0 {
		d.grid(lanesTop, d.y)
		d.y += 20
	}
}

// grid draws the axis from one height to another, with its labels below.
func (d *drawing) grid(top, bottom float64) {
	step := d.step()
	for at := 0.0; at <= d.Span*1.0001; at += step {
		d.put(`<line x1="%.1f" x2="%.1f" y1="%.0f" y2="%.0f" stroke="#ddd"/>`, d.x(at), d.x(at), top, bottom)
		d.text(d.x(at), bottom+17, 12, "#888", "middle", "%s", d.Axis.Label(at, step))
	}
}

// step is the axis' first step of which not too many fit.
func (d *drawing) step() float64 {
	for _, s := range d.Axis.Steps {
		if d.Span/s <= mostLabels {
			return s
		}
	}
	return d.Span
}

// chips are what was counted.
func (d *drawing) chips() {
	if len(d.Chips) == 0 {
		return
	}
	x, y := d.left, d.y+38
	for _, k := range d.Chips {
		wide := 7.6*float64(len(k.Name)) + 20
		if x+wide > width-rightEdge {
			x, y = d.left, y+chipHeight+8
		}
		d.put(`<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="12" fill="%s" opacity="0.16"/>`, x, y, wide, chipHeight, k.Colour)
		d.text(x+wide/2, y+16, 13, "#333", "middle", "%s", k.Name)
		x += wide + 8
	}
	d.y = y + chipHeight
}

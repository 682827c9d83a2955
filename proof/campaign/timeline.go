package campaign

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
	"time"
)

// The picture's measures, in pixels.
const (
	pictureWidth = 1600
	leftEdge     = 110
	rightEdge    = 40
	lanesTop     = 118
	laneHeight   = 44
	laneGap      = 10
	panelHeight  = 150
	panelGap     = 56
	chipHeight   = 24
)

// colours of families, and of what else there is.
var colours = map[family]string{ofProcess: "#d1495b", ofLink: "#3f7cac", ofDisk: "#e9a23b", ofMembers: "#7b5ea7", ofLoad: "#2a9d8f", ofClock: "#5f6c7b"}

var familyNames = []struct {
	family family
	name   string
}{{ofProcess, "processes"}, {ofLink, "links"}, {ofDisk, "disks"}, {ofMembers, "members"}, {ofLoad, "load"}, {ofClock, "clocks"}}

// picture is a timeline being drawn.
type picture struct {
	*Record
	strings.Builder
	y float64 // how far it is drawn
}

// timeline is the picture of a run: a lane for each place with its faults, operations a second and their latency below.
func (r *Record) timeline() string {
	p := &picture{Record: r}
	p.head()
	p.lanes()
	p.throughput()
	p.latency()
	p.chips()
	body := p.String()
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" width="%d" height="%.0f" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif">
<rect width="100%%" height="100%%" rx="14" fill="#fbfaf8"/>
%s</svg>
`, pictureWidth, p.y+24, pictureWidth, p.y+24, body)
}

func (p *picture) put(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *picture) text(x, y float64, size int, colour, anchor, format string, args ...any) {
	p.put(`<text x="%.1f" y="%.1f" font-size="%d" fill="%s" text-anchor="%s">%s</text>`, x, y, size, colour, anchor, html.EscapeString(fmt.Sprintf(format, args...)))
}

// span is the time that the picture shows.
func (p *picture) span() time.Duration {
	return max(p.Lasted, time.Duration(len(p.Seconds))*time.Second, time.Second)
}

func (p *picture) x(t time.Duration) float64 {
	return leftEdge + float64(pictureWidth-leftEdge-rightEdge)*float64(t)/float64(p.span())
}

func (p *picture) head() {
	kinds, faults := p.kinds()
	p.put(`<text x="32" y="46" font-size="26" font-weight="600" fill="#222">%d faults of %d kinds, %s operations, %s</text>`, faults, kinds, thousands(p.Total),
		map[bool]string{true: "no violation", false: fmt.Sprintf("%d VIOLATIONS", len(p.Violations))}[len(p.Violations) == 0])
	p.text(32, 72, 15, "#666", "start", "three real processes for %s; seed %d; %s operations judged in %s histories; %s", p.Lasted.Round(time.Second), p.Seed,
		thousands(p.Judged), thousands(p.Histories), p.Began.Format("2006-01-02 15:04 UTC"))
	x := float64(pictureWidth - rightEdge)
	for _, f := range slices.Backward(familyNames) {
		x -= float64(9*len(f.name) + 34)
		p.put(`<rect x="%.0f" y="84" width="14" height="14" rx="3" fill="%s"/>`, x, colours[f.family])
		p.text(x+20, 96, 14, "#444", "start", "%s", f.name)
	}
	p.text(32, 96, 13, "#888", "start", "full: the fault; pale: until all nodes served and wrote again")
}

// lanes are the places, with what struck them.
func (p *picture) lanes() {
	for place := range p.Seats {
		y := float64(lanesTop + place*(laneHeight+laneGap))
		p.put(`<rect x="%d" y="%.0f" width="%d" height="%d" rx="6" fill="#efede8"/>`, leftEdge, y, pictureWidth-leftEdge-rightEdge, laneHeight)
		p.text(leftEdge-14, y+laneHeight/2+5, 16, "#333", "end", "%s", p.Seats[place][0])
		for _, e := range p.Events {
			if slices.Contains(e.Places, place) {
				p.bar(e, y)
			}
		}
		p.arrivals(place, y)
	}
	p.y = float64(lanesTop + len(p.Seats)*(laneHeight+laneGap))
}

func (p *picture) bar(e event, y float64) {
	begin, mended, whole := p.x(e.Began), p.x(e.Mended), p.x(cmp.Or(e.Whole, p.span()))
	colour := colours[e.Family]
	title := html.EscapeString(fmt.Sprintf("%s of %s at %s: %.1f s, then %.1f s. %s", e.Kind, e.Node, e.Began.Round(time.Second), (e.Mended - e.Began).Seconds(), (e.Whole - e.Mended).Seconds(), e.Note))
	p.put(`<g><title>%s</title><rect x="%.2f" y="%.0f" width="%.2f" height="%d" fill="%s" opacity="0.3"/><rect x="%.2f" y="%.0f" width="%.2f" height="%d" fill="%s"/></g>`,
		title, begin, y, max(whole-begin, 1.5), laneHeight, colour, begin, y, max(mended-begin, 1.2), laneHeight, colour)
}

// arrivals mark where another node took the place.
func (p *picture) arrivals(place int, y float64) {
	next := 1
	for _, e := range p.Events {
		if e.Kind == "replace-member" && slices.Contains(e.Places, place) && next < len(p.Seats[place]) {
			p.put(`<rect x="%.1f" y="%.0f" width="%d" height="16" rx="4" fill="#fff" opacity="0.85"/>`, p.x(e.Mended)+2, y+3, 8*len(p.Seats[place][next])+8)
			p.text(p.x(e.Mended)+6, y+15, 12, "#444", "start", "%s", p.Seats[place][next])
			next++
		}
	}
}

// axis draws a panel's frame and the time below it.
func (p *picture) axis(title string) (top, bottom float64) {
	top = p.y + panelGap
	bottom = top + panelHeight
	p.y = bottom
	p.text(leftEdge, top-12, 14, "#444", "start", "%s", title)
	step := p.tick()
	for t := time.Duration(0); t <= p.span(); t += step {
		p.put(`<line x1="%.1f" x2="%.1f" y1="%.0f" y2="%.0f" stroke="#ddd"/>`, p.x(t), p.x(t), top, bottom)
		label := fmt.Sprintf("%d min", int(t.Minutes()))
		if step < time.Minute {
			label = fmt.Sprintf("%d s", int(t.Seconds()))
		}
		p.text(p.x(t), bottom+17, 12, "#888", "middle", "%s", label)
	}
	return top, bottom
}

// tick is a round time of which about twelve fit.
func (p *picture) tick() time.Duration {
	for _, t := range []time.Duration{5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute} {
		if p.span()/t <= 13 {
			return t
		}
	}
	return time.Hour
}

// columns are the seconds, several together where the picture is not wide enough for each.
func (p *picture) columns() (width int, all [][]Second) {
	width = max(1, (len(p.Seconds)+699)/700)
	for i := 0; i < len(p.Seconds); i += width {
		all = append(all, p.Seconds[i:min(i+width, len(p.Seconds))])
	}
	return width, all
}

// mean is the average of something over a column's seconds.
func mean(column []Second, of func(Second) float64) (sum float64) {
	for _, s := range column {
		sum += of(s)
	}
	return sum / float64(len(column))
}

// throughput is an area of what was acknowledged, refused and never answered, one above the other.
func (p *picture) throughput() {
	top, bottom := p.axis("operations a second: acknowledged, refused, unknown")
	width, columns := p.columns()
	most := 1.0
	for _, c := range columns {
		most = max(most, mean(c, func(s Second) float64 { return float64(s.OK + s.Refused + s.Unknown) }))
	}
	most = math.Ceil(most/100) * 100
	for _, share := range []float64{0, 0.5, 1} {
		p.text(leftEdge-10, bottom-share*(bottom-top)+4, 12, "#888", "end", "%.0f", share*most)
	}
	layer := func(colour string, of func(Second) float64) {
		fmt.Fprintf(p, `<path fill="%s" d="M%.1f %.1f`, colour, p.x(0), bottom)
		for i, c := range columns {
			y := bottom - mean(c, of)/most*(bottom-top)
			fmt.Fprintf(p, "L%.1f %.1fL%.1f %.1f", p.x(time.Duration(i*width)*time.Second), y, p.x(min(time.Duration((i+1)*width)*time.Second, p.span())), y)
		}
		p.put(`L%.1f %.1fZ"/>`, p.x(p.span()), bottom)
	}
	layer("#d1495b", func(s Second) float64 { return float64(s.OK + s.Refused + s.Unknown) })
	layer("#e9c46a", func(s Second) float64 { return float64(s.OK + s.Refused) })
	layer("#7fb69e", func(s Second) float64 { return float64(s.OK) })
}

// latency is the middle and the 99th percentile until an answer, on a logarithmic scale.
func (p *picture) latency() {
	top, bottom := p.axis("time until an answer, median and 99th percentile of each second, ms (logarithmic)")
	width, columns := p.columns()
	y := func(ms float64) float64 {
		return bottom - (math.Log10(min(max(ms, 1), 20_000)))/math.Log10(20_000)*(bottom-top)
	}
	for _, ms := range []float64{1, 10, 100, 1000, 10_000} {
		p.put(`<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#e5e2dc"/>`, leftEdge, pictureWidth-rightEdge, y(ms), y(ms))
		p.text(leftEdge-10, y(ms)+4, 12, "#888", "end", "%s", thousands(int(ms)))
	}
	line := func(colour string, thick float64, of func(Second) float64) {
		fmt.Fprintf(p, `<path fill="none" stroke="%s" stroke-width="%.1f" stroke-linejoin="round" d="`, colour, thick)
		move := "M"
		for i, c := range columns {
			if v := mean(c, of); v > 0 {
				fmt.Fprintf(p, "%s%.1f %.1f", move, p.x(time.Duration(i*width)*time.Second), y(v))
				move = "L"
			}
		}
		p.put(`"/>`)
	}
	line("#c98b9b", 1.2, func(s Second) float64 { return float64(s.P99) })
	line("#33658a", 1.6, func(s Second) float64 { return float64(s.P50) })
	p.y += 30
}

// chips are the kinds with how often each struck.
func (p *picture) chips() {
	x, y := float64(leftEdge), p.y+8
	for _, k := range p.Kinds {
		n := 0
		for _, e := range p.Events {
			if e.Kind == k.Name {
				n++
			}
		}
		label, colour := fmt.Sprintf("%s %d", k.Name, n), colours[k.Family]
		if k.Missing != "" {
			label, colour = k.Name+" NOT RUN", "#999"
		}
		width := 7.6*float64(len(label)) + 20
		if x+width > pictureWidth-rightEdge {
			x, y = leftEdge, y+chipHeight+8
		}
		p.put(`<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="12" fill="%s" opacity="0.16"/>`, x, y, width, chipHeight, colour)
		p.text(x+width/2, y+16, 13, "#333", "middle", "%s", label)
		x += width + 8
	}
	p.y = y + chipHeight
}

// thousands writes a number with separators.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

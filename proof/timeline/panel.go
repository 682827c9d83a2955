package timeline

import (
	"fmt"
	"math"
	"slices"
)

// panel draws a diagram below what there is.
func (d *drawing) panel(p Panel) {
	top := d.y + panelGap
	bottom := top + panelHeight
	d.y = bottom + 8
	d.text(d.left, top-12, 14, "#444", "start", "%s", p.Title)
	d.grid(top, bottom)
	most := p.most()
	y := func(v float64) float64 { return bottom - v/most*(bottom-top) }
	format := p.Format
	if format == nil {
		format = func(v float64) string { return Thousands(int(math.Round(v))) }
	}
	if p.Log {
		y = func(v float64) float64 {
			return bottom - math.Log10(min(max(v, 1), most))/math.Log10(most)*(bottom-top)
		}
		for v := 1.0; v <= most; v *= 10 {
			d.put(`<line x1="%.1f" x2="%d" y1="%.1f" y2="%.1f" stroke="#e5e2dc"/>`, d.left, width-rightEdge, y(v), y(v))
			d.text(d.left-10, y(v)+4, 12, "#888", "end", "%s", format(v))
		}
	} else {
		for _, share := range []float64{0, 0.5, 1} {
			d.text(d.left-10, y(share*most)+4, 12, "#888", "end", "%s", format(share*most))
		}
	}
	for _, s := range p.Areas {
		each, columns := s.columns()
		fmt.Fprintf(d, `<path fill="%s" d="M%.1f %.1f`, s.Colour, d.x(0), bottom)
		for i, v := range columns {
			fmt.Fprintf(d, "L%.1f %.1fL%.1f %.1f", d.x(float64(i)*each), y(v), d.x(float64(i+1)*each), y(v))
		}
		d.put(`L%.1f %.1fZ"/>`, d.x(float64(len(columns))*each), bottom)
	}
	for i, s := range p.Lines {
		each, columns := s.columns()
		fmt.Fprintf(d, `<path fill="none" stroke="%s" stroke-width="%.1f" stroke-linejoin="round" d="`, s.Colour, 1.2+0.4*float64(i))
		move := "M"
		for i, v := range columns {
			if v > 0 {
				fmt.Fprintf(d, "%s%.1f %.1f", move, d.x(float64(i)*each), y(v))
				move = "L"
			}
		}
		d.put(`"/>`)
	}
}

// columns are the values, several together where there are more than the picture has room for.
func (s Series) columns() (each float64, all []float64) {
	together := max(1, (len(s.Values)+mostColumns-1)/mostColumns)
	for i := 0; i < len(s.Values); i += together {
		some := s.Values[i:min(i+together, len(s.Values))]
		if s.Most {
			all = append(all, slices.Max(some))
			continue
		}
		sum := 0.0
		for _, v := range some {
			sum += v
		}
		all = append(all, sum/float64(len(some)))
	}
	return s.Each * float64(together), all
}

// most is a round number that no value exceeds.
func (p Panel) most() float64 {
	most := 0.0
	for _, all := range [][]Series{p.Areas, p.Lines} {
		for _, s := range all {
			_, columns := s.columns()
			for _, v := range columns {
				most = max(most, v)
			}
		}
	}
	if p.Log {
		return max(10, 2*most)
	}
	if most <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, round := range []float64{1, 2, 4, 5, 6, 8, 10} {
		if most <= round*unit*1.0000001 {
			return round * unit
		}
	}
	return 10 * unit
}

// Thousands writes 1234567 as 1,234,567.
func Thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/go-analyze/charts"
)

// buckets is how many points each line of the plot has.
const buckets = 30

// plot writes what each class, the whale and the lane got of all that was handed out over time, and below it what the
// users of each class got by what was due to them up to then. The file is SVG.
func (s *simulation) plot(path string) error {
	const width, height = 1100, 860
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: width, Height: height},
		charts.PainterThemeOption(charts.GetTheme(charts.ThemeLight)))
	names, lines := s.shares()
	top := p.Child(charts.PainterBoxOption(charts.NewBox(0, 0, width, height/2)))
	if err := top.LineChart(s.lines("Share of all work, % over time", names, lines)); err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	names, lines = s.progress()
	bottom := p.Child(charts.PainterBoxOption(charts.NewBox(0, height/2, width, height)))
	if err := bottom.LineChart(s.lines("Credits handed to a user since the beginning", names, lines)); err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	svg, err := p.Bytes()
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	return os.WriteFile(path, svg, 0o644)
}

func (s *simulation) lines(title string, names []string, lines [][]float64) charts.LineChartOption {
	o := charts.NewLineChartOptionWithData(lines)
	o.Title.Text = title
	o.Legend.SeriesNames = names
	o.Legend.Padding = charts.NewBox(0, 24, 0, 0)
	o.Symbol = charts.Symbol{Shape: charts.SymbolNone}
	o.LineStrokeWidth = 1.6
	for i := range buckets {
		o.XAxis.Labels[i] = fmt.Sprintf("%.3g min", s.span.Minutes()*float64(i+1)/buckets)
	}
	return o
}

func (s *simulation) bucket(at int64) int {
	return min(int(at*buckets/int64(s.span)), buckets-1)
}

// shares are the lines of the upper panel.
func (s *simulation) shares() (names []string, lines [][]float64) {
	all := make([]float64, buckets)
	got := map[string][]float64{}
	book := func(name string, b int, cost float64) {
		if got[name] == nil {
			got[name] = make([]float64, buckets)
		}
		got[name][b] += cost
	}
	for _, h := range s.handouts {
		b := s.bucket(h.at)
		all[b] += h.cost
		book(h.tenant.class.name, b, h.cost)
		if h.tenant.whale {
			book("the user with "+strconv.Itoa(s.whale)+" items", b, h.cost)
		}
		if h.lane {
			book("overdue lane", b, h.cost)
		}
	}
	for name := range got {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		line := got[name]
		for b := range line {
			line[b] *= 100 / max(all[b], 1)
		}
		lines = append(lines, line)
	}
	return names, lines
}

// progress are the lines of the lower panel: what the tenth, the middle and the ninetieth of a hundred users of each
// class have got, and the whale.
func (s *simulation) progress() (names []string, lines [][]float64) {
	got := map[*tenant][]float64{}
	for _, t := range s.tenants {
		got[t] = make([]float64, buckets)
	}
	for _, h := range s.handouts {
		got[h.tenant][s.bucket(h.at)] += h.cost
	}
	for _, line := range got {
		for b := range line[1:] {
			line[b+1] += line[b]
		}
	}
	for _, c := range s.fair.classes {
		for _, percent := range []int{10, 50, 90} {
			line := make([]float64, buckets)
			for b := range line {
				var all []float64
				for _, t := range s.tenants {
					if t.class == c && !t.whale {
						all = append(all, got[t][b])
					}
				}
				line[b] = percentile(all, percent)
			}
			names, lines = append(names, fmt.Sprintf("%s p%d", c.name, percent)), append(lines, line)
		}
	}
	if s.whale > 0 {
		names, lines = append(names, "the whale"), append(lines, got[s.tenants[0]])
	}
	return names, lines
}

// percentile sorts values and gives the one below which so many percent lie; 0 of none.
func percentile(values []float64, percent int) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)*percent/100, len(values)-1)]
}

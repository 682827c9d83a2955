package bench

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-analyze/charts"
)

// plot draws, for each number of clients, what each system did in a second and its times, of the middling round. The file is
// SVG. The bare server is left out: beside it nothing could be told apart.
func (f *SpeedFigures) plot(path string) error {
	const width, height = 1000, 980
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: width, Height: height},
		charts.PainterThemeOption(charts.GetTheme(charts.ThemeLight)))
	panels := []struct {
		title string
		of    func(SpeedRun) float64
	}{
		{f.Scenario + ": operations a second", func(r SpeedRun) float64 { return r.PerSecond }},
		{"p50, ms", func(r SpeedRun) float64 { return r.P50 }},
		{"p99, ms", func(r SpeedRun) float64 { return r.P99 }},
	}
	for i, panel := range panels {
		at := charts.NewBox(0, i*height/len(panels), width, (i+1)*height/len(panels))
		if err := p.Child(charts.PainterBoxOption(at)).BarChart(f.bars(panel.title, panel.of)); err != nil {
			return fmt.Errorf("plot: %w", err)
		}
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

func (f *SpeedFigures) bars(title string, of func(SpeedRun) float64) charts.BarChartOption {
	names, clients := f.systems()
	var shown []string
	var values [][]float64
	for _, name := range names {
		if name == bareName {
			continue
		}
		row := make([]float64, len(clients))
		for i, n := range clients {
			row[i] = of(median(f.of(name, n)))
		}
		shown, values = append(shown, name), append(values, row)
	}
	o := charts.NewBarChartOptionWithData(values)
	o.Title.Text = title
	o.Legend.SeriesNames = shown
	for _, n := range clients {
		o.CategoryAxis.Labels = append(o.CategoryAxis.Labels, fmt.Sprintf("%d clients", n))
	}
	for i := range o.SeriesList {
		o.SeriesList[i].Label.Show = charts.Ptr(true)
		o.SeriesList[i].Label.ValueFormatter = func(v float64) string { return fmt.Sprintf("%.3g", v) }
	}
	return o
}

package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
)

// newTable is a table as the others of this program look.
func newTable(out io.Writer, title string, header ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.SetTitle("%s", title)
	t.AppendHeader(table.Row(header))
	return t
}

// show prints what was measured, as JSON or as its tables.
func show(out io.Writer, asJSON bool, f interface{ print(io.Writer) }) error {
	if !asJSON {
		f.print(out)
		return nil
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}

// tellShares prints who got how much, against what their weight entitles them to.
func (s *simulation) tellShares(out io.Writer, window int) {
	all := s.fair.total + s.fair.lane
	t := newTable(out, fmt.Sprintf("%d items handed out in %d grants, %s of virtual time", s.items, len(s.handouts), s.span),
		"class", "weight", "share %", "its weight's %", fmt.Sprintf("worst of %d grants", window), "worst lag, credits")
	var due float64
	for _, c := range s.fair.classes {
		due += c.ever
	}
	for i, c := range s.fair.classes {
		t.AppendRow(table.Row{c.name, c.weight, percent(c.got, all), percent(c.ever, due), s.worstWindow(i, window), fmt.Sprintf("%.1f", c.worst)})
	}
	t.AppendFooter(table.Row{"overdue lane", "", percent(s.fair.lane, all), "at most 10"})
	t.Render()

	t = newTable(out, "Users of a class: what they got by what was due, and the worst of any window",
		"users", "n", "got/due p1", "p50", "p99", "lag p50", "p99", "worst", "in batches", "longest wait")
	for _, c := range s.fair.classes {
		t.AppendRow(s.userRow(c.name, func(u *tenant) bool { return u.class == c && !u.whale }))
	}
	if s.whale > 0 {
		t.AppendRow(s.userRow(fmt.Sprintf("the one with %d items", s.whale), func(u *tenant) bool { return u.whale }))
	}
	t.Render()
}

func (s *simulation) userRow(name string, which func(*tenant) bool) table.Row {
	var ratio, lag []float64
	var longest int64
	n := 0
	for _, u := range s.tenants {
		if !which(u) {
			continue
		}
		n++
		if r := u.ratio(); !math.IsNaN(r) {
			ratio = append(ratio, r)
		}
		lag = append(lag, u.worst)
		longest = max(longest, u.longest)
	}
	f := func(values []float64, p int) string { return fmt.Sprintf("%.2f", percentile(values, p)) }
	return table.Row{name, n, f(ratio, 1), f(ratio, 50), f(ratio, 99), f(lag, 50), f(lag, 99), f(lag, 100),
		fmt.Sprintf("%.2f", percentile(lag, 100)/float64(s.batch)), time.Duration(longest).Round(time.Second)}
}

// worstWindow is the least share, of what was due, that a class got in any window of so many grants of the fair order.
func (s *simulation) worstWindow(class, window int) string {
	name := s.fair.classes[class].name
	got := []float64{0}
	due := []float64{0}
	for _, h := range s.handouts {
		sum := got[len(got)-1]
		if h.tenant.class.name == name {
			sum += h.cost
		}
		got, due = append(got, sum), append(due, h.due[class])
	}
	worst := math.Inf(1)
	for i := window; i < len(got); i++ {
		if d := due[i] - due[i-window]; d > 0 {
			worst = min(worst, (got[i]-got[i-window])/d)
		}
	}
	if math.IsInf(worst, 1) {
		return "-"
	}
	return fmt.Sprintf("%.1f %% of due", worst*100)
}

// tellAffinity compares the runs.
func tellAffinity(out io.Writer, runs []run) {
	t := newTable(out, "Model affinity", "run", "items", "grants", "found warm %", "models loaded", "GPU time loading %", "items per GPU hour", "longest wait of an item")
	for _, r := range runs {
		hours := r.span.Hours() * float64(r.shape.gpus)
		t.AppendRow(table.Row{r.name, r.done, len(r.handouts), percent(float64(r.warm), float64(len(r.handouts))), r.loads,
			percent(float64(r.loading), float64(r.loading+r.busy)), fmt.Sprintf("%.0f", float64(r.done)/hours), time.Duration(r.waited).Round(time.Second)})
	}
	t.Render()
}

func percent(part, whole float64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", 100*part/whole)
}

// verdict is nil if nobody got less than its share minus so many batches in any window. Who waits is due something all the
// time, so that this bounds starvation too; patience (0: none) bounds it in time.
func (s *simulation) verdict(batches float64, patience time.Duration) error {
	var broken []error
	var price int64
	for _, p := range simPresets {
		price = max(price, p.price)
	}
	bound := batches * float64(s.batch) * float64(price)
	worst := map[*flows]*tenant{}
	for _, u := range s.tenants {
		if w := worst[u.class]; w == nil || u.worst > w.worst {
			worst[u.class] = u
		}
	}
	for _, c := range s.fair.classes {
		u := worst[c]
		if u.worst > bound {
			broken = append(broken, fmt.Errorf("unfair: %s of class %s got %.1f credits less than its share in a window; %.1f is the bound", u.id, c.name, u.worst, bound))
		}
		if c.worst > bound {
			broken = append(broken, fmt.Errorf("unfair: class %s got %.1f credits less than its share in a window; %.1f is the bound", c.name, c.worst, bound))
		}
	}
	for _, u := range s.tenants {
		if patience > 0 && time.Duration(u.longest) > patience {
			broken = append(broken, fmt.Errorf("starved: %s of class %s waited %s for a grant, which is more than %s",
				u.id, u.class.name, time.Duration(u.longest).Round(time.Second), patience))
			break
		}
	}
	return errors.Join(broken...)
}

package bench

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Check is `stoker bench check`: each scenario for a moment, held against what was recorded with the program.
type Check struct {
	For      time.Duration `name:"for" default:"1500ms" help:"How long to measure each scenario (${default})."`
	Rounds   int           `default:"2" help:"Rounds of each; the best ratio counts, since other work only lowers it (${default})."`
	Least    float64       `default:"0.67" help:"The least part of the recorded ratio that is good (${default})."`
	Baseline string        `type:"existingfile" metavar:"FILE" help:"Recorded ratios (those of this program)."`
	Record   string        `type:"path" metavar:"FILE" help:"Note the ratios in this file, where each keeps the least that was ever noted, instead of holding them against others."`
	Binary   string        `type:"existingfile" metavar:"FILE" help:"Program of the nodes (this one)."`
}

// Help says what fails.
func (*Check) Help() string {
	return `Runs each scenario for a moment on three nodes with 64 clients, beside a fasthttp server that answers as many bytes and does
nothing, and compares the best ratio of the rounds with the recorded one, which is the least that several runs had as their best.
Exits 1 if one is below two thirds of that.

  stoker bench check
  stoker bench check --record bench/baseline.json   # three times, after a change that is meant to change them; remove the file before`
}

// baseline is what bench check --record noted when this program was last made faster: the least of three runs, on a machine that was
// quiet and on one that was not.
//
//go:embed baseline.json
var baseline []byte

// checkClients is how many clients there are.
const checkClients = 64

// checkItems is how much work there is for those that use it up.
const checkItems = 4000

// Run measures and holds against the record.
func (c *Check) Run(ctx context.Context, out io.Writer) error {
	recorded, err := c.recorded()
	if err != nil {
		return fmt.Errorf("bench check: %w", err)
	}
	now, err := c.measure(ctx)
	if err != nil {
		return fmt.Errorf("bench check: %w", err)
	}
	if c.Record != "" {
		return note(c.Record, now)
	}
	return c.judge(out, now, recorded)
}

func (c *Check) recorded() (ratios map[string]float64, err error) {
	text := baseline
	if c.Baseline != "" {
		if text, err = os.ReadFile(c.Baseline); err != nil {
			return nil, err
		}
	}
	return ratios, json.Unmarshal(text, &ratios)
}

// checked are the scenarios, in the table's order.
func checked() []scenario {
	return []scenario{
		createScenario{}, createScenario{oneUser: true}, callbackScenario{checkItems}, grantScenario{checkItems}, lifecycleScenario{},
		readScenario{"linearizable"}, readScenario{"stale"}, mixedScenario{10},
	}
}

// measure gives the best ratio of each scenario's throughput to the bare server's.
func (c *Check) measure(ctx context.Context) (map[string]float64, error) {
	s := &Speed{
		Clients: []int{checkClients}, For: c.For, Warm: c.For / 4, Rounds: c.Rounds, Nodes: 3, Against: []string{bareName}, Plan: "bench", Binary: c.Binary,
	}
	r, err := s.openRig(ctx)
	if err != nil {
		return nil, err
	}
	now := map[string]float64{}
	for _, what := range checked() {
		f, err := r.compare(ctx, what)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", what.name(), err), r.close())
		}
		now[what.name()] = f.Ratios[0].Throughput.Most
	}
	return now, r.close()
}

// note keeps the least of what a file holds and what was measured; a file that is not there holds nothing.
func note(path string, now map[string]float64) error {
	noted := map[string]float64{}
	switch text, err := os.ReadFile(path); {
	case err == nil:
		if err := json.Unmarshal(text, &noted); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	for name, is := range now {
		if was, ok := noted[name]; !ok || is < was {
			noted[name] = is
		}
	}
	text, err := json.MarshalIndent(noted, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// judge prints the table. A scenario without a record is an error: it would never fail.
func (c *Check) judge(out io.Writer, now, recorded map[string]float64) error {
	t := newTable(out, "Throughput by that of a server that does nothing", "scenario", "now", "recorded", "part of it", "")
	var wrong []error
	for _, what := range checked() {
		name := what.name()
		is, was := now[name], recorded[name]
		verdict := "ok"
		switch {
		case was == 0:
			verdict = "NOT RECORDED"
			wrong = append(wrong, fmt.Errorf("%s has no recorded ratio: stoker bench check --record bench/baseline.json", name))
		case is < c.Least*was:
			verdict = "SLOWER"
			wrong = append(wrong, fmt.Errorf("%s has %.0f %% of its recorded throughput by the bare server's: profile what changed, or record anew if it is meant", name, 100*is/was))
		}
		t.AppendRow([]any{name, fmt.Sprintf("%.4f", is), fmt.Sprintf("%.4f", was), fmt.Sprintf("%.2f", is/was), verdict})
	}
	t.Render()
	return errors.Join(wrong...)
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// QueueSim is `stoker bench queue-sim`: how fair the machine's scheduler is, and what model affinity saves, in virtual
// time. It needs no cluster and no network.
type QueueSim struct {
	Users    int           `default:"1000" help:"Users, one of them with a mountain of work (${default})."`
	Pros     int           `default:"200" help:"So many of them are in class pro, the others in class free (${default})."`
	Mountain int           `default:"50000" help:"Items that one pro user orders at the beginning (${default})."`
	Workers  int           `default:"64" help:"GPUs (${default})."`
	Models   int           `default:"1" help:"Models that fit a GPU's memory (${default})."`
	Batch    int           `default:"16" help:"Most items a GPU takes at once, max_items of its polls (${default})."`
	Load     time.Duration `default:"20s" help:"Time to load a model (${default})."`
	Service  time.Duration `default:"4s" help:"Mean time of an item; times are exponentially distributed (${default})."`
	Span     time.Duration `default:"30m" help:"Virtual time (${default})."`
	Window   int           `default:"1000" help:"Grants of a window in the table (${default})."`
	Batches  float64       `default:"1" help:"Most batches that any user may get less than its share in any window (${default})."`
	Patience time.Duration `default:"0s" help:"Longest that a user with waiting work may go without a grant; 0: as long as its share allows."`
	Seed     uint64        `default:"1" help:"Of service times and orders (${default})."`
	Out      string        `type:"path" metavar:"FILE" help:"Write a plot of the shares over time there, as SVG."`
}

// Help says what is simulated.
func (*QueueSim) Help() string {
	return `Users of two classes (weights as in the default plans) order more than the GPUs can do; one of them has ordered 50,000
items at once. Four presets, each with a model of its own. The same orders are run with GPUs that tell which models they
have loaded and with GPUs that do not, and a second time at 70 % load, where workers wait for work.

Bounded unfairness: in no window, however long, does a user with waiting work (and room under its cap) get less than its
weight's share of what the fair order handed out in it, minus one batch: --batch items at the dearest preset's price, in
credits. Exits 1 if that is not so. Starvation is bounded by the same: who waits is due something all the time. The
machine cuts leases shorter than that while somebody else waits (6 items), so that a batch of a user's own, one that the
others have had since, and 4 credits for the sake of warm models come to 16.

  stoker bench queue-sim --out shares.svg`
}

// Run prints the tables, and returns an error if a bound was broken.
func (c *QueueSim) Run(ctx context.Context, out io.Writer) error {
	if c.Users < 2 || c.Pros < 1 || c.Pros >= c.Users || c.Workers < 1 || c.Models < 1 || c.Batch < 1 || c.Span < time.Minute {
		return errors.New("queue-sim: at least 2 users with one in each class, 1 worker, 1 model, a batch of 1 and a minute")
	}
	full := shape{
		users: c.Users, pros: c.Pros, whale: c.Mountain, gpus: c.Workers, models: c.Models, batch: c.Batch,
		load: c.Load, service: c.Service, span: c.Span, lane: true, affinity: true, seed: c.Seed,
	}
	began := time.Now()
	var runs []run
	for _, r := range c.runs(full) {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := simulate(r.shape)
		if err != nil {
			return fmt.Errorf("queue-sim: %s: %w", r.name, err)
		}
		r.simulation = s
		runs = append(runs, r)
	}
	main := runs[0].simulation
	main.tellShares(out, c.Window)
	tellAffinity(out, runs)
	if c.Out != "" {
		if err := main.plot(c.Out); err != nil {
			return fmt.Errorf("queue-sim: %w", err)
		}
		fmt.Fprintf(out, "plot: %s\n", c.Out)
	}
	fmt.Fprintf(out, "%s of %s simulated in %s\n", plural(len(runs), "run"), c.Span, time.Since(began).Round(time.Millisecond))
	return main.verdict(c.Batches, c.Patience)
}

// run is a simulation with its name in the table.
type run struct {
	name  string
	shape shape
	*simulation
}

// runs are the simulations of one command; the first is the one that is judged.
func (c *QueueSim) runs(full shape) []run {
	calm := full
	calm.whale, calm.demand, calm.lane = 0, 0.7, true
	calm.span = min(calm.span, 30*time.Minute)
	blind := func(s shape) shape { s.affinity = false; return s }
	return []run{
		{name: "more work than GPUs, models told", shape: full},
		{name: "more work than GPUs, not told", shape: blind(full)},
		{name: "70 % load, models told", shape: calm},
		{name: "70 % load, not told", shape: blind(calm)},
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

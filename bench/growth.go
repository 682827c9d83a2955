package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Growth is `stoker bench growth`: what history costs.
type Growth struct {
	Jobs    []int         `default:"100000" help:"Finished jobs in the store, level by level, in hundreds (${default})."`
	Items   int           `default:"3" help:"Pictures in each (${default})."`
	Clients int           `default:"16" help:"Clients (${default})."`
	For     time.Duration `name:"for" default:"5s" help:"How long to measure jobs created, and then jobs read, in each cluster and round (${default})."`
	Rounds  int           `default:"3" help:"Rounds of that (${default})."`
	Measure []string      `default:"times,copies,restart" enum:"times,copies,restart,nothing" help:"What: times of creating and reading; times of creating while the state is copied; restarts; or nothing, to fill a cluster that is kept (${default})."`
	Rate    float64       `default:"300" help:"Jobs that are created a second while the state is copied (${default})."`
	Nodes   int           `default:"1" help:"Nodes (${default})."`
	Data    string        `type:"path" metavar:"DIR" help:"Keep the cluster in this folder, and go on with the one that was kept there."`
	Binary  string        `type:"existingfile" metavar:"FILE" help:"Program of the nodes (this one)."`
	JSON    bool          `name:"json" help:"Print JSON instead of a table."`
	Limit   time.Duration `default:"4h" help:"Give up after that (${default})."`
}

// Help says what is measured.
func (*Growth) Help() string {
	return `Starts a cluster and brings over so many finished jobs, of one user for each hundred, as stoker import does; and another one, with
one such user. At each level clients create jobs and read finished ones in the two clusters in turn. Then they create jobs at a steady
rate while the node takes a snapshot of its own, while "stoker backup" makes a backup, and while neither does. In the end the node is
stopped in order, is killed, and is killed again at once, and it is said how long it took each time from its start until it served.

  stoker bench growth
  stoker bench growth --jobs 100000,1000000 --json
  stoker bench growth --jobs 10000000 --items 1 --data big --measure nothing    # fill it,
  stoker bench growth --jobs 10000000 --items 1 --data big --measure times      # and measure when it is quiet`
}

// GrowthFigures is what Growth prints with --json.
type GrowthFigures struct {
	Machine string        `json:"machine"`
	Nodes   int           `json:"nodes"`
	Items   int           `json:"items"`
	Rate    float64       `json:"rate"` // jobs created a second while the state is copied
	Levels  []GrowthLevel `json:"levels"`
}

// GrowthLevel is the cluster with so many finished jobs.
type GrowthLevel struct {
	Jobs      int             `json:"jobs"`
	PerSecond float64         `json:"brought_per_s,omitempty"` // jobs, in this run
	Create    *GrowthRatio    `json:"create,omitempty"`
	Read      *GrowthRatio    `json:"read,omitempty"`
	StateMB   float64         `json:"state_mb"`  // the first node's file
	LogMB     float64         `json:"log_mb"`    // its log and snapshots
	MemoryMB  float64         `json:"memory_mb"` // resident and its own, of the largest node: without the pages of the state's file, which the kernel takes back when it likes
	Copies    *GrowthCopies   `json:"copies,omitempty"`
	Restarts  *GrowthRestarts `json:"restarts,omitempty"`
}

// GrowthRatio is what clients met in the cluster and in the one without a past, in turn.
type GrowthRatio struct {
	Full  []SpeedRun `json:"full"` // by round
	Empty []SpeedRun `json:"empty"`
	P50   Spread     `json:"p50"` // the one by the other, of runs of one round
	P99   Spread     `json:"p99"`
}

// Run measures and prints.
func (c *Growth) Run(ctx context.Context, out io.Writer) error {
	f, err := c.measure(ctx)
	if err != nil {
		return fmt.Errorf("bench growth: %w", err)
	}
	return show(out, c.JSON, f)
}

func (c *Growth) check() error {
	if len(c.Jobs) == 0 || slices.Min(c.Jobs) < jobsEach || slices.ContainsFunc(c.Jobs, func(n int) bool { return n%jobsEach != 0 }) || !slices.IsSorted(c.Jobs) ||
		c.Items < 1 || c.Items > 100 || c.Clients < 1 || c.Nodes < 1 || c.Rounds < 1 || c.For <= 0 || c.Rate <= 0 {
		return errors.New("levels of hundreds of jobs that grow, 1 to 100 items, at least one client, node and round, a rate, and a time to measure")
	}
	return nil
}

func (c *Growth) measure(ctx context.Context) (f *GrowthFigures, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limit, fmt.Errorf("it took longer than %s", c.Limit))
	defer cancel()
	full, err := c.open(ctx, c.Data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, full.rig.close()) }()
	if full.Jobs > c.Jobs[0] {
		return nil, fmt.Errorf("%s holds %d finished jobs already: none of --jobs may be less", c.Data, full.Jobs)
	}
	var empty *past
	if slices.Contains(c.Measure, "times") {
		if empty, err = c.open(ctx, ""); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, empty.rig.close()) }()
		if err := empty.bring(ctx, jobsEach); err != nil {
			return nil, err
		}
	}
	f = &GrowthFigures{Machine: machine(), Nodes: c.Nodes, Items: c.Items, Rate: c.Rate}
	for _, n := range c.Jobs {
		l, err := c.level(ctx, full, empty, n)
		if err != nil {
			return nil, fmt.Errorf("%d jobs: %w", n, err)
		}
		f.Levels = append(f.Levels, l)
	}
	return f, nil
}

// open starts a cluster.
func (c *Growth) open(ctx context.Context, dir string) (*past, error) {
	s := &Speed{For: c.For, Warm: c.For / 5, Nodes: c.Nodes, Plan: "bench", Binary: c.Binary, kept: dir}
	r, err := s.openRig(ctx)
	if err != nil {
		return nil, err
	}
	p, err := openPast(r, c.Items)
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return p, nil
}

func (c *Growth) level(ctx context.Context, full, empty *past, jobs int) (l GrowthLevel, err error) {
	fmt.Fprintf(os.Stderr, "growth: %d finished jobs\n", jobs)
	l.Jobs = jobs
	began, had := time.Now(), full.Jobs
	if err := full.bring(ctx, jobs); err != nil {
		return l, err
	}
	l.PerSecond = float64(jobs-had) / time.Since(began).Seconds()
	if empty != nil {
		if l.Create, err = c.turns(ctx, full, empty, func(*past) scenario { return createScenario{} }); err != nil {
			return l, err
		}
		if l.Read, err = c.turns(ctx, full, empty, func(p *past) scenario { return pastScenario{p} }); err != nil {
			return l, err
		}
	}
	if slices.Contains(c.Measure, "copies") {
		if l.Copies, err = c.copies(ctx, full.rig); err != nil {
			return l, err
		}
	}
	for _, pid := range full.rig.pids() {
		l.MemoryMB = max(l.MemoryMB, float64(statusBytes(fmt.Sprintf("/proc/%d/status", pid), "RssAnon:"))/(1<<20))
	}
	if slices.Contains(c.Measure, "restart") {
		if l.Restarts, err = restarts(ctx, full.rig); err != nil {
			return l, err
		}
	}
	l.StateMB, l.LogMB, err = sizes(filepath.Join(full.rig.bed.dir, full.rig.bed.cluster.Nodes[0].ID))
	return l, err
}

// turns has clients do something in the two clusters, round by round.
func (c *Growth) turns(ctx context.Context, full, empty *past, what func(*past) scenario) (*GrowthRatio, error) {
	g := &GrowthRatio{}
	var p50, p99 []float64
	for range c.Rounds {
		for _, one := range []struct {
			past *past
			into *[]SpeedRun
		}{{empty, &g.Empty}, {full, &g.Full}} {
			run, err := (&ours{one.past.rig, what(one.past)}).drive(ctx, c.Clients, one.past.rig.Speed)
			if err != nil {
				return nil, err
			}
			*one.into = append(*one.into, run)
		}
		last := len(g.Full) - 1
		p50, p99 = append(p50, g.Full[last].P50/g.Empty[last].P50), append(p99, g.Full[last].P99/g.Empty[last].P99)
	}
	g.P50, g.P99 = spread(p50), spread(p99)
	return g, nil
}

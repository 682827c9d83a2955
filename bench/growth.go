package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"stoker/bench/drive"
	"stoker/client"
)

// Growth is `stoker bench growth`: what history costs.
type Growth struct {
	Jobs    []int         `default:"100,100000" help:"Finished jobs in the store, level by level, in hundreds (${default})."`
	Items   int           `default:"3" help:"Pictures in each (${default})."`
	Clients int           `default:"16" help:"Clients (${default})."`
	For     time.Duration `name:"for" default:"5s" help:"How long to measure jobs created, and then jobs read, at each level (${default})."`
	Nodes   int           `default:"1" help:"Nodes (${default})."`
	Binary  string        `type:"existingfile" metavar:"FILE" help:"Program of the nodes (this one)."`
	JSON    bool          `name:"json" help:"Print JSON instead of a table."`
	Limit   time.Duration `default:"4h" help:"Give up after that (${default})."`
}

// Help says what is measured.
func (*Growth) Help() string {
	return `Starts a cluster and brings over so many finished jobs, of one user for each hundred, as stoker import does. At each level it has
clients create jobs and read finished ones, and says what they took, how large state and log are, how much memory the largest node
has, and how long a node takes from its start until it serves.

  stoker bench growth
  stoker bench growth --jobs 100,100000,1000000 --json`
}

// GrowthFigures is what Growth prints with --json.
type GrowthFigures struct {
	Machine string        `json:"machine"`
	Nodes   int           `json:"nodes"`
	Items   int           `json:"items"`
	Levels  []GrowthLevel `json:"levels"`
}

// GrowthLevel is the cluster with so many finished jobs.
type GrowthLevel struct {
	Jobs      int      `json:"jobs"`
	PerSecond float64  `json:"brought_per_s"` // jobs, since the level before
	Create    SpeedRun `json:"create"`
	Read      SpeedRun `json:"read"`
	StateMB   float64  `json:"state_mb"` // the first node's file
	LogMB     float64  `json:"log_mb"`   // its log and snapshots
	PerJob    float64  `json:"bytes_per_job"`
	MemoryMB  float64  `json:"memory_mb"` // resident and its own, of the largest node: without the pages of the state's file, which the kernel takes back when it likes
	Restart   float64  `json:"restart_s"` // a node's, until it is ready
}

// Run measures and prints.
func (c *Growth) Run(ctx context.Context, out io.Writer) error {
	f, err := c.measure(ctx)
	if err != nil {
		return fmt.Errorf("bench growth: %w", err)
	}
	return show(out, c.JSON, f)
}

func (c *Growth) measure(ctx context.Context) (f *GrowthFigures, err error) {
	if len(c.Jobs) == 0 || slices.Min(c.Jobs) < 1 || slices.ContainsFunc(c.Jobs, func(n int) bool { return n%jobsEach != 0 }) || !slices.IsSorted(c.Jobs) || c.Items < 1 || c.Items > 100 || c.Clients < 1 || c.Nodes < 1 || c.For <= 0 {
		return nil, errors.New("levels of hundreds of jobs that grow, 1 to 100 items, at least one client and node, and a time to measure")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limit, fmt.Errorf("it took longer than %s", c.Limit))
	defer cancel()
	s := &Speed{For: c.For, Warm: c.For / 5, Nodes: c.Nodes, Plan: "bench", Binary: c.Binary}
	r, err := s.openRig(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	f = &GrowthFigures{Machine: machine(), Nodes: c.Nodes, Items: c.Items}
	p := &past{rig: r, items: c.Items}
	first := 0.0
	for _, n := range c.Jobs {
		l, err := c.level(ctx, p, n)
		if err != nil {
			return nil, fmt.Errorf("%d jobs: %w", n, err)
		}
		if len(f.Levels) == 0 {
			first = l.StateMB
		} else if more := n - f.Levels[0].Jobs; more > 0 {
			l.PerJob = (l.StateMB - first) * (1 << 20) / float64(more)
		}
		f.Levels = append(f.Levels, l)
	}
	return f, nil
}

func (c *Growth) level(ctx context.Context, p *past, jobs int) (l GrowthLevel, err error) {
	fmt.Fprintf(os.Stderr, "growth: %d finished jobs\n", jobs)
	l.Jobs = jobs
	began, had := time.Now(), p.jobs
	if err := p.bring(ctx, jobs); err != nil {
		return l, err
	}
	if jobs > had {
		l.PerSecond = float64(jobs-had) / time.Since(began).Seconds()
	}
	r := p.rig
	for _, one := range []struct {
		what scenario
		into *SpeedRun
	}{{createScenario{}, &l.Create}, {pastScenario{p}, &l.Read}} {
		if *one.into, err = (&ours{r, one.what}).drive(ctx, c.Clients, r.Speed); err != nil {
			return l, err
		}
	}
	for _, pid := range r.pids() {
		l.MemoryMB = max(l.MemoryMB, float64(statusBytes(fmt.Sprintf("/proc/%d/status", pid), "RssAnon:"))/(1<<20))
	}
	// What is applied is in the file only after a flush, which the end of a process makes.
	node := r.bed.cluster.Nodes[0]
	bye, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := node.Process().Stop(bye); err != nil {
		return l, err
	}
	if l.StateMB, l.LogMB, err = sizes(filepath.Join(r.bed.dir, node.ID)); err != nil {
		return l, err
	}
	r.wire.hangUp()
	start := time.Now()
	if err := node.Restart(ctx); err != nil {
		return l, err
	}
	l.Restart = time.Since(start).Seconds()
	return l, nil
}

// sizes are those of a node's state and of its log and snapshots, in MB.
func sizes(dir string) (state, log float64, err error) {
	err = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		mb := float64(info.Size()) / (1 << 20)
		if filepath.Base(path) == "state.bolt" {
			state += mb
		} else {
			log += mb
		}
		return nil
	})
	return state, log, err
}

// past is the finished jobs that were brought.
type past struct {
	rig   *rig
	items int
	jobs  int
}

// jobsEach is how many finished jobs a user has.
const jobsEach = 100

// together is how many rows one call may bring: users, jobs and items (client.Import).
const together = 500

// bring makes it n jobs. They ended a day before, each an hour apart from the user's next.
func (p *past) bring(ctx context.Context, n int) error {
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(4)
	first := p.jobs / jobsEach
	op := p.rig.api.Operator()
	for u := first; u < n/jobsEach; u++ {
		all.Go(func() error {
			id := pastUser(u)
			ended := time.Now().Add(-24 * time.Hour)
			rows := client.Import{Users: []client.OldUser{{ID: id, Plan: "free", CreatedAt: ended.Add(-jobsEach * time.Hour), DeviceHash: id}}}
			size := 1
			for j := range jobsEach {
				job := client.OldJob{
					ID: pastJob(u, j), User: id, Status: client.Done, Preset: preset, Price: 1,
					Concepts:  map[string]client.Concept{concept: {Action: "recolor", Value: "white"}},
					CreatedAt: ended.Add(time.Duration(j-jobsEach) * time.Hour), FinishedAt: ended.Add(time.Duration(j-jobsEach)*time.Hour + time.Minute),
				}
				for range p.items {
					job.Items = append(job.Items, client.OldItem{Status: client.Done})
				}
				rows.Jobs = append(rows.Jobs, job)
				if size += 1 + p.items; size+1+p.items > together || j == jobsEach-1 {
					if err := imported(ctx, op, rows); err != nil {
						return err
					}
					rows, size = client.Import{}, 0
				}
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	p.jobs = n
	return nil
}

// pastScenario reads finished jobs of users from all of the past.
type pastScenario struct{ *past }

func (pastScenario) name() string   { return "read of finished jobs" }
func (pastScenario) bare() bareCall { return bareCall{"GET", nil, jobAnswer} }

// readers is how many users' jobs are read, at most: a hundred times as many jobs.
const readers = 100

func (s pastScenario) prepare(ctx context.Context, r *rig, clients int) (drive.Do, int, error) {
	users := s.jobs / jobsEach
	n := min(users, readers)
	tokens := make([]string, n)
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(16)
	for i := range n {
		all.Go(func() error {
			in, err := r.api.App("").SignIn(ctx, pastUser(i*users/n)) // whose device it is
			tokens[i] = in.Token
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, 0, err
	}
	return func(_ context.Context, client int) error {
		i := rand.IntN(n)
		_, err := r.wire.exchange(client%len(r.wire.hosts), "GET", "/jobs/"+pastJob(i*users/n, rand.IntN(jobsEach)), tokens[i], nil)
		return err
	}, 0, nil
}

func pastUser(n int) string { return fmt.Sprintf("past-%d", n) }

func pastJob(user, n int) string { return fmt.Sprintf("past-%d-%d", user, n) }

// imported brings rows, all of which must have been taken.
func imported(ctx context.Context, op *client.Operator, rows client.Import) error {
	users, jobs, err := op.Import(ctx, rows)
	for _, fate := range slices.Concat(users, jobs) {
		if err == nil && fate.Result != "imported" && fate.Result != "there" {
			err = fmt.Errorf("%s: %s: %s", fate.ID, fate.Result, fate.Message)
		}
	}
	return err
}

// print is the table.
func (f *GrowthFigures) print(out io.Writer) {
	t := newTable(out, fmt.Sprintf("%d nodes, jobs of %d pictures (%s)", f.Nodes, f.Items, f.Machine),
		"finished jobs", "brought/s", "create p50 ms", "p99", "÷ first", "read p50", "p99", "÷ first", "state MB", "bytes/job", "log MB", "memory MB", "restart s")
	two := func(v float64) string { return fmt.Sprintf("%.2f", v) }
	for _, l := range f.Levels {
		t.AppendRow([]any{l.Jobs, fmt.Sprintf("%.0f", l.PerSecond), two(l.Create.P50), two(l.Create.P99), two(l.Create.P99 / f.Levels[0].Create.P99),
			two(l.Read.P50), two(l.Read.P99), two(l.Read.P99 / f.Levels[0].Read.P99), fmt.Sprintf("%.0f", l.StateMB), fmt.Sprintf("%.0f", l.PerJob),
			fmt.Sprintf("%.0f", l.LogMB), fmt.Sprintf("%.0f", l.MemoryMB), two(l.Restart)})
	}
	t.Render()
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"stoker/bench/drive"
	"stoker/cli/local"
	"stoker/client"
)

// CatchUp is `stoker bench catch-up`: what those who write notice of a follower that comes back far behind.
type CatchUp struct {
	MB      int           `name:"mb" default:"1024" help:"How much the state grows while a follower is away, in MB (${default})."`
	Rate    float64       `default:"200" help:"Jobs that are created a second (${default})."`
	Clients int           `default:"16" help:"Clients that do it, at the nodes that stay (${default})."`
	For     time.Duration `name:"for" default:"20s" help:"How long to measure before the follower comes back, and when it has caught up (${default})."`
	Binary  string        `type:"existingfile" metavar:"FILE" help:"Program of the nodes (this one)."`
	JSON    bool          `name:"json" help:"Print JSON instead of a table."`
	Limit   time.Duration `default:"30m" help:"Give up after that (${default})."`
}

// Help says what is measured.
func (*CatchUp) Help() string {
	return `Starts three nodes, stops one that does not lead, and brings over finished jobs, as stoker import does, until the leader's state has
grown by so much. Then clients create jobs at a steady rate, through the two nodes that stayed, while the third is away, while it catches
up, and when it has. Catching up ends when it has applied all that the leader had when it was asked.

  stoker bench catch-up
  stoker bench catch-up --mb 256 --rate 100 --json`
}

// CatchUpFigures is what CatchUp prints with --json.
type CatchUpFigures struct {
	Machine   string    `json:"machine"`
	Rate      float64   `json:"rate"`
	BehindMB  float64   `json:"behind_mb"` // the leader's state without the follower's
	Snapshots int       `json:"snapshots"` // that the leader sent; 0: its log went back far enough
	Away      CopyTimes `json:"away"`
	Catching  CopyTimes `json:"catching_up"` // its seconds are how long that took, from the start of the process
	There     CopyTimes `json:"caught_up"`
}

// Run measures and prints.
func (c *CatchUp) Run(ctx context.Context, out io.Writer) error {
	if c.MB < 1 || c.Rate <= 0 || c.Clients < 1 || c.For <= 0 {
		return errors.New("bench catch-up: at least a MB, a rate, a client, and a time to measure")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limit, fmt.Errorf("it took longer than %s", c.Limit))
	defer cancel()
	f, err := c.measure(ctx)
	if err != nil {
		return fmt.Errorf("bench catch-up: %w", err)
	}
	return show(out, c.JSON, f)
}

func (c *CatchUp) measure(ctx context.Context) (f *CatchUpFigures, err error) {
	r, err := (&Speed{For: c.For, Warm: time.Second, Nodes: 3, Plan: "bench", Binary: c.Binary}).openRig(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	a, err := leave(ctx, r)
	if err != nil {
		return nil, err
	}
	f = &CatchUpFigures{Machine: machine(), Rate: c.Rate}
	if f.BehindMB, err = a.grow(ctx, c.MB); err != nil {
		return nil, err
	}
	return f, c.follow(ctx, a, f)
}

// away is a cluster of three that one follower has left.
type away struct {
	rig      *rig
	leader   *client.Client
	follower *client.Client
	node     *local.Node // the follower
	folder   string      // the leader's
}

// leave stops a follower in order, and has all calls go to the others.
func leave(ctx context.Context, r *rig) (*away, error) {
	now, err := r.bed.leader(ctx)
	if err != nil {
		return nil, err
	}
	a := &away{rig: r, folder: filepath.Join(r.bed.dir, now.Node)}
	var hosts []string
	for i, n := range r.bed.cluster.Nodes {
		switch {
		case n.ID == now.Node:
			a.leader = r.bed.nodes[i]
		case a.node == nil:
			a.node, a.follower = n, r.bed.nodes[i]
			continue
		}
		hosts = append(hosts, n.HTTP)
	}
	bye, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	if err := a.node.Process().Stop(bye); err != nil {
		return nil, err
	}
	r.wire, r.api = newWire(hosts...), a.leader
	return a, nil
}

// step is how many finished jobs are brought before the state is looked at.
const step = 5000

// grow brings finished jobs until the leader's state is so much larger than the follower's, and says how much it is, in MB.
func (a *away) grow(ctx context.Context, mb int) (behind float64, err error) {
	p := &past{rig: a.rig, Items: 3}
	theirs, _, err := sizes(filepath.Join(a.rig.bed.dir, a.node.ID))
	for err == nil && behind < float64(mb) {
		fmt.Fprintf(os.Stderr, "catch-up: %s is %.0f of %d MB behind\n", a.node.ID, behind, mb)
		if err = p.bring(ctx, p.Jobs+step); err != nil {
			break
		}
		var now float64
		now, _, err = sizes(a.folder)
		behind = now - theirs
	}
	return behind, err
}

// follow creates jobs while the follower is away, catches up, and has caught up.
func (c *CatchUp) follow(ctx context.Context, a *away, f *CatchUpFigures) error {
	do, _, err := createScenario{}.prepare(ctx, a.rig, c.Clients)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	enough := make(chan struct{})
	var run *drive.Run
	var driven sync.WaitGroup
	driven.Go(func() {
		if run, err = drive.Open(ctx, c.Clients, c.Rate, drive.Span{Warm: a.rig.Warm, For: c.Limit, Enough: enough}, do); err != nil {
			cancel(err)
		}
	})
	back, cause := a.comeBack(ctx, a.rig.Warm+c.For, c.For)
	close(enough)
	driven.Wait()
	if err := errors.Join(err, cause); err != nil {
		return err
	}
	f.Away = copyTimes(run, back.from.Sub(run.Began), func(_, to time.Time) bool { return to.Before(back.from) })
	f.Catching = copyTimes(run, back.to.Sub(back.from), stretches{back}.meet)
	f.There = copyTimes(run, run.Ended.Sub(back.to), func(from, _ time.Time) bool { return from.After(back.to) })
	has, err := a.rig.bed.metrics(ctx, a.node)
	f.Snapshots = int(has["raft_rpc_installSnapshot_count"])
	return err
}

// comeBack starts the follower after a while, and waits until it has caught up, and a while longer.
func (a *away) comeBack(ctx context.Context, before, after time.Duration) (s stretch, err error) {
	if err := pause(ctx, before); err != nil {
		return s, err
	}
	s.from = time.Now()
	if err := a.node.Start(); err != nil {
		return s, err
	}
	for {
		leader, err := status(ctx, a.leader)
		if err != nil {
			return s, err
		}
		asking, cancel := context.WithTimeout(ctx, time.Second)
		follower, err := status(asking, a.follower)
		cancel()
		if err == nil && follower.Index >= leader.Index {
			break
		}
		if err := errors.Join(a.node.Process().Failure(), pause(ctx, 100*time.Millisecond)); err != nil {
			return s, err
		}
	}
	s.to = time.Now()
	return s, pause(ctx, after)
}

func (f *CatchUpFigures) print(out io.Writer) {
	how := "from the log"
	if f.Snapshots > 0 {
		how = fmt.Sprintf("by %d snapshots", f.Snapshots)
	}
	t := newTable(out, fmt.Sprintf("A follower %.0f MB behind, caught up %s; %g jobs created a second (%s)", f.BehindMB, how, f.Rate, f.Machine),
		"follower", "s", "jobs/s", "p50 ms", "p99", "max", "p99 by that of away")
	for _, one := range []struct {
		name string
		CopyTimes
	}{{"away", f.Away}, {"catching up", f.Catching}, {"caught up", f.There}} {
		t.AppendRow([]any{one.name, fmt.Sprintf("%.1f", one.Seconds), rounded(float64(one.Ops) / one.Seconds), two(one.P50), two(one.P99), two(one.Max), two(one.P99 / f.Away.P99)})
	}
	t.Render()
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"stoker/bench/drive"
	"stoker/client"
)

// rig is a cluster that is driven, its own or one that runs already, and the customers that do it.
type rig struct {
	*Speed
	bed   *testbed // nil: somebody else's cluster
	where client.Cluster
	api   *client.Client
	wire  *wire
	dir   string // for the files of peers
}

// customerOf is a user with credits enough for anything.
type customerOf struct{ id, token string }

func (s *Speed) openRig(ctx context.Context) (*rig, error) {
	r := &rig{Speed: s}
	if s.Operator != "" {
		return r, r.join()
	}
	bed, err := openTestbed(ctx, bed{nodes: s.Nodes, binary: s.Binary, logStore: s.LogStore, dir: s.kept})
	if err != nil {
		return nil, err
	}
	r.bed, r.where, r.api, r.dir = bed, bed.where, bed.api, bed.dir
	var hosts []string
	for _, n := range bed.cluster.Nodes {
		hosts = append(hosts, n.HTTP)
	}
	r.wire = newWire(hosts...)
	if err := r.widen(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// join finds the nodes of a cluster that runs.
func (r *rig) join() error {
	var err error
	if r.where, err = client.LoadOperator(r.Operator); err != nil {
		return err
	}
	if r.api, err = client.New(r.where); err != nil {
		return err
	}
	var hosts []string
	for _, e := range r.where.Endpoints {
		u, err := url.Parse(e)
		if err != nil || u.Scheme != "http" {
			return fmt.Errorf("--operator: %s is no http:// endpoint: the benchmark's client speaks no TLS", e)
		}
		hosts = append(hosts, u.Host)
	}
	r.wire, r.Nodes = newWire(hosts...), len(hosts)
	r.dir, err = os.MkdirTemp("", "stoker-bench-")
	return err
}

// widen gives the cluster's own settings a plan under which anything may be done at once.
func (r *rig) widen(ctx context.Context) error {
	op := r.api.Operator()
	now, err := op.Settings(ctx)
	if err != nil {
		return err
	}
	set := now.Settings
	set.Plans[r.Plan] = client.PlanSettings{
		MaxConcurrency: mostOpen, MaxRuleSlots: 100, MaxItems: 1000, StartCredits: 0, Weight: 1, MaxLeased: 1_000_000, MaxWait: "1h",
	}
	depth := int64(10_000_000)
	set.Limits.QueueDepth = &depth
	_, err = op.Deploy(ctx, set, client.Deployment{Message: "bench"})
	return err
}

// people makes n new customers.
func (r *rig) people(ctx context.Context, n int) ([]*customerOf, error) {
	all := make([]*customerOf, n)
	made, ctx := errgroup.WithContext(ctx)
	made.SetLimit(64)
	for i := range all {
		made.Go(func() error {
			in, err := r.api.App("").SignIn(ctx, "")
			if err != nil {
				return err
			}
			all[i] = &customerOf{in.UserID, in.Token}
			if err := r.api.Operator().SetPlan(ctx, in.UserID, r.Plan); err != nil {
				return fmt.Errorf("plan %s: %w", r.Plan, err)
			}
			return r.api.Operator().GrantCredits(ctx, in.UserID, 100*fortune, "bench")
		})
	}
	return all, made.Wait()
}

func (r *rig) close() error {
	if r.bed != nil {
		return r.bed.close()
	}
	return os.RemoveAll(r.dir)
}

// pids are the nodes' processes, if they are ours.
func (r *rig) pids() []int {
	if r.bed == nil {
		return nil
	}
	return r.bed.cluster.Processes()
}

// ours is the cluster in a scenario.
type ours struct {
	rig  *rig
	what scenario
}

func (o *ours) name() string { return "stoker" }

func (o *ours) stop() {}

func (o *ours) drive(ctx context.Context, clients int, s *Speed) (SpeedRun, error) {
	do, times, err := o.what.prepare(ctx, o.rig, clients)
	if err != nil {
		return SpeedRun{}, fmt.Errorf("preparing: %w", err)
	}
	return o.rig.watch(ctx, o.rig.pids(), o.rig.syncsNow, func() (drive.Row, error) { return s.loop(ctx, clients, times, do) })
}

// loop drives in the way that the flags say.
func (s *Speed) loop(ctx context.Context, clients, times int, do drive.Do) (drive.Row, error) {
	return drive.Loop(ctx, clients, s.Rate, drive.Span{Warm: s.Warm, For: s.For, Ops: times}, do)
}

func (r *rig) syncsNow(ctx context.Context) (float64, error) {
	if r.bed == nil {
		return 0, nil
	}
	return r.bed.syncs(ctx)
}

// watch drives, and divides what the processes used meanwhile by what was done. The warm-up is in both.
func (r *rig) watch(ctx context.Context, pids []int, syncs func(context.Context) (float64, error), do func() (drive.Row, error)) (SpeedRun, error) {
	self := []int{os.Getpid()}
	synced, err := syncs(ctx)
	if err != nil {
		return SpeedRun{}, err
	}
	before, client := used(pids), used(self)
	measured, err := do()
	if err != nil {
		return SpeedRun{}, err
	}
	after, clientAfter := used(pids), used(self)
	now, err := syncs(ctx)
	if err != nil {
		return SpeedRun{}, err
	}
	row := SpeedRun{Row: measured}
	ops := float64(row.All)
	if row.Ops == 0 {
		return row, errors.New("nothing was done in the measured time: give it longer with --for, or more to do with --items")
	}
	spent := after.minus(before)
	row.Bytes, row.Syncs = float64(spent.written)/ops, (now-synced)/ops
	row.CPU = float64(spent.cpu.Microseconds()) / ops
	row.ClientCPU = float64(clientAfter.minus(client).cpu.Microseconds()) / ops
	row.PeakMB = peakOf(pids)
	return row, nil
}

// file is a path in the rig's folder.
func (r *rig) file(name string) string { return filepath.Join(r.dir, name) }

package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"stoker/cli/local"
	"stoker/cli/setup"
	"stoker/client"
)

const (
	mostNodes = 9 // more than that do not fit one machine, nor a Raft cluster's sense
	samples   = 10
	wholeTime = 5 * time.Minute // however slow the machine: something hangs
	goodbye   = 12 * time.Second
)

// Options say what to show.
type Options struct {
	Nodes      int    // 0: 3
	Photos     string // folder of JPEG and PNG pictures; empty: drawn rooms
	KillLeader bool
	Keep       bool   // keep the cluster's folder
	Out        string // folder for results; empty: a new temporary one

	Screen io.Writer
	Binary string // of nodes and workers; empty: this one
}

// show is one run.
type show struct {
	Options
	began   time.Time
	dir     string // of the cluster
	cluster *local.Cluster
	api     *client.Client
	screen  screen
	crew    *crew
}

// Run shows it all, and returns an error unless all of it held.
func Run(ctx context.Context, o Options) (err error) {
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	if o.Nodes < 1 || o.Nodes > mostNodes {
		return fmt.Errorf("--nodes %d: give 1 to %d", o.Nodes, mostNodes)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, wholeTime, fmt.Errorf("the demo took longer than %s", wholeTime))
	defer cancel()
	s := &show{Options: o, began: time.Now()}
	if s.dir, err = os.MkdirTemp("", "stoker-demo-"); err != nil {
		return err
	}
	defer func() {
		switch {
		case err != nil:
			err = fmt.Errorf("%w\nThe cluster's folder was kept, with all logs: %s", err, s.dir)
		case o.Keep:
			fmt.Fprintf(o.Screen, "The cluster's folder was kept: %s\n", s.dir)
		default:
			err = os.RemoveAll(s.dir)
		}
	}()
	if s.Out, err = outFolder(o.Out); err != nil {
		return err
	}
	return s.run(ctx)
}

func outFolder(wanted string) (string, error) {
	if wanted == "" {
		return os.MkdirTemp("", "stoker-pictures-")
	}
	if err := os.MkdirAll(wanted, 0o755); err != nil {
		return "", err
	}
	return filepath.Abs(wanted)
}

// run is the play: pictures and cluster, workers, the customer's job, the proof.
func (s *show) run(ctx context.Context) (err error) {
	s.screen = newScreen(s.Options.Screen)
	defer s.screen.close()
	photos, err := find(s.Photos)
	if err != nil {
		return fmt.Errorf("--photos: %w", err)
	}
	drawn := make(chan error, 1)
	go func() { // drawing takes as long as an election
		var err error
		if s.Photos == "" {
			photos, err = draw(ctx, filepath.Join(s.Out, "inputs"))
		}
		drawn <- err
	}()
	err = s.start(ctx)
	if s.cluster != nil {
		defer s.stop(ctx)
	}
	if err := errors.Join(err, <-drawn); err != nil {
		return err
	}
	defer s.api.Close()
	watching, stopWatching := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() { s.watchNodes(watching); close(watched) }()
	defer func() { stopWatching(); <-watched }()

	if s.crew, err = hire(s, len(photos)); err != nil {
		return err
	}
	customer := &customer{show: s, app: s.api.App(""), photos: photos}
	if err := customer.order(ctx); err != nil {
		return errors.Join(err, s.crew.failure())
	}
	if err := s.makeWhole(ctx); err != nil {
		return err
	}
	proof, err := customer.prove(ctx)
	if err != nil {
		return err
	}
	stopWatching()
	<-watched
	s.screen.close()
	proof.print(s)
	return nil
}

// start founds the cluster and starts its nodes.
func (s *show) start(ctx context.Context) error {
	nodes, err := local.Anywhere(s.Nodes)
	if err != nil {
		return err
	}
	made, err := setup.Found(setup.Plan{Nodes: nodes, Out: s.dir})
	if err != nil {
		return err
	}
	if s.cluster, err = local.Open(s.dir, s.Binary); err != nil {
		return err
	}
	for _, n := range s.cluster.Nodes {
		s.screen.node(n.ID, "starting", 0)
	}
	if err := s.cluster.Start(ctx); err != nil {
		return err
	}
	operator, err := client.LoadOperator(made.Operator)
	if err != nil {
		return err
	}
	s.api, err = client.New(operator)
	return err
}

// stop ends workers and nodes; nodes that would not stop are killed, which a display may grumble about and no more.
func (s *show) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), goodbye, errors.New("it took too long"))
	defer cancel()
	if s.crew != nil {
		s.crew.dismiss(ctx)
	}
	if err := s.cluster.Stop(ctx); err != nil {
		fmt.Fprintf(s.Options.Screen, "stopping: %v\n", err)
	}
}

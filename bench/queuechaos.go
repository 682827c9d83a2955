package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"stoker/client"
)

// QueueChaos is `stoker bench queue-chaos`: everything is killed, in a seeded loop, while work goes on; then it is proved
// that each item was final exactly once, each credit is accounted for and no fence was held twice.
type QueueChaos struct {
	For     time.Duration `name:"for" default:"10m" help:"How long to kill (${default})."`
	Workers int           `default:"20" help:"Worker processes (${default})."`
	Items   int           `default:"2000" help:"Pictures (${default})."`
	Batch   int           `default:"40" help:"Of them in one job (${default})."`
	Buyers  int           `default:"10" help:"Users who order them, one job at a time (${default})."`
	Nodes   int           `default:"3" help:"Nodes (${default})."`
	Every   time.Duration `default:"2s" help:"Mean time between two blows (${default})."`
	Finish  time.Duration `default:"5m" help:"How long the rest may take once nothing is killed any more (${default})."`
	Seed    uint64        `default:"1" help:"Of the blows; the threads of a real system have their own mind (${default})."`
	Binary  string        `type:"existingfile" metavar:"FILE" help:"Program of the nodes and workers (this one)."`
	Keep    bool          `help:"Keep the cluster's folder with data and logs."`

	// workerBinary is what tests run as workers; empty: Binary.
	workerBinary string
}

// Help says what is killed and what is proved.
func (*QueueChaos) Help() string {
	return `Starts a cluster of processes on loopback and worker processes on the Go SDK, lets users order all the time, and kills
with SIGKILL: mostly workers, now and then the leader, a follower, all workers, all nodes at once. What was killed is
started again. With more than two minutes of time some workers are stopped (SIGSTOP) instead, for longer than a lease
lives, and wake up to report what others have done. Every fifth job is canceled while it runs. When the time is over it
waits until every job has ended, and proves from history, ledger, objects and the workers' own logs that nothing was
lost, done twice or paid twice. Exits 1 if something was.

  stoker bench queue-chaos
  stoker bench queue-chaos --for 30s --workers 5 --items 100 --seed 7`
}

// chaos is one run.
type chaos struct {
	*QueueChaos
	*testbed
	out    io.Writer
	began  time.Time
	dice   *rand.Rand
	crew   []*hand
	buyers []*customer
	deck   []int // kinds of blows, each once
	blows  map[string]int
	asleep sync.WaitGroup // naps of workers
	fail   func(error)    // ends the run
	ended  time.Duration  // when the last job had
	slow   *client.Client // patient enough for a cluster that is down
}

// patience is how long one call of a user is tried again: every node may be dead for a while.
const patience = 2 * time.Minute

// Run kills, waits and proves, and prints a verdict.
func (c *QueueChaos) Run(ctx context.Context, out io.Writer) (err error) {
	if c.Workers < 1 || c.Items < 1 || c.Batch < 1 || c.Buyers < 1 || c.Nodes < 1 || c.Every <= 0 {
		return errors.New("queue-chaos: at least one worker, item, buyer and node, and some time between blows")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.For+c.Finish, fmt.Errorf("not every job had ended %s after the last blow", c.Finish))
	defer cancel()
	x := &chaos{QueueChaos: c, out: out, began: time.Now(), dice: rand.New(rand.NewPCG(c.Seed, 1)), blows: map[string]int{}}
	if x.testbed, err = openTestbed(ctx, bed{nodes: c.Nodes, binary: c.Binary}); err != nil {
		return fmt.Errorf("queue-chaos: %w", err)
	}
	defer func() {
		x.dismiss()
		if err != nil || c.Keep {
			fmt.Fprintf(out, "The cluster's folder was kept, with all logs: %s\n", x.dir)
			x.dir = filepath.Join(x.dir, "nothing")
		}
		err = errors.Join(err, x.testbed.close())
	}()
	if err := x.run(ctx); err != nil {
		return fmt.Errorf("queue-chaos: %w", err)
	}
	return nil
}

// run is the play.
func (x *chaos) run(ctx context.Context) error {
	patient := x.where
	patient.Patience = patience
	var err error
	if x.slow, err = client.New(patient); err != nil {
		return err
	}
	defer x.slow.Close()
	if err := x.hire(); err != nil {
		return err
	}
	defer x.asleep.Wait()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	x.fail = fail
	var orders sync.WaitGroup
	for i := range x.Buyers {
		b := &customer{chaos: x, name: fmt.Sprintf("buyer %d", i), whim: rand.New(rand.NewPCG(x.Seed, uint64(i)+2))}
		x.buyers = append(x.buyers, b)
		share := x.Items/x.Buyers + min(1, max(0, x.Items%x.Buyers-i))
		orders.Go(func() {
			if err := b.shop(ctx, share); err != nil {
				x.fail(fmt.Errorf("%s: %w", b.name, err))
			}
		})
	}
	shopped := make(chan struct{})
	go func() { orders.Wait(); x.ended = time.Since(x.began); close(shopped) }()
	err = x.rage(ctx)
	if err == nil {
		fmt.Fprintf(x.out, "%s: the last blow; %s left to finish\n", x.since(), x.Finish)
	}
	<-shopped
	if err := errors.Join(err, context.Cause(ctx)); err != nil {
		return err
	}
	p, err := x.prove(ctx)
	if err != nil {
		return err
	}
	p.print(x.out)
	return p.verdict()
}

func (x *chaos) since() time.Duration { return time.Since(x.began).Round(time.Second) }

// mean is the time of an item, such that all of them take the workers about most of the time there is.
func (x *chaos) mean() time.Duration {
	return max(x.For*time.Duration(x.Workers)*9/time.Duration(10*x.Items), 10*time.Millisecond)
}

// dismiss ends the workers.
func (x *chaos) dismiss() {
	for _, h := range x.crew {
		h.fire()
	}
}

// hire starts the workers, each with a spool that outlives it.
func (x *chaos) hire() error {
	program := x.workerBinary
	if program == "" {
		program = x.Binary
	}
	for i := range x.Workers {
		id := fmt.Sprintf("w%d", i+1)
		h := &hand{
			id: id, program: program, log: filepath.Join(x.dir, "log", id+".log"),
			args: []string{"bench", "chaos-worker", "--operator", filepath.Join(x.dir, "operator.toml"), "--id", id,
				"--spool", filepath.Join(x.dir, "spool", id), "--mean", x.mean().String()},
		}
		if err := os.MkdirAll(filepath.Dir(h.log), 0o700); err != nil {
			return err
		}
		x.crew = append(x.crew, h)
		if err := h.start(); err != nil {
			return err
		}
	}
	return nil
}

package powercut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"stoker/cli/local"
	"stoker/cli/setup"
	"stoker/client"
)

// run is one run of the command.
type run struct {
	*Command
	dir  string
	out  io.Writer
	dice *rand.Rand

	trip   *trip
	config string // folder of the node that was traced
	trace  []call
	disk   *replay // after the whole trace

	cuts  int
	fates map[string]int // images, by what became of pages
	blobs *shelf
	took  time.Duration

	mu sync.Mutex // of what follows
	finding
	looked      []looked
	wrong       []string
	began, said time.Time // of the cuts, and of the last word about them
}

// theNode is the id of the one that is traced, at this address.
const (
	theNode  = "n1"
	loopback = "127.0.0.1"
)

func (r *run) all(ctx context.Context) error {
	if why := local.CannotInject(); why != "" {
		return errors.New(why)
	}
	began := time.Now()
	defer func() { r.took = time.Since(began) }()
	r.dice = rand.New(rand.NewPCG(r.Seed, 1))
	r.fates = map[string]int{}
	var err error
	if r.Binary == "" {
		r.Binary = filepath.Join(r.dir, "stoker")
		if text, err := exec.CommandContext(ctx, "go", "build", "-overlay", r.Overlay, "-o", r.Binary, "stoker").CombinedOutput(); err != nil {
			return fmt.Errorf("go build (call it from the module's root, or name a --binary): %w\n%s", err, text)
		}
	}
	if r.Binary, err = filepath.Abs(r.Binary); err != nil {
		return err
	}
	check, disk, err := r.drive(ctx)
	if err != nil {
		return err
	}
	if err := r.understand(check); err != nil {
		return err
	}
	return r.cut(ctx, disk)
}

// drive founds a node, traces it on its trip, and kills it. It gives the folder as it was before, twice.
func (r *run) drive(ctx context.Context) (check, disk *node, err error) {
	nodes, err := quietPort()
	if err != nil {
		return nil, nil, err
	}
	nodes[0].LogStore = r.LogStore
	made, err := setup.Found(setup.Plan{Nodes: nodes, Out: filepath.Join(r.dir, "traced")})
	if err != nil {
		return nil, nil, err
	}
	r.config = filepath.Dir(made.Config(theNode))
	if err := unlimited(made.Config(theNode)); err != nil {
		return nil, nil, err
	}
	if check, err = load(r.config); err != nil {
		return nil, nil, err
	}
	if disk, err = load(r.config); err != nil {
		return nil, nil, err
	}
	where, err := client.LoadOperator(made.Operator)
	if err != nil {
		return nil, nil, err
	}
	where.Patience = 30 * time.Second
	traced, err := newVisitor(where, loopback)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(filepath.Dir(r.prefix()), 0o700); err != nil {
		return nil, nil, err
	}
	r.trip = &trip{visitor: traced, where: where, base: where.Endpoints[0], dice: rand.New(rand.NewPCG(r.Seed, 2)), out: r.out}
	defer traced.leave()
	// The node stops in order and starts again in the middle, and is killed at the end.
	for _, leg := range []struct {
		begin func(context.Context) error
		until int
		end   func(*local.Process) error
	}{
		{r.trip.depart, r.Requests / 2, func(p *local.Process) error { return p.Stop(ctx) }},
		{r.trip.rest, r.Requests, func(p *local.Process) error { p.Kill(); return nil }},
	} {
		if err := r.leg(ctx, made.Config(theNode), func(p *local.Process) error {
			if err := leg.begin(ctx); err != nil {
				return err
			}
			if err := r.trip.travel(ctx, leg.until); err != nil {
				return err
			}
			return leg.end(p)
		}); err != nil {
			return nil, nil, err
		}
	}
	return check, disk, nil
}

// quietPort is a place for the node at ports that the kernel gives nobody by itself: it is started hundreds of times, and between two
// of them another process could have the port.
func quietPort() (nodes []setup.Node, err error) {
	for range 20 {
		if nodes, err = local.InOrder(1, fmt.Sprintf(loopback+":%d", 20_000+rand.IntN(10_000))); err == nil {
			return nodes, nil
		}
	}
	return nil, err
}

// leg runs a traced node for a while.
func (r *run) leg(ctx context.Context, config string, during func(*local.Process) error) error {
	line := append(tracer(r.prefix()), r.Binary, "serve", "--config", config)
	// The tap makes the process end, for us, when strace has ended too: both hold the pipe.
	p, err := local.Launch(local.Command{Name: "the traced node", Path: line[0], Args: line[1:], Log: filepath.Join(r.dir, "traced.log"), Tap: io.Discard})
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := during(p); err != nil {
		return errors.Join(err, p.Failure(), ctx.Err())
	}
	return nil
}

func (r *run) prefix() string { return filepath.Join(r.dir, "trace", "thread") }

// unlimited takes the limits off how much one address may ask.
func unlimited(config string) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	limits := "requests_per_second = -1\nuser_requests_per_second = -1\nsignups_per_minute = -1 "
	return os.WriteFile(config, []byte(strings.Replace(string(text), "signups_per_minute = 60", limits, 1)), 0o600)
}

// understand reads the trace and holds it against the folder that the node left.
func (r *run) understand(root *node) (err error) {
	if r.trace, err = readTrace(r.prefix()); err != nil {
		return err
	}
	r.disk = &replay{base: r.config, root: root, at: map[int]int64{}}
	for _, e := range moments(r.trace) {
		if err := r.disk.play(e); err != nil {
			return fmt.Errorf("play the trace: %w", err)
		}
	}
	whole := filepath.Join(r.dir, "whole")
	if err := root.image(whole, everything, r.dice, nil); err != nil {
		return err
	}
	if err := same(r.config, whole); err != nil {
		return fmt.Errorf("the trace does not say what the folder holds: %w", err)
	}
	fmt.Fprintf(r.out, "traced  %d requests: %d calls, %d syncs, %d bytes written; the trace says what the folder holds\n",
		len(r.trip.steps), r.disk.Calls, r.disk.Syncs, r.disk.Bytes)
	return os.RemoveAll(whole)
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"stoker/bench/drive"
)

// Speed are the flags of the benchmarks that drive a cluster with clients and compare it with a peer in the same run.
type Speed struct {
	Clients  []int         `default:"1,64,256" help:"Clients at a time, spread over the nodes (${default})."`
	For      time.Duration `name:"for" default:"5s" help:"How long to measure each system with each number of clients, in each round (${default})."`
	Warm     time.Duration `default:"1s" help:"How long to drive it before, unmeasured (${default})."`
	Rounds   int           `default:"3" help:"Rounds; in each, all systems are measured in turn (${default})."`
	Rate     float64       `help:"Begin so many operations a second, whether or not earlier ones are done, instead of one after another in each client."`
	Nodes    int           `default:"3" help:"Nodes of the cluster, and of a peer's (${default})."`
	Against  []string      `default:"bare" enum:"bare,etcd,etcd-put,nats,nats-default,none" help:"What to measure beside it: bare, a fasthttp server that answers as many bytes and does nothing; etcd (a transaction), etcd-put, nats (JetStream, sync_interval always) or nats-default, started beside it; none (${default})."`
	Operator string        `type:"existingfile" metavar:"FILE" help:"Measure this cluster, which runs already, instead of starting one. Users named bench stay in it."`
	Plan     string        `default:"bench" help:"With --operator: the plan of the users that are made; it must allow what is done (${default})."`
	Binary   string        `type:"existingfile" metavar:"FILE" help:"Program of the nodes (this one)."`
	LogStore string        `default:"wal" enum:"wal,boltdb" help:"Where the nodes' logs are, as log_store in stoker.toml: wal, boltdb (${default})."`
	JSON     bool          `name:"json" help:"Print JSON instead of tables."`
	Plot     string        `type:"path" metavar:"FILE" help:"Also draw throughput and times into this SVG."`
	Limit    time.Duration `default:"30m" help:"Give up after that (${default})."`

	stocked int    // operations that there is work for; 0: any number
	kept    string // where the cluster is kept; "": nowhere
}

// SpeedFigures is what they print with --json. Times are in milliseconds.
type SpeedFigures struct {
	Scenario string       `json:"scenario"`
	Machine  string       `json:"machine"`
	Nodes    int          `json:"nodes"`
	Rate     float64      `json:"rate,omitempty"` // operations begun a second; 0: closed loop
	Runs     []SpeedRun   `json:"runs"`
	Ratios   []SpeedRatio `json:"ratios"`
}

// SpeedRun is one system with so many clients in one round.
type SpeedRun struct {
	Round   int    `json:"round"`
	System  string `json:"system"`
	Clients int    `json:"clients"`
	drive.Row

	Bytes     float64 `json:"bytes_per_op"`     // written to the disk, by all nodes together; 0 where the system does not tell
	Syncs     float64 `json:"fsyncs_per_op"`    // likewise; 0 if it does not tell
	CPU       float64 `json:"cpu_us_per_op"`    // of all nodes together, in microseconds
	ClientCPU float64 `json:"client_us_per_op"` // of the clients
	PeakMB    float64 `json:"peak_mb"`          // largest resident memory of a node so far
}

// SpeedRatio is the cluster by another system, over the rounds.
type SpeedRatio struct {
	Against    string `json:"against"`
	Clients    int    `json:"clients"`
	Throughput Spread `json:"throughput"`
	P50        Spread `json:"p50"`
	P99        Spread `json:"p99"`
}

// Spread is a median and what lies around it.
type Spread struct {
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
}

func spread(values []float64) Spread {
	slices.Sort(values)
	n := len(values)
	if n == 0 {
		return Spread{}
	}
	return Spread{Median: (values[(n-1)/2] + values[n/2]) / 2, Least: values[0], Most: values[n-1]}
}

// system is one of those that are measured.
type system interface {
	name() string
	// drive has so many clients do it, for so long.
	drive(ctx context.Context, clients int, s *Speed) (SpeedRun, error)
	stop() // does nothing for the cluster, which goes on
}

// scenario is what clients do to a cluster.
type scenario interface {
	name() string
	// prepare readies the cluster for so many clients and gives what each of them does, and how often that can be done in
	// all; 0 is any number of times.
	prepare(ctx context.Context, r *rig, clients int) (do drive.Do, times int, err error)
	// bare is what the server that does nothing is asked instead.
	bare() bareCall
}

func (s *Speed) check() error {
	if len(s.Clients) == 0 || slices.Min(s.Clients) < 1 || s.Rounds < 1 || s.Nodes < 1 || s.For <= 0 || s.Warm < 0 || s.Rate < 0 {
		return errors.New("at least one client, round and node, and a time to measure")
	}
	if slices.Contains(s.Against, "none") && len(s.Against) > 1 {
		return errors.New("--against none, or others, not both")
	}
	return nil
}

// run measures a scenario and prints.
func (s *Speed) run(ctx context.Context, out io.Writer, what scenario) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("bench %s: %w", what.name(), err)
		}
	}()
	if err := s.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Limit, fmt.Errorf("it took longer than %s", s.Limit))
	defer cancel()
	if err := raiseFiles(uint64(8*slices.Max(s.Clients) + 1024)); err != nil {
		return err
	}
	f, err := s.measure(ctx, what)
	if err != nil {
		return err
	}
	if s.Plot != "" {
		if err := f.plot(s.Plot); err != nil {
			return err
		}
	}
	return show(out, s.JSON, f)
}

// measure starts a cluster and runs a scenario on it.
func (s *Speed) measure(ctx context.Context, what scenario) (f *SpeedFigures, err error) {
	r, err := s.openRig(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	return r.compare(ctx, what)
}

// compare runs all systems in turn, round by round.
func (r *rig) compare(ctx context.Context, what scenario) (f *SpeedFigures, err error) {
	s := r.Speed
	f = &SpeedFigures{Scenario: what.name(), Machine: machine(), Nodes: s.Nodes, Rate: s.Rate}
	systems := []system{&ours{r, what}}
	for _, name := range s.Against {
		var beside system
		switch name {
		case "none":
			continue
		case bareName:
			beside, err = r.startBare(ctx, what.bare())
		default:
			beside, err = r.startPeer(ctx, name)
		}
		if err != nil {
			return nil, err
		}
		defer beside.stop()
		systems = append(systems, beside)
	}
	for round := range s.Rounds {
		for _, n := range s.Clients {
			for _, sys := range systems {
				fmt.Fprintf(os.Stderr, "%s, round %d of %d: %s, %d clients\n", what.name(), round+1, s.Rounds, sys.name(), n)
				run, err := sys.drive(ctx, n, s)
				if err != nil {
					return nil, fmt.Errorf("%s with %d clients: %w", sys.name(), n, err)
				}
				run.Round, run.System, run.Clients = round+1, sys.name(), n
				f.Runs = append(f.Runs, run)
			}
		}
	}
	f.compare()
	return f, nil
}

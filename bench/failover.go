package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"stoker/bench/switchboard"
	"stoker/cli/local"
	"stoker/cli/setup"
)

// Failover is `stoker bench failover`: what clients of three nodes see while the leader is asked to go, killed, stopped, cut
// off, and left with a disk that hangs.
type Failover struct {
	Rounds int           `default:"5" help:"Rounds of each fault (${default})."`
	For    time.Duration `name:"for" default:"4s" help:"How long a leader stays stopped or cut off (${default})."`
	Rate   int           `default:"200" help:"Writes a second, through all nodes in turn (${default})."`
	Reads  int           `default:"20" help:"Linearizable reads a second at each node (${default})."`
	Faults []string      `default:"sigterm,kill,stop,cut,disk" help:"Which faults: ${default}."`
	Strict bool          `help:"Exit 1 also if a pause was longer than its target; on a machine with other work that says little."`
	Binary string        `type:"existingfile" metavar:"FILE" help:"Program of the nodes (this one)."`
	JSON   bool          `name:"json" help:"Print JSON instead of tables."`
	Limit  time.Duration `default:"20m" help:"Give up after that (${default})."`
}

// Help says what is measured and what fails.
func (*Failover) Help() string {
	return `Starts three nodes as processes on loopback, writes at a steady rate through all of them (each write is first sent once, to
one node; if that is not answered, it goes to the next node under the same Idempotency-Key), reads at all of them, and
strikes the leader:

  sigterm  asks it to end                       kill  kills it
  stop     stops its process, continues it      cut   cuts it off from both others, both ways, for a while
  disk     its fsync and fdatasync hang (needs strace)

The pause is the longest time in which the clients of one surviving node had no write acknowledged. Exits 1 if an
acknowledged write was lost or done twice, a read was stale, a leader that was cut off acknowledged anything, a client that
tries again met an error, or a client of a surviving node met one at all.

  stoker bench failover
  stoker bench failover --rounds 1 --for 2s --faults kill,cut --json`
}

// FailoverFigures is what Failover prints with --json. Times are in milliseconds.
type FailoverFigures struct {
	Rate   int            `json:"writes_per_s"`
	Faults []FaultFigures `json:"faults"`
}

// FaultFigures is one fault, all rounds together.
type FaultFigures struct {
	Fault   string         `json:"fault"`
	Skipped string         `json:"skipped,omitempty"` // why it was not tried
	Rounds  int            `json:"rounds"`
	P50     float64        `json:"pause_p50_ms"` // over the rounds, of the worst surviving node
	P99     float64        `json:"pause_p99_ms"`
	Max     float64        `json:"pause_max_ms"`
	Target  float64        `json:"pause_target_ms"`
	Writes  int            `json:"writes"`
	Bare    map[string]int `json:"errors_at_survivors"` // of first attempts, by code
	Struck  map[string]int `json:"errors_at_struck"`    // of first attempts at the node that was struck
	Retried map[string]int `json:"errors_after_retry"`
	Reads   int            `json:"reads"`
	Stale   int            `json:"stale_reads"`
	Lost    int            `json:"lost_writes"`
	Twice   int            `json:"writes_done_twice"`
	CutAcks int            `json:"acknowledged_by_cut_leader"`
	pauses  []float64
}

// settling is how long the load runs before a leader is struck and after it has been mended.
const settling = time.Second

// torment is one run.
type torment struct {
	*Failover
	*testbed
	switchboard *switchboard.Board
	out         io.Writer
}

// Run strikes, measures and prints, and returns an error if something was wrong that is not a matter of time.
func (c *Failover) Run(ctx context.Context, out io.Writer) (err error) {
	if c.Rounds < 1 || c.Rate < 10 || c.Reads < 1 || c.For <= 0 {
		return errors.New("bench failover: at least one round, 10 writes and one read a second, and some time")
	}
	chosen, err := c.chosen()
	if err != nil {
		return fmt.Errorf("bench failover: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limit, fmt.Errorf("it took longer than %s", c.Limit))
	defer cancel()
	x := &torment{Failover: c, switchboard: &switchboard.Board{}, out: out}
	defer x.switchboard.Close()
	if x.testbed, err = openTestbed(ctx, bed{nodes: 3, binary: c.Binary}, x.connect); err != nil {
		return fmt.Errorf("bench failover: %w", err)
	}
	defer x.testbed.close()
	f := FailoverFigures{Rate: c.Rate}
	for _, fault := range chosen {
		figures, err := x.rounds(ctx, fault)
		if err != nil {
			return fmt.Errorf("bench failover: %s: %w", fault.name, err)
		}
		f.Faults = append(f.Faults, figures)
	}
	if err := show(out, c.JSON, &f); err != nil {
		return err
	}
	return f.verdict(c.Strict)
}

// connect puts the switchboard between the nodes of a testbed.
func (x *torment) connect(t *testbed, nodes []setup.Node) error {
	x.switchboard.Processes = t.cluster.Processes
	return x.switchboard.Connect(t.dir, nodes)
}

// chosen are the faults that were asked for.
func (c *Failover) chosen() (out []fault, err error) {
	for _, name := range c.Faults {
		at := slices.IndexFunc(faults, func(f fault) bool { return f.name == name })
		if at < 0 {
			var known []string
			for _, f := range faults {
				known = append(known, f.name)
			}
			return nil, fmt.Errorf("there is no fault %q; there are %s", name, strings.Join(known, ", "))
		}
		out = append(out, faults[at])
	}
	return out, nil
}

// rounds strikes the leader again and again with one fault.
func (x *torment) rounds(ctx context.Context, f fault) (FaultFigures, error) {
	out := FaultFigures{
		Fault: f.name, Target: millis(f.target), Bare: map[string]int{}, Struck: map[string]int{}, Retried: map[string]int{},
	}
	if out.Skipped = f.missing(); out.Skipped != "" {
		return out, nil
	}
	for range x.Rounds {
		if err := x.round(ctx, f, &out); err != nil {
			return out, err
		}
		out.Rounds++
	}
	out.P50, out.P99, out.Max = percentile(out.pauses, 50), percentile(out.pauses, 99), percentile(out.pauses, 100)
	return out, nil
}

// round is one blow under load.
func (x *torment) round(ctx context.Context, f fault, out *FaultFigures) error {
	load, err := x.openLoad(ctx)
	if err != nil {
		return err
	}
	defer load.stop()
	if err := pause(ctx, settling); err != nil {
		return err
	}
	lead, err := x.leader(ctx)
	if err != nil {
		return err
	}
	node, _ := x.cluster.Node(lead.Node)
	place := slices.Index(x.cluster.Nodes, node)
	blow := &blowOf{torment: x, node: node, place: place}
	struck := time.Now()
	if err := f.strike(ctx, blow); err != nil {
		return err
	}
	mended := time.Now()
	if err := x.healthy(ctx); err != nil {
		return err
	}
	if err := pause(ctx, settling); err != nil {
		return err
	}
	load.stop()
	return load.judge(ctx, out, episode{place: place, struck: struck, mended: mended, cut: f.name == "cut"})
}

// healthy waits until every node can serve linearizable reads.
func (x *torment) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("not within 30 s of the end of the fault"))
	defer cancel()
	for _, n := range x.cluster.Nodes {
		if err := n.WaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// blowOf is a blow at one leader.
type blowOf struct {
	*torment
	node  *local.Node
	place int
}

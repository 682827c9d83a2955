package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// clusterCommand is `proof cluster`.
type clusterCommand struct {
	Seed  uint64        `default:"1" help:"The first world's seed; the others have the numbers behind it (${default})."`
	For   time.Duration `default:"1h" help:"Virtual time to play, whole worlds of it (${default})."`
	World time.Duration `default:"30m" help:"Virtual time in a world (${default})."`
	Out   string        `type:"path" metavar:"DIR" help:"Write cluster-report.md and cluster.svg there."`
}

// Help says how it is done.
func (*clusterCommand) Help() string {
	return `Three nodes, with their real Raft, logs, states and snapshots on disk, and a network in memory, live in a bubble in which time
passes only when everybody waits: an hour takes a minute or less. Power cuts, pauses, cuts, slow links, broken connections, full
disks, transfers and new members come and go, while clients at every node write and read. docs/proof/cluster.md has the list of
what goes wrong on purpose and what is checked.

A violation is printed with its world's seed, what is wrong, what the nodes logged last, and the line that plays that world
again: the same faults in the same order, though not in the same instants.

  go run ./proof cluster                     # one hour
  go run ./proof cluster --for 50h --out .   # a long run, its report and picture
  go run ./proof cluster --seed 7 --for 1s   # one world`
}

// lived is what the test of package node writes; see proofOfCluster there.
type lived struct {
	Seed, Worlds         uint64
	World, Virtual, Took time.Duration
	Playing              uint64 // the world that was begun and did not come to its end; 0: none
	Faults, Seen, Checks map[string]int
	Violations           []violatedWorld
	Kinds                []kindOfTrouble
	Lives                []lifetime
	Blows                []blow
	Each                 time.Duration    // a stretch of Counts
	Counts               map[string][]int // what is in Seen and Checks, in each stretch of virtual time

	cpu time.Duration
}

// violatedWorld is a world in which something did not hold.
type violatedWorld struct {
	Seed   uint64
	At     time.Duration // since its beginning
	Wrong  []string
	Last   []string // what its nodes logged last
	Replay string
}

// Run plays the worlds of TestSoak_RandomFaults, which needs the insides of package node.
func (c *clusterCommand) Run(ctx context.Context, out io.Writer) error {
	if c.Seed == 0 || c.For <= 0 || c.World < time.Minute {
		return errors.New("cluster: a seed above 0, some time to play, and worlds of a minute or more")
	}
	dir, err := workshop()
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	defer os.RemoveAll(dir)
	report := filepath.Join(dir, "report.json")
	// A world that stands still tells nothing by itself: five times as long as an hour should take, and Go shows where everybody stands.
	patience := 5*time.Minute + c.For/10
	worlds := tested{Package: "./node", Run: "^TestSoak_RandomFaults$", Dir: dir, Timeout: patience, Args: []string{
		"-cluster.seed", strconv.FormatUint(c.Seed, 10), "-cluster.for", c.For.String(), "-cluster.world", c.World.String(), "-cluster.report", report,
	}}
	if err := worlds.build(ctx, out); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	_, cpu, failed := worlds.run(ctx, out)
	text, err := os.ReadFile(report)
	if err != nil {
		return fmt.Errorf("cluster: no world was played: %w", errors.Join(failed, ctx.Err()))
	}
	l := lived{cpu: cpu}
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	if l.Playing > 0 {
		return fmt.Errorf("cluster: the world of seed %d did not come to its end (again: go run ./proof cluster --seed %d --for 1s --world %v): %w",
			l.Playing, l.Playing, c.World, errors.Join(failed, ctx.Err()))
	}
	l.tell(out)
	if c.Out != "" {
		err := errors.Join(
			writeReport(c.Out, "cluster-report.md", func(w io.Writer) { l.report(w, c) }),
			writeReport(c.Out, "cluster.svg", func(w io.Writer) { io.WriteString(w, l.timeline()) }),
		)
		if err != nil {
			return fmt.Errorf("cluster: %w", err)
		}
	}
	if len(l.Violations) > 0 {
		return fmt.Errorf("cluster: violated, in %d worlds; above stands how to see it again", len(l.Violations))
	}
	if failed != nil {
		return fmt.Errorf("cluster: %w", failed)
	}
	return nil
}

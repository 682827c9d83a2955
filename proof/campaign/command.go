// Package campaign is `proof campaign`: three real processes of Stoker in a temporary folder, under the load of many users and
// workers, struck by one fault after another for as long as it is told to, and judged.
//
// Each user's operations are recorded with the time of their call and of their return, and are held against the model of package
// judge when the user is retired, after a few hundred of them. So nothing that was done an hour ago has to be in memory, and no
// history becomes too long to be decided. What is proved at the end is that what retired users had is still so, on every node.
//
// # Invariants
//
//   - What a client is not told, it does not know: an answer that was lost makes an outcome unknown, unless the same request
//     under the same key is answered later.
//   - Faults come one after the other, in an order that the seed decides, each kind as often as any other. After each, all nodes
//     must serve again; a majority is well at any time but when all are killed.
//   - A fault that this machine cannot have is said to be not run, loudly, in the progress, the report and the picture.
//   - Only processes that it started itself are hurt, and none outlives it.
package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Command is `proof campaign`.
type Command struct {
	For      time.Duration `name:"for" default:"2m" help:"How long to strike (${default})."`
	Seed     uint64        `metavar:"N" help:"Of faults and load; the threads of a real system have their own mind (of the clock)."`
	Nodes    int           `default:"3" help:"Nodes, at least three (${default})."`
	Out      string        `type:"path" metavar:"DIR" help:"Folder for report and picture (none)."`
	Kinds    []string      `metavar:"A,B" help:"Only these kinds of faults (all)."`
	Rate     int           `default:"450" help:"Operations a second that are aimed at (${default})."`
	Every    time.Duration `default:"3s" help:"Mean calm between two faults (${default})."`
	LogStore string        `default:"wal" enum:"wal,boltdb,either" help:"Where the nodes' logs are, as log_store in stoker.toml: wal, boltdb, or either: moved at every other start (${default})."`
	Binary   string        `type:"existingfile" metavar:"FILE" help:"Program of the nodes (built from this module)."`
	Keep     bool          `help:"Keep the folder with data, logs and history even if all is well."`
	List     bool          `help:"List the kinds of faults, and which this machine cannot have."`
	Redraw   string        `type:"existingdir" metavar:"DIR" help:"Only make report and picture anew of what an earlier campaign left there."`
}

// Help says what is struck and what is proved.
func (*Command) Help() string {
	return `Starts three nodes as processes on loopback, with a switchboard between them and before their clients; lets users and workers
work on all of them, with duplicates on purpose; strikes with one fault after another; and holds against the model what everybody was
told. Exits 1 if something was violated, and keeps the folder with logs and history then. Ctrl-C ends early, with a report of what was done.

  go run ./proof campaign --for 1h --out /tmp/campaign
  go run ./proof campaign --for 60s --seed 1
  go run ./proof campaign --kinds kill-leader,pause-leader
  go run ./proof campaign --list`
}

// Run strikes, heals and judges.
func (c *Command) Run(ctx context.Context, out io.Writer) error {
	if c.Nodes < 3 || c.Rate < 1 || c.Every < 0 || c.For <= 0 {
		return errors.New("campaign: at least three nodes, an operation a second and some time")
	}
	if c.Redraw != "" {
		return redraw(c.Redraw)
	}
	kinds, err := c.chosen()
	if err != nil {
		return fmt.Errorf("campaign: %w", err)
	}
	if c.Seed == 0 {
		c.Seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	dir, err := os.MkdirTemp("", "stoker-campaign-")
	if err != nil {
		return fmt.Errorf("campaign: %w", err)
	}
	x := newCampaign(c, dir, kinds, out)
	if c.List {
		x.list()
		return os.RemoveAll(dir)
	}
	err = x.run(ctx)
	x.shut()
	record := x.record()
	if c.Out != "" {
		err = errors.Join(err, record.publish(c.Out))
	}
	fmt.Fprintf(out, "\n%s\n", record.report())
	if broken := x.verdicts.broken(); len(broken) > 0 {
		err = errors.Join(err, fmt.Errorf("violated: %s\nreplay: %s", strings.Join(broken, "\n          "), x.commandLine()))
	}
	if err == nil && len(x.events) == 0 {
		err = errors.New("no fault struck, so nothing was shown: give it longer with --for, or other --kinds")
	}
	if err == nil && x.verdicts.undecided > 0 {
		err = fmt.Errorf("%d histories were not decided", x.verdicts.undecided)
	}
	if err != nil || c.Keep {
		fmt.Fprintf(out, "The folder was kept, with data, logs and history: %s\n", dir)
		if err != nil {
			return fmt.Errorf("campaign: %w", err)
		}
		return nil
	}
	return os.RemoveAll(dir)
}

// commandLine replays, as far as a real system can be replayed.
func (x *campaign) commandLine() string {
	line := fmt.Sprintf("go run ./proof campaign --for %s --seed %d --nodes %d --rate %d --every %s --log-store %s", x.For, x.Seed, x.Nodes, x.Rate, x.Every, x.LogStore)
	if len(x.Kinds) > 0 {
		line += " --kinds " + strings.Join(x.Kinds, ",")
	}
	return line
}

// chosen are the faults that were asked for.
func (c *Command) chosen() (out []fault, err error) {
	if len(c.Kinds) == 0 {
		return faults, nil
	}
	for _, name := range c.Kinds {
		at := slices.IndexFunc(faults, func(f fault) bool { return f.name == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no fault %q; --list names those there are", name)
		}
		out = append(out, faults[at])
	}
	return out, nil
}

func (x *campaign) list() {
	for _, f := range x.kinds {
		fmt.Fprintf(x.out, "%-18s %s\n", f.name, f.about)
		if why := f.missing(x); why != "" {
			fmt.Fprintf(x.out, "%-18s %s\n", "", why)
		}
	}
}

// logs is the folder of the nodes' logs.
func (x *campaign) logs() string { return filepath.Join(x.dir, "log") }

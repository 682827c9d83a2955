// Package powercut is `proof powercut`: the power of a node goes at every moment at which something became durable.
//
// One real process of the very program that ships works under strace, on a folder of which everything is known: what each system
// call wrote where, and which fsync made it durable. From that the folder is put together as it is after a power cut at the end of
// each sync: what was synced before is there, and of what was written since, a random part of the pages. A node is started on each
// such folder. It must start, and its state must be that after the last answer that was received before the cut, or after the
// request that was on its way, bit by bit, in every table a user or a worker can see.
//
// # Invariants
//
//   - A write may reach the disk from the moment it begins; it must be there once a sync that began after its end has returned. Not
//     before, and not by luck: no more is assumed of the file system than that it keeps the order of changes of one folder's entries.
//     An entry is durable when its folder was synced, not when the file was.
//   - What the trace is understood to say is held against the real folder at the end, byte by byte; a call that is not understood is
//     an error.
//   - Requests are made one after the other, so there is one state that is right, or two.
//
// # Why not …
//
//   - … a file system that is told to lose writes (dm-flakey, LazyFS)? It needs root, and FUSE or the kernel's modules; it cuts at
//     few moments, since each wants a run of its own. A trace is cut at all moments of one run.
//   - … a wrapper around files in the program? bbolt takes an *os.File, and the program that is proved would not be the one that ships.
package powercut

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Command is `proof powercut`.
type Command struct {
	Requests int    `default:"1000" help:"Requests of the run that is traced (${default})."`
	Points   int    `default:"300" help:"Syncs at whose end the power goes, spread over the run; 0: all of them (${default})."`
	Jobs     int    `default:"4" help:"Nodes that are started at a time (${default}); each mostly waits."`
	Seed     uint64 `metavar:"N" help:"Of the requests, the moments and the pages that are lost (of the clock)."`
	Binary   string `type:"existingfile" metavar:"FILE" help:"Program of the node (built from this module)."`
	LogStore string `default:"wal" enum:"wal,boltdb" help:"Where the node's log is, as log_store in stoker.toml: wal, boltdb (${default})."`
	Overlay  string `hidden:"" type:"existingfile" metavar:"FILE" help:"Of other sources for the compiler, as go build takes it: a mutant."`
	Out      string `type:"path" metavar:"DIR" help:"Folder for powercut-report.md and powercut.svg (none)."`
	Keep     bool   `help:"Keep the folder with the trace and the last image even if all is well."`
}

// mostJobs is how many addresses there are for nodes at a time.
const mostJobs = 254

// Help says what is done.
func (*Command) Help() string {
	return `Traces one node under a thousand requests (sign-in, credits, jobs, pictures, leases, results, rules), one after the other, and cuts
its power at the end of each sync: puts together the folder that the disk may hold then, with a random part of the pages that were
not synced yet, some of them torn, starts a node on it, and compares. Needs strace. Exits 1 if a node did not start, or had lost or
invented anything, and keeps the folders then.

  go run ./proof powercut                        # three hundred moments
  go run ./proof powercut --points 0 --out .     # every one, and the report with its picture
  go run ./proof powercut --requests 60 --points 40 --seed 1`
}

// Run traces, cuts and compares.
func (c *Command) Run(ctx context.Context, out io.Writer) error {
	if c.Requests < 1 || c.Points < 0 || c.Jobs < 1 || c.Jobs > mostJobs {
		return fmt.Errorf("powercut: at least one request, no negative number of points, and 1 to %d jobs", mostJobs)
	}
	if c.Seed == 0 {
		c.Seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	dir, err := os.MkdirTemp("", "stoker-powercut-")
	if err != nil {
		return fmt.Errorf("powercut: %w", err)
	}
	r := &run{Command: c, dir: dir, out: out}
	err = r.all(ctx)
	if err == nil {
		fmt.Fprintf(out, "\n%s", r.report())
		if c.Out != "" {
			err = r.publish()
		}
	}
	if len(r.wrong) > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d images were not as they must be; again: %s", len(r.wrong), r.cuts, c.line()))
	}
	if err != nil || c.Keep {
		fmt.Fprintf(out, "The folder was kept: %s\n", dir)
		if err != nil {
			return fmt.Errorf("powercut: %w", err)
		}
		return nil
	}
	return os.RemoveAll(dir)
}

func (c *Command) line() string {
	return fmt.Sprintf("go run ./proof powercut --requests %d --points %d --seed %d --log-store %s", c.Requests, c.Points, c.Seed, c.LogStore)
}

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

// machineCommand is `proof machine`.
type machineCommand struct {
	Seed     uint64        `default:"1" help:"The first world's seed; the others have the numbers behind it (${default})."`
	Commands int           `default:"200000" help:"Commands to play, whole worlds of them (${default})."`
	For      time.Duration `help:"Play for this long instead."`
	World    int           `default:"800" help:"Commands in a world (${default})."`
	Full     uint64        `default:"128" help:"Entries from one look at the whole state to the next; between them, what each entry touched (${default})."`
	Out      string        `type:"path" metavar:"DIR" help:"Write machine-report.md and machine.svg there."`
}

// Help says how it is done.
func (*machineCommand) Help() string {
	return `Users, workers, phones and time are drawn by seeds and act on the machine that every node runs, without a network: many small
worlds, as many at a time as there are processors. Each answer must be the one that an independent model gives, and after each
entry what it touched must be as in the model and keep the invariants of package fsm; every so many entries, and at the end of
a world, the whole state. docs/proof/machine.md has the list of what goes wrong on purpose and what is checked.

A violation is printed with its world's seed, the entry, the last commands and the line that plays that world again.

  go run ./proof machine                               # two hundred thousand commands
  go run ./proof machine --commands 10000000 --out .   # a long run, its report and picture
  go run ./proof machine --seed 4711 --commands 1      # one world`
}

// played is what the test of package fsm writes; see proofOfMachine there.
type played struct {
	Seed, Worlds      uint64
	Commands, Entries int
	Took              time.Duration
	World             int
	Full              uint64
	Answers           map[string]map[string]int
	Faults            map[string]int
	Checks            map[string]int
	Violations        []violation
	Lives             []life // in the order of their ends

	cpu time.Duration
}

// violation is a world in which something did not hold.
type violation struct {
	Seed   uint64
	Entry  uint64   // after which it was seen
	First  uint64   // after which a look at the whole state sees it first
	Wrong  []string // in words
	Last   []string // entries before it
	Replay string   // the command line that sees it again
}

// Run plays the worlds of TestProof_machine, which needs the insides of package fsm.
func (c *machineCommand) Run(ctx context.Context, out io.Writer) error {
	if c.Commands < 1 || c.World < 10 || c.Full < 1 || c.For < 0 {
		return errors.New("machine: at least 1 command, worlds of 10 and a look at the state every entry or more")
	}
	dir, err := workshop()
	if err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	defer os.RemoveAll(dir)
	report := filepath.Join(dir, "report.json")
	worlds := tested{Package: "./fsm", Run: "^TestProof_machine$", Dir: dir, Args: []string{
		"-machine.seed", strconv.FormatUint(c.Seed, 10), "-machine.commands", strconv.Itoa(c.Commands), "-machine.for", c.For.String(),
		"-machine.world", strconv.Itoa(c.World), "-machine.full", strconv.FormatUint(c.Full, 10), "-machine.report", report,
	}}
	if err := worlds.build(ctx, out); err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	_, cpu, failed := worlds.run(ctx, out)
	text, err := os.ReadFile(report)
	if err != nil {
		return fmt.Errorf("machine: the worlds were not played to their end: %w", errors.Join(failed, ctx.Err()))
	}
	p := played{cpu: cpu}
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	p.tell(out)
	if c.Out != "" {
		err := errors.Join(
			writeReport(c.Out, "machine-report.md", func(w io.Writer) { p.report(w, c) }),
			writeReport(c.Out, "machine.svg", func(w io.Writer) { io.WriteString(w, p.timeline()) }),
		)
		if err != nil {
			return fmt.Errorf("machine: %w", err)
		}
	}
	if len(p.Violations) > 0 {
		return fmt.Errorf("machine: violated, in %d worlds; above stands how to see it again", len(p.Violations))
	}
	if failed != nil {
		return fmt.Errorf("machine: %w", failed)
	}
	return nil
}

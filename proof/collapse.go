package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"stoker/bench"
)

// collapseCommand is `proof collapse`. Package bench starts clusters and drives them.
type collapseCommand struct {
	bench.Collapse
	Out string `type:"path" metavar:"DIR" help:"Write collapse-report.md and collapse.svg there."`
}

// Help says what is offered and what must hold.
func (*collapseCommand) Help() string {
	return `Finds out how many jobs a second a cluster of real processes takes, by clients that each wait for their answer, and then offers
twice and four times as many, whether or not earlier ones were answered. At least seven tenths of what it can take must be taken, in a
time that is bounded; what is too much must be refused early, with 429 or 503 and a Retry-After; nothing may be left without an answer;
memory is bounded; and right afterwards a light load must be served as if nothing had been.

The nodes are kept to some processors and the client to others, on Linux and where there are two: what the client costs is not taken from
what it measures. --together leaves them where they are.

  go run ./proof collapse
  go run ./proof collapse --for 8s --times 2 --tries 2             # as CI does
  go run ./proof collapse --for 2m --times 2,4,8 --out docs/proof  # for minutes, and the report`
}

// Run builds the program and drives it.
func (c *collapseCommand) Run(ctx context.Context, out io.Writer) error {
	if c.Binary == "" {
		dir, err := workshop()
		if err != nil {
			return fmt.Errorf("collapse: %w", err)
		}
		defer os.RemoveAll(dir)
		c.Binary = filepath.Join(dir, "stoker")
		if text, err := exec.CommandContext(ctx, "go", "build", "-o", c.Binary, "stoker").CombinedOutput(); err != nil {
			return fmt.Errorf("collapse: go build: %w\n%s", err, text)
		}
	}
	record, err := c.Collapse.Run(ctx, out)
	if record != nil && c.Out != "" {
		told := surge{record}
		err = errors.Join(err,
			writeReport(c.Out, "collapse-report.md", func(w io.Writer) { told.report(w, c) }),
			writeReport(c.Out, "collapse.svg", func(w io.Writer) { io.WriteString(w, told.picture().SVG()) }))
	}
	return err
}

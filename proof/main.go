package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"stoker/cli/table"
	"stoker/proof/campaign"
	"stoker/proof/hostile"
	"stoker/proof/powercut"
)

// commands is the command table. Each command prints what it does as it goes, ends with its verdicts, and returns an error if
// anything was violated.
type commands struct {
	Machine  machineCommand   `cmd:"" group:"Prove" help:"Play random games over the rules, held against an independent model after each step."`
	Cluster  clusterCommand   `cmd:"" help:"Play whole clusters with virtual time: power cuts, cuts, pauses, full disks, new members, under load."`
	Campaign campaign.Command `cmd:"" help:"Strike three real processes under load with every kind of fault, and judge what clients were told."`
	Powercut powercut.Command `cmd:"" help:"Cut a node's power at the end of each sync, and see whether it comes back with all it had said."`
	Hostile  hostile.Command  `cmd:"" help:"Break HTTP's rules at one real process, from thousands of connections, and see who suffers."`
	Collapse collapseCommand  `cmd:"" help:"Offer a cluster more than it can take, and see what it does of it and how it recovers."`
	Fuzz     fuzzCommand      `cmd:"" help:"Have a fuzzer look for bytes that the code they are sent to gets wrong."`
	Cells    cellsCommand     `cmd:"" help:"Spread users over cells as the router does, and see how even it is and who moves when one is added."`
	Mutants  mutantsCommand   `cmd:"" help:"Make mistakes in the program and see whether its tests notice."`
}

// Exit codes.
const (
	exitViolated = 1
	exitUsage    = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the next signal has its default effect
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run carries out one command line and gives the process's exit code.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	line := &table.Table{
		Name:     "proof",
		About:    "Shows that Stoker loses nothing and counts nothing twice. docs/proof/ says what each command proves, and how.",
		Commands: []any{&commands{}},
		Run: func(command any) error {
			return command.(interface {
				Run(context.Context, io.Writer) error
			}).Run(ctx, out)
		},
		Out: out,
		Err: errs,
	}
	err := line.Execute(ctx, args)
	var usage *table.Usage
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(errs, "proof: %v\n%s --help says more.\n", err, usage.Command)
		return exitUsage
	}
	fmt.Fprintf(errs, "proof: %v\n", err)
	return exitViolated
}

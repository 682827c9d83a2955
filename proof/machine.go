package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
)

// machineCommand is `proof machine`.
type machineCommand struct{}

// Run plays the games of TestMachine_model, which need the insides of package fsm.
func (*machineCommand) Run(ctx context.Context, out io.Writer) error {
	test := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-run", "^TestMachine_model$", "./fsm")
	test.Stdout, test.Stderr = out, out
	if err := test.Run(); err != nil {
		return errors.Join(fmt.Errorf("machine: %w; above stands what differs from the model", err), ctx.Err())
	}
	return nil
}

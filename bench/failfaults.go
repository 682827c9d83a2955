package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"stoker/cli/local"
)

// fault is something that happens to a leader. strike lets it happen, leaves it so for a while and mends it.
type fault struct {
	name    string
	target  time.Duration // of the pause of a surviving node's clients
	missing func() string // why this machine cannot have it; "" if it can
	strike  func(ctx context.Context, b *blowOf) error
}

var faults = []fault{
	{"sigterm", 300 * time.Millisecond, always, func(ctx context.Context, b *blowOf) error {
		leaving, cancel := context.WithTimeoutCause(ctx, goodbye, errors.New("it took too long"))
		defer cancel()
		if err := b.node.Process().Stop(leaving); err != nil {
			return err
		}
		return b.restart(ctx)
	}},
	{"kill", 2 * time.Second, always, func(ctx context.Context, b *blowOf) error {
		b.node.Kill()
		return b.restart(ctx)
	}},
	{"stop", 2 * time.Second, canStop, func(ctx context.Context, b *blowOf) error {
		if err := suspend(b.node.Process().Pid()); err != nil {
			return err
		}
		return errors.Join(pause(ctx, b.For), resume(b.node.Process().Pid()))
	}},
	{"cut", 2 * time.Second, canTellOwners, func(ctx context.Context, b *blowOf) error {
		b.switchboard.isolate(b.place)
		defer b.switchboard.heal()
		return pause(ctx, b.For)
	}},
	{"disk", 6 * time.Second, canHang, func(ctx context.Context, b *blowOf) error {
		mend, err := hang(b.node.Process())
		if err != nil {
			return err
		}
		err = pause(ctx, hangs)
		mend()
		if err != nil {
			return err
		}
		select {
		case <-b.node.Process().Ended(): // by itself
		case <-time.After(goodbye):
			return fmt.Errorf("a node whose disk hung for %s runs on", hangs)
		}
		return b.restart(ctx)
	}},
}

func always() string { return "" }

// restart leaves the node down for as long as other faults last.
func (b *blowOf) restart(ctx context.Context) error {
	if err := pause(ctx, b.For); err != nil {
		return err
	}
	return b.node.Restart(ctx)
}

// hangs is how long a disk does: longer than a node waits for it.
const hangs = 6 * time.Second

// canHang says whether a disk can be made to hang here.
func canHang() string {
	if _, err := exec.LookPath("strace"); err != nil {
		return "NOT RUN: there is no strace here (on Debian: apt-get install strace)"
	}
	return ""
}

// hang lets every fsync and fdatasync of a process take a minute, until mend is called. A process that ends meanwhile is gone
// only then: strace keeps the thread that waits.
func hang(p *local.Process) (mend func(), err error) {
	c := exec.Command("strace", "-f", "-qq", "-o", os.DevNull, "-e", "trace=fsync,fdatasync",
		"-e", "inject=fsync,fdatasync:delay_enter=60000000", "-p", strconv.Itoa(p.Pid()))
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("strace: %w", err)
	}
	return func() {
		c.Process.Kill()
		c.Wait()
	}, nil
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stoker/bench/switchboard"
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
	{"stop", 2 * time.Second, local.CannotSuspend, func(ctx context.Context, b *blowOf) error {
		if err := b.node.Process().Suspend(); err != nil {
			return err
		}
		return errors.Join(pause(ctx, b.For), b.node.Process().Resume())
	}},
	{"cut", 2 * time.Second, switchboard.Missing, func(ctx context.Context, b *blowOf) error {
		b.switchboard.Isolate(b.place)
		defer b.switchboard.Heal()
		return pause(ctx, b.For)
	}},
	{"disk", 6 * time.Second, local.CannotInject, func(ctx context.Context, b *blowOf) error {
		mend, err := b.node.Process().Inject("delay_enter=60000000")
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

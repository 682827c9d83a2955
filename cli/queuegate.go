package cli

import (
	"context"
	"time"

	"stoker/cli/queue"
	"stoker/client"
)

// purgePatience bounds a purge, which cancels a hundred jobs at a time and may have many thousands before it.
const purgePatience = 2 * time.Minute

type queuePause struct {
	operatorFlags
	Preset string `arg:"" optional:"" complete:"preset" help:"Preset (all)."`
}

type queueResume struct {
	operatorFlags
	Preset string `arg:"" optional:"" complete:"preset" help:"Preset (what was paused for all)."`
}

type queuePurge struct {
	operatorFlags
	Preset string `metavar:"NAME" complete:"preset" help:"Only jobs of this preset."`
	User   string `metavar:"ID" complete:"user" help:"Only jobs of this user."`
	Yes    bool   `help:"Do it. Without, it only says what it would cancel."`
}

// Help shows how to call it.
func (*queuePurge) Help() string {
	return `Cancels jobs that have pictures waiting and refunds what is not done. Pictures that workers hold are canceled with their job.

  stoker queue purge --preset interior          # what would be canceled
  stoker queue purge --preset interior --yes    # cancel it`
}

// knownPresets is what to do about a preset that is none.
var knownPresets = hints{codeNoPreset: "`stoker queue` and `stoker worker list` show the presets in use"}

// Run pauses.
func (c *queuePause) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		paused, err := o.Pause(ctx, c.Preset)
		if err != nil {
			return advise(err, knownPresets)
		}
		s.printf("%s\n", queue.Paused(paused))
		return nil
	})
}

// Run resumes. What else is paused it says, since that is why nothing may happen.
func (c *queueResume) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		paused, err := o.Resume(ctx, c.Preset)
		if err != nil {
			return advise(err, knownPresets)
		}
		s.printf("%s\n", queue.Paused(paused))
		return nil
	})
}

// Run purges, or says what it would.
func (c *queuePurge) Run(s *shell) error {
	if c.User != "" {
		if err := userID(c.User); err != nil {
			return err
		}
	}
	purge := queue.Purge{Preset: c.Preset, User: c.User}
	if !c.Yes {
		return c.preview(s, purge)
	}
	return c.askFor(s, purgePatience, func(ctx context.Context, o *client.Operator) error {
		n, err := o.Purge(ctx, c.Preset, c.User)
		if err != nil {
			return advise(err, knownPresets)
		}
		purge.Done(s.out, n)
		return nil
	})
}

// preview looks at the queue, and at the user if one is named.
func (c *queuePurge) preview(s *shell, purge queue.Purge) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		now, err := o.Queue(ctx)
		if err != nil {
			return advise(err, nil)
		}
		open := 0
		if c.User != "" {
			account, err := o.User(ctx, c.User)
			if err != nil {
				return advise(err, knownUsers)
			}
			open = account.ConcurrentJobs
		}
		purge.Preview(s.out, now, open)
		return nil
	})
}

package cli

import (
	"context"
	"io"

	"stoker/cli/queue"
	"stoker/client"
)

// queueCommand is `stoker queue`.
type queueCommand struct {
	Show   queueShow   `cmd:"" default:"withargs" help:"Show depth and age by class and preset, workers, leases and grants (what plain \"stoker queue\" does)."`
	Dead   queueDead   `cmd:"" help:"List pictures that failed more often than they may."`
	Kick   queueKick   `cmd:"" help:"Try dead pictures again, in a new job."`
	Pause  queuePause  `cmd:"" help:"Hand out no more work of a preset, or of any."`
	Resume queueResume `cmd:"" help:"Hand it out again."`
	Purge  queuePurge  `cmd:"" help:"Cancel and refund the jobs that wait."`
}

// Help shows how to call it.
func (*queueCommand) Help() string {
	return `  stoker queue --watch
  stoker queue dead
  stoker queue pause interior`
}

type queueShow struct {
	operatorFlags
	JSON  bool `name:"json" xor:"form" help:"Print JSON."`
	Watch bool `xor:"form" help:"Show it again every 2 s, until Ctrl-C."`
}

// Run shows it once, or until Ctrl-C.
func (c *queueShow) Run(s *shell) error {
	if !c.Watch {
		return c.once(s)
	}
	cluster, err := c.dial() // once: a file that is edited meanwhile changes nothing
	if err != nil {
		return err
	}
	defer cluster.Close()
	return s.refresh(func(ctx context.Context, w io.Writer) error {
		ctx, cancel := context.WithTimeout(ctx, adminPatience)
		defer cancel()
		now, err := cluster.Operator().Queue(ctx)
		if err != nil {
			return advise(err, nil)
		}
		queue.Table(w, now)
		return nil
	})
}

func (c *queueShow) once(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		now, err := o.Queue(ctx)
		if err != nil {
			return advise(err, nil)
		}
		if c.JSON {
			return s.printJSON(now)
		}
		queue.Table(s.out, now)
		return nil
	})
}

package cli

import (
	"context"
	"errors"
	"time"

	"stoker/cli/member"
	"stoker/client"
)

// autopilotCommand is `stoker autopilot`.
type autopilotCommand struct {
	Show autopilotShow `cmd:"" default:"withargs" help:"Show which voters failed and how many more may (what plain \"stoker autopilot\" does)."`
	Set  autopilotSet  `cmd:"" help:"Say what the leader may do by itself."`
}

type autopilotShow struct {
	operatorFlags
	JSON bool `name:"json" help:"Print JSON."`
}

type autopilotSet struct {
	operatorFlags
	RemoveDeadAfter time.Duration `required:"" metavar:"DURATION" help:"Remove a voter that is silent for so long, a minute at least; 0 is never, which is the default."`
}

// Help says what holds at any rate.
func (*autopilotSet) Help() string {
	return `A dead voter is removed only while four voters or more have a seat, and while the living are a majority. Its id is never used again.

  stoker autopilot set --remove-dead-after 10m
  stoker autopilot set --remove-dead-after 0`
}

// Run shows.
func (c *autopilotShow) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		m, err := o.Members(ctx)
		switch {
		case err != nil:
			return advise(err, nil)
		case c.JSON:
			return s.printJSON(m.Autopilot)
		}
		member.Health(s.out, m)
		s.printf("%s\n", member.Deadline(time.Duration(m.Autopilot.RemoveDeadAfterS)*time.Second))
		return nil
	})
}

// Run sets.
func (c *autopilotSet) Run(s *shell) error {
	if c.RemoveDeadAfter%time.Second != 0 || c.RemoveDeadAfter < 0 {
		return errors.New("--remove-dead-after takes whole seconds, as in 10m, or 0 for never")
	}
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		if err := o.SetAutopilot(ctx, c.RemoveDeadAfter); err != nil {
			return advise(err, nil)
		}
		s.printf("%s\n", member.Deadline(c.RemoveDeadAfter))
		return nil
	})
}

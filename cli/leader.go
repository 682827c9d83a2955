package cli

import (
	"context"

	"stoker/client"
)

// leaderCommand is `stoker leader`.
type leaderCommand struct {
	Transfer leaderTransfer `cmd:"" help:"Hand leadership over."`
}

type leaderTransfer struct {
	operatorFlags
	ID string `arg:"" optional:"" complete:"node" help:"To which node (the voter that is furthest along)."`
}

// Help shows how to call it.
func (*leaderTransfer) Help() string {
	return `  stoker leader transfer
  stoker leader transfer n2`
}

// Run hands over.
func (c *leaderTransfer) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		leader, err := o.TransferLeadership(ctx, c.ID)
		if err != nil {
			return advise(err, knownMembers)
		}
		s.printf("%s leads.\n", leader)
		return nil
	})
}

// nodeCommand is `stoker node`.
type nodeCommand struct {
	Drain  nodeDrain  `cmd:"" help:"Have a node left alone: it hands leadership away, takes no polls, and is not ready for a balancer."`
	Resume nodeResume `cmd:"" help:"Bring it back to work."`
}

// Help shows how to call it.
func (*nodeCommand) Help() string {
	return `Before maintenance, and after:

  stoker node drain n2
  stoker node resume n2`
}

type nodeDrain struct {
	operatorFlags
	ID string `arg:"" complete:"node" help:"The node's id."`
}

type nodeResume struct {
	operatorFlags
	ID string `arg:"" complete:"node" help:"The node's id."`
}

// Run drains.
func (c *nodeDrain) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		if err := o.DrainNode(ctx, c.ID); err != nil {
			return advise(err, knownMembers)
		}
		s.printf("%s is left alone: it does not lead, takes no polls, and /ready says 503. It keeps its vote and its log. `stoker node resume %s` brings it back.\n", c.ID, c.ID)
		return nil
	})
}

// Run resumes.
func (c *nodeResume) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		if err := o.ResumeNode(ctx, c.ID); err != nil {
			return advise(err, knownMembers)
		}
		s.printf("%s is back at work.\n", c.ID)
		return nil
	})
}

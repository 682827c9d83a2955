package cli

import (
	"context"

	"stoker/cli/disks"
	"stoker/client"
)

// objectsCommand is `stoker objects`.
type objectsCommand struct {
	Show  objectsShow  `cmd:"" default:"withargs" help:"Show each node's files: how many, what is missing, damaged or lost, and how much room there is (what plain \"stoker objects\" does)."`
	Scrub objectsScrub `cmd:"" help:"Have every node read all its files again now, and replace what is damaged."`
}

// Help shows how to call it.
func (*objectsCommand) Help() string {
	return `  stoker objects
  stoker objects scrub       # then look with plain stoker objects how far it is`
}

type objectsShow struct {
	operatorFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// Run asks whichever node answers, which asks the others.
func (c *objectsShow) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		d, err := o.Disks(ctx)
		if err != nil {
			return advise(err, nil)
		}
		if c.JSON {
			return s.printJSON(d)
		}
		disks.Table(s.out, d, s.now())
		return nil
	})
}

type objectsScrub struct {
	operatorFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// Run begins a pass on all nodes that answer.
func (c *objectsScrub) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		d, err := o.ScrubObjects(ctx)
		if err != nil {
			return advise(err, nil)
		}
		if c.JSON {
			return s.printJSON(d)
		}
		s.printf("Every node that answers reads all its files now; `stoker objects` shows how far it is.\n")
		disks.Table(s.out, d, s.now())
		return nil
	})
}

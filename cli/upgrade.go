package cli

import (
	"context"

	"stoker/cli/upgrade"
	"stoker/client"
)

const codeFeatureLevel = "FEATURE_LEVEL"

// upgradeCommand is `stoker upgrade`.
type upgradeCommand struct {
	Status   upgradeStatus   `cmd:"" help:"Show which version each node runs, and what is missing."`
	Finalize upgradeFinalize `cmd:"" help:"Turn on what is new, when all nodes are upgraded. There is no way back."`
}

// Help shows how an upgrade goes.
func (*upgradeCommand) Help() string {
	return `One node at a time: stop it, put the new binary in place, start it, wait until it is up. Until finalize each may go back.

  stoker upgrade status
  stoker upgrade finalize`
}

type upgradeStatus struct {
	operatorFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// Run asks whichever node answers.
func (c *upgradeStatus) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		u, err := o.Upgrade(ctx)
		if err != nil {
			return advise(err, nil)
		}
		if c.JSON {
			return s.printJSON(u)
		}
		upgrade.Status(s.out, u)
		return nil
	})
}

type upgradeFinalize struct {
	operatorFlags
}

// Run raises the cluster's level.
func (c *upgradeFinalize) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		level, err := o.FinalizeUpgrade(ctx)
		if err != nil {
			return advise(err, hints{codeFeatureLevel: "`stoker upgrade status` shows who is missing"})
		}
		s.printf("The cluster is at feature level %d. Nodes of older versions can take part no more.\n", level)
		return nil
	})
}

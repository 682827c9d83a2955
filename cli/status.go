package cli

import (
	"bytes"
	"context"
	"encoding/json"

	"stoker/cli/status"
	"stoker/client"
)

// statusCommand is `stoker status`.
type statusCommand struct {
	operatorFlags
	JSON bool `name:"json" help:"Print the cluster's own JSON."`
}

// Help shows how to call it.
func (*statusCommand) Help() string {
	return `  stoker status --operator cluster/operator.toml
  stoker status --json | jq .queue`
}

// Run asks whichever node answers.
func (c *statusCommand) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		now, err := status.Fetch(ctx, o)
		if err != nil {
			return advise(err, nil)
		}
		if !c.JSON {
			now.Render(s.out)
			return nil
		}
		var text bytes.Buffer
		if err := json.Indent(&text, now.Raw, "", "  "); err != nil {
			return err
		}
		s.printf("%s\n", text.String())
		return nil
	})
}

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"stoker/cli/status"
)

// adminPatience bounds an operator's question: a person is waiting.
const adminPatience = 10 * time.Second

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
	cluster, err := c.dial()
	if err != nil {
		return err
	}
	defer cluster.Close()
	ctx, cancel := context.WithTimeout(s.ctx, adminPatience)
	defer cancel()
	now, err := status.Fetch(ctx, cluster.Operator())
	if err != nil {
		return err
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
}

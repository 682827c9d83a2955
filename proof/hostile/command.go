package hostile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"stoker/cli/local"
	"stoker/cli/setup"
	"stoker/client"
)

// Command is `proof hostile`.
type Command struct {
	Connections int    `default:"10000" help:"Connections of the siege (${default})."`
	Idle        bool   `help:"Wait for the end of kept connections too, which takes two minutes more."`
	Out         string `type:"path" metavar:"DIR" help:"Folder for hostile-report.md and hostile.svg (none)."`
	Binary      string `type:"existingfile" metavar:"FILE" help:"Program of the node (built from this module)."`
}

// Help says what is done and what must hold.
func (*Command) Help() string {
	return `Starts one node as a process on loopback and treats it as nobody should: requests that two readers could take for different
ones, pipelines, and a siege of connections that say nothing, drip, promise bodies, do not read, are half closed, or send without
end, all at the same time. Each has to end within the node's limits (half a minute for a request), nothing may be stored or answered
in another one's place, the node's memory is bounded, and somebody else reads and writes meanwhile as if nothing was.

  go run ./proof hostile
  go run ./proof hostile --connections 2000
  go run ./proof hostile --out .                 # and a report with its picture
  go run ./proof hostile --idle                  # 2m30s more`
}

// The limits of a node as it ships (handlers.Config).
const (
	read = 30 * time.Second
	idle = 2 * time.Minute
)

// Run starts a node and attacks it.
func (c *Command) Run(ctx context.Context, out io.Writer) (err error) {
	if c.Connections < 1 {
		return errors.New("hostile: at least one connection")
	}
	dir, err := os.MkdirTemp("", "stoker-hostile-")
	if err != nil {
		return fmt.Errorf("hostile: %w", err)
	}
	defer os.RemoveAll(dir)
	if c.Binary == "" {
		c.Binary = filepath.Join(dir, "stoker")
		if text, err := exec.CommandContext(ctx, "go", "build", "-o", c.Binary, "stoker").CombinedOutput(); err != nil {
			return fmt.Errorf("hostile: go build (call it from the module's root, or name a --binary): %w\n%s", err, text)
		}
	}
	node, where, err := start(ctx, filepath.Join(dir, "cluster"), c.Binary)
	if err != nil {
		return fmt.Errorf("hostile: %w", err)
	}
	defer node.Kill()
	t := Target{Addr: node.HTTP, Pid: node.Process().Pid(), Admin: where.AdminToken, Read: read, Idle: idle, Conns: c.Connections, KeepIdle: c.Idle}
	r, err := t.Attack(ctx)
	if err != nil {
		return fmt.Errorf("hostile: %w", err)
	}
	if err := node.Process().Failure(); err != nil {
		r.Rows = append(r.Rows, Row{Name: "the node's life", Wrong: []string{"it died of it: " + err.Error()}})
	}
	r.Print(out)
	if c.Out != "" {
		if err := r.publish(c.Out, c.line()); err != nil {
			return fmt.Errorf("hostile: %w", err)
		}
	}
	if n := r.Broken(); n > 0 {
		return fmt.Errorf("hostile: %d attacks did what they should not; above stands what", n)
	}
	return nil
}

// line does it again.
func (c *Command) line() string {
	line := fmt.Sprintf("go run ./proof hostile --connections %d", c.Connections)
	if c.Idle {
		line += " --idle"
	}
	return line
}

// start founds a cluster of one node and starts it.
func start(ctx context.Context, dir, binary string) (*local.Node, client.Cluster, error) {
	nodes, err := local.Anywhere(1)
	if err != nil {
		return nil, client.Cluster{}, err
	}
	made, err := setup.Found(setup.Plan{Nodes: nodes, Out: dir})
	if err != nil {
		return nil, client.Cluster{}, err
	}
	cluster, err := local.Open(dir, binary)
	if err != nil {
		return nil, client.Cluster{}, err
	}
	if err := cluster.Start(ctx); err != nil {
		return nil, client.Cluster{}, err
	}
	where, err := client.LoadOperator(made.Operator)
	return cluster.Nodes[0], where, err
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"stoker/cli/member"
	"stoker/client"
)

// membersCommand is `stoker members`.
type membersCommand struct {
	operatorFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// Help shows how to call it.
func (*membersCommand) Help() string {
	return `  stoker members
  stoker members --json`
}

// Run lists.
func (c *membersCommand) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		m, err := o.Members(ctx)
		switch {
		case err != nil:
			return advise(err, nil)
		case c.JSON:
			return s.printJSON(m)
		}
		member.Table(s.out, m, s.now())
		return nil
	})
}

// memberCommand is `stoker member`.
type memberCommand struct {
	Remove memberRemove `cmd:"" help:"Take a node's seat for good: it is told, and its process ends."`
}

type memberRemove struct {
	operatorFlags
	ID    string `arg:"" complete:"node" help:"The node's id."`
	Force bool   `help:"Also when no other voter may fail afterwards, or when the last copies of pictures are lost."`
	Yes   bool   `help:"Do not ask."`
	JSON  bool   `name:"json" help:"Print JSON. Needs --yes."`
}

// Help says what happens.
func (*memberRemove) Help() string {
	return `It says first what the cluster is without the node, and asks. A removal that would leave too few voters to decide anything is refused,
with --force too. The node's id is never used again: bring the machine back under another one (stoker token create).

  stoker member remove n1
  stoker member remove n1 --yes`
}

// removalPatience bounds a removal: a leader that removes itself hands over first.
const removalPatience = 30 * time.Second

// Run looks, asks and removes.
func (c *memberRemove) Run(s *shell) error {
	if c.JSON && !c.Yes {
		return errors.New("--json needs --yes: there would be nobody to ask")
	}
	return c.askFor(s, removalPatience, func(ctx context.Context, o *client.Operator) error {
		if !c.Yes {
			goes, err := c.confirm(ctx, s, o)
			if err != nil || !goes {
				return err
			}
		}
		ctx, cancel := context.WithTimeout(s.ctx, removalPatience) // the person's time to think does not count
		defer cancel()
		r, err := o.RemoveMember(ctx, c.ID, c.Force, false)
		switch {
		case err != nil:
			return advise(err, knownMembers)
		case c.JSON:
			return s.printJSON(r)
		}
		if c.Yes {
			member.Plan(s.out, r)
		}
		s.printf("%s is removed. Its id is never used again.\n", c.ID)
		return nil
	})
}

// confirm says what the removal would do, and asks on a terminal.
func (c *memberRemove) confirm(ctx context.Context, s *shell, o *client.Operator) (bool, error) {
	r, err := o.RemoveMember(ctx, c.ID, c.Force, true)
	if err != nil {
		return false, advise(err, knownMembers)
	}
	member.Plan(s.out, r)
	if r.Refused != "" {
		return false, errors.New(r.Refused)
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return false, errors.New("nothing was removed: --yes does it without asking")
	}
	s.printf("Remove %s? [y/N] ", c.ID)
	var answer string
	fmt.Scanln(&answer)
	if answer != "y" && answer != "yes" {
		s.printf("Nothing was removed.\n")
		return false, nil
	}
	return true, nil
}

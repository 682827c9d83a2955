package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"stoker/cli/show"
	"stoker/cli/verify"
	"stoker/client"
)

// verifyPatience bounds a verification: every node may read its rows for some seconds.
const verifyPatience = 30 * time.Second

// verifyCommand is `stoker verify`.
type verifyCommand struct {
	operatorFlags
	JSON  bool `name:"json" help:"Print JSON."`
	Clear bool `help:"End the alarm, when what was wrong is replaced."`
}

// Help shows how to call it.
func (*verifyCommand) Help() string {
	return `Every node shows the running hash of its state and reads all its rows; they must agree. Nodes do the same by themselves, all the time, and stop spending when they differ. The exit code is 1 unless all is sound.

  stoker verify
  stoker verify --clear       # spend again`
}

// Run verifies, or ends the alarm.
func (c *verifyCommand) Run(s *shell) error {
	return c.askFor(s, verifyPatience, func(ctx context.Context, o *client.Operator) error {
		if c.Clear {
			a, err := o.ClearAlarm(ctx)
			if err != nil {
				return advise(err, hints{codeNotFound: "there is nothing to clear"})
			}
			s.printf("The alarm about %s is cleared; jobs are taken again. When nodes still differ it is back within a minute.\n", show.Plain(strings.Join(a.Nodes, ", ")))
			return nil
		}
		v, err := o.Verify(ctx, true)
		if err != nil {
			return advise(err, nil)
		}
		if c.JSON {
			err = s.printJSON(v)
		} else {
			verify.Report(s.out, v, s.now())
		}
		if err == nil && !verify.Sound(v) {
			err = errors.New("the nodes' states are not sound, see above")
		}
		return err
	})
}

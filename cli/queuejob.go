package cli

import (
	"context"
	"errors"
	"fmt"

	"stoker/cli/queue"
	"stoker/client"
)

type queueDead struct {
	operatorFlags
	Limit int  `default:"50" metavar:"N" help:"How many at most (${default})."`
	JSON  bool `name:"json" help:"Print JSON."`
}

type queueKick struct {
	operatorFlags
	Job string `arg:"" complete:"dead" help:"Job id, j_…"`
	Idx *int   `arg:"" optional:"" help:"Item, from 0 (all dead ones of the job)."`
}

// Help shows how to call it.
func (*queueKick) Help() string {
	return `Dead pictures were refunded, so the new job debits its user like any other, and may be refused like any other.

  stoker queue kick j_abc        # all dead items of the job
  stoker queue kick j_abc 3      # only item 3`
}

// Run lists them, page by page, up to the limit.
func (c *queueDead) Run(s *shell) error {
	if c.Limit < 1 {
		return errors.New("--limit: give 1 or more")
	}
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		all := client.DeadPage{Dead: []client.DeadItem{}}
		for {
			page, err := o.Dead(ctx, all.NextCursor)
			if err != nil {
				return advise(err, nil)
			}
			all.Dead, all.NextCursor = append(all.Dead, page.Dead...), page.NextCursor
			if all.NextCursor == "" || len(all.Dead) >= c.Limit {
				break
			}
		}
		more := all.NextCursor != "" || len(all.Dead) > c.Limit
		all.Dead = all.Dead[:min(len(all.Dead), c.Limit)]
		if c.JSON {
			return s.printJSON(struct {
				Dead []client.DeadItem `json:"dead"`
				More bool              `json:"more"`
			}{all.Dead, more})
		}
		queue.Dead(s.out, all.Dead, more, s.now())
		return nil
	})
}

// Run tries again.
func (c *queueKick) Run(s *shell) error {
	idx, what := -1, "The dead items of "+c.Job+" are"
	if c.Idx != nil {
		if idx = *c.Idx; idx < 0 {
			return errors.New("IDX: items count from 0; leave it away for all dead items of the job")
		}
		what = fmt.Sprintf("Item %d of %s is", idx, c.Job)
	}
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		job, err := o.Kick(ctx, c.Job, idx)
		if err != nil {
			return advise(err, hints{
				codeNotFound:           "`stoker queue dead` lists what can be kicked",
				client.CodeJobNotFound: "`stoker queue dead` lists what can be kicked",
				client.CodeNoCredits:   "`stoker user grant USER CREDITS --reason TEXT` pays for the new job",
				client.CodeConcurrency: "kick it when one of the user's jobs has ended",
			})
		}
		s.printf("%s tried again in the new job %s: `stoker job why %[2]s` follows it.\n", what, job)
		return nil
	})
}

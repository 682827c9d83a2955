package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"stoker/client"
)

// customer orders one job after another.
type customer struct {
	*chaos
	name string
	app  *client.App
	id   string
	whim *rand.Rand
	jobs []string
	paid int // credits for items, all of them debited once
	gone int // jobs it canceled
}

// shop orders so many items, batch by batch, and returns when the last job has ended.
func (c *customer) shop(ctx context.Context, items int) error {
	c.app = c.slow.App("")
	in, err := c.app.SignIn(ctx, "")
	if err != nil {
		return err
	}
	c.id = in.UserID
	if err := c.slow.Operator().SetPlan(ctx, c.id, "pro"); err != nil {
		return err
	}
	if err := c.slow.Operator().GrantCredits(ctx, c.id, fortune, "chaos"); err != nil {
		return err
	}
	buyer := &buyer{testbed: c.testbed, app: c.app, id: c.id}
	for items > 0 {
		n := min(items, c.Batch)
		items -= n
		job, err := buyer.prepare(ctx, n)
		if err != nil {
			return fmt.Errorf("job %s: %w", job, err)
		}
		c.jobs = append(c.jobs, job)
		c.paid += n
		if err := buyer.execute(ctx, job); err != nil {
			return fmt.Errorf("job %s: %w", job, err)
		}
		if err := c.await(ctx, job); err != nil {
			return fmt.Errorf("job %s: %w", job, err)
		}
	}
	return nil
}

// every so many-th job is canceled while it runs.
const regrets = 5

// await asks for the job until it has ended, and may cancel it once a worker has some of it.
func (c *customer) await(ctx context.Context, id string) error {
	regret := c.whim.IntN(regrets) == 0
	for {
		job, err := c.app.Job(ctx, id)
		if err != nil {
			return err
		}
		if job.Status.Terminal() {
			return nil
		}
		if regret && job.Status == client.Running {
			regret = false
			if err := c.cancel(ctx, id); err != nil {
				return err
			}
		}
		if err := pause(ctx, 250*time.Millisecond); err != nil {
			return fmt.Errorf("%s, %d of %d done: %w", job.Status, job.DoneItems, job.TotalItems, err)
		}
	}
}

// cancel ends the job; one that ended first stays as it is.
func (c *customer) cancel(ctx context.Context, id string) error {
	err := c.app.Cancel(ctx, id)
	if refused := (*client.Error)(nil); errors.As(err, &refused) && refused.Code == "JOB_INVALID_TRANSITION" {
		return nil
	}
	if err == nil {
		c.gone++
	}
	return err
}

package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"stoker/client"
)

const (
	preset    = "interior"
	atOnce    = 4 // uploads and downloads
	paidPlan  = "pro"
	enoughFor = "the demo's pictures" // what the ledger says of granted credits
)

// wishes are the rule of the demo: every action once.
var wishes = client.NewRule{
	Name:     "demo",
	PresetID: preset,
	Concepts: map[string]client.Concept{
		"Wall":  {Action: "recolor", Value: "#7f9f8a"},
		"Floor": {Action: "texture", Value: "marble"},
		"Door":  {Action: "recolor", Value: "maroon"},
		"Light": {Action: "tone", Value: "warmer"},
	},
}

// customer is the app's user.
type customer struct {
	*show
	app    *client.App
	photos []photo
	device string // a user to sign in as again; empty: a new one
	spare  int64  // credits to have left

	user    client.SignedIn
	before  client.Me // with credits and plan for the job
	job     string
	results map[int]int // how often each item was told to be done
	murder  *murder
}

// order makes the whole job: an account, a rule, the uploads, and waiting for the end.
func (c *customer) order(ctx context.Context) (err error) {
	if c.user, err = c.app.SignIn(ctx, c.device); err != nil {
		return err
	}
	if err := c.afford(ctx); err != nil {
		return err
	}
	rule, err := c.app.CreateRule(ctx, wishes)
	if err != nil {
		return err
	}
	ticket, err := c.app.CreateJob(ctx, preset, len(c.photos))
	if err != nil {
		return err
	}
	c.job = ticket.JobID
	c.screen.job(c.job, "uploading", 0, len(c.photos))
	if len(ticket.PresignedURLs) != len(c.photos) {
		return fmt.Errorf("%d pictures, but %d places to put them", len(c.photos), len(ticket.PresignedURLs))
	}
	up, uploading := errgroup.WithContext(ctx)
	up.SetLimit(atOnce)
	for _, to := range ticket.PresignedURLs {
		up.Go(func() error { return c.app.UploadFile(uploading, to.URL, c.photos[to.Idx].path) })
	}
	if err := up.Wait(); err != nil {
		return err
	}
	if err := c.app.ConfirmUpload(ctx, c.job); err != nil {
		return err
	}
	if err := c.app.Execute(ctx, c.job, client.Execution{RuleID: rule.ID}); err != nil {
		return err
	}
	return c.follow(ctx)
}

// afford sees to it that plan and credits suffice: a new user has ten credits, and somebody's folder may have more pictures.
func (c *customer) afford(ctx context.Context) error {
	me, err := c.app.Me(ctx)
	if err != nil {
		return err
	}
	if len(c.photos) > me.Limits.MaxItems {
		if err := c.api.Operator().SetPlan(ctx, me.UserID, paidPlan); err != nil {
			return err
		}
		if me, err = c.app.Me(ctx); err != nil {
			return err
		}
	}
	if most := me.Limits.MaxItems; len(c.photos) > most {
		return fmt.Errorf("%d pictures, and plan %s takes %d in one job: give a smaller folder", len(c.photos), me.Plan, most)
	}
	if lack := int64(len(c.photos)) + c.spare - me.Credits; lack > 0 {
		if err := c.api.Operator().GrantCredits(ctx, me.UserID, lack, enoughFor); err != nil {
			return err
		}
	}
	c.before, err = c.app.Me(ctx)
	return err
}

// follow reads the job's event stream to its end, and kills the leader on the way if that is wanted.
func (c *customer) follow(ctx context.Context) error {
	total := len(c.photos)
	c.results = map[int]int{}
	c.screen.job(c.job, "queued", 0, total)
	for e, err := range c.app.Events(ctx, c.job, "") {
		if err != nil {
			return err
		}
		var told struct {
			Idx      int
			Status   client.Status
			Progress struct{ Done, Failed int }
			Job      client.Job
		}
		if err := json.Unmarshal(e.Data, &told); err != nil {
			return fmt.Errorf("event %s: %w", e.ID, err)
		}
		done := told.Progress.Done
		switch e.Type {
		case "snapshot":
			for _, item := range told.Job.Items {
				if item.Status == client.Done {
					c.results[item.Idx]++
				}
			}
			done = told.Job.DoneItems
			c.screen.job(c.job, string(told.Job.Status), done, total)
		case "item":
			if told.Status == client.Done {
				c.results[told.Idx]++
			}
			c.screen.job(c.job, "running", done, total)
		case "status":
			c.screen.job(c.job, string(told.Status), done, total)
		}
		if c.KillLeader && c.murder == nil && done > 0 {
			if done == total {
				return errors.New("all pictures were done before the leader could be killed: give more pictures")
			}
			if c.murder, err = c.killLeader(ctx, done, total); err != nil {
				return err
			}
		}
	}
	return nil
}

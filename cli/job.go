package cli

import (
	"context"
	"errors"

	"stoker/cli/job"
	"stoker/client"
)

// jobCommand is `stoker job`.
type jobCommand struct {
	List   jobList   `cmd:"" help:"List everybody's jobs, newest first, but for those in the archive."`
	Show   jobShow   `cmd:"" help:"Show a job with its items, also one in the archive."`
	Log    jobLog    `cmd:"" help:"Show a job's whole life: each step, booking and lease, with its place in the log."`
	Why    jobWhy    `cmd:"" help:"Say where a job stands, what it waits for, and who holds it."`
	Cancel jobCancel `cmd:"" help:"Cancel anybody's job; what was not done is refunded."`
	Retry  jobRetry  `cmd:"" help:"Try again what an ended job has not done, in a new job."`
}

// Help shows how to call it.
func (*jobCommand) Help() string {
	return `  stoker job list --status running --user u_abc
  stoker job why j_abc            # what it waits for
  stoker job log j_abc            # how it came to this
  stoker job retry j_abc          # what it has not done, once more`
}

// oneJob names a job.
type oneJob struct {
	operatorFlags
	Job string `arg:"" complete:"job" help:"Job id, j_…"`
}

// noSuchJob is what to do about an id that nobody knows.
var noSuchJob = hints{client.CodeJobNotFound: "`stoker job list` lists those that there are"}

type jobList struct {
	operatorFlags
	User   string        `metavar:"USER" complete:"user" help:"Only this user's."`
	Status client.Status `enum:",created,uploaded,queued,running,done,failed,canceled" default:"" metavar:"STATUS" help:"Only those that are created, uploaded, queued, running, done, failed or canceled."`
	Preset string        `metavar:"PRESET" complete:"preset" help:"Only those of this preset."`
	Limit  int           `default:"50" metavar:"N" help:"How many at most (${default})."`
	Cursor string        `metavar:"CURSOR" help:"Go on where an earlier list ended."`
	JSON   bool          `name:"json" help:"Print JSON."`
}

type jobShow struct {
	oneJob
	JSON bool `name:"json" help:"Print JSON."`
}

type jobLog struct {
	oneJob
	JSON bool `name:"json" help:"Print JSON."`
}

type jobWhy struct {
	oneJob
	JSON bool `name:"json" help:"Print JSON."`
}

type jobCancel struct {
	oneJob
	JSON bool `name:"json" help:"Print JSON."`
}

type jobRetry struct {
	oneJob
	JSON bool `name:"json" help:"Print JSON."`
}

// Help says what it costs.
func (*jobRetry) Help() string {
	return `Whatever failed, died or was canceled is in the new job, whose inputs are the old one's pictures. It was refunded, so the new
job debits its user like any other, and may be refused like any other. ` + "`stoker queue kick`" + ` takes the dead alone.`
}

// Run lists them, page by page, up to the limit.
func (c *jobList) Run(s *shell) error {
	if c.Limit < 1 {
		return errors.New("--limit: give 1 or more")
	}
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		q := client.JobQuery{User: c.User, Status: c.Status, Preset: c.Preset, Cursor: c.Cursor}
		all := client.JobLines{Jobs: []client.JobLine{}}
		for {
			q.Limit = min(c.Limit-len(all.Jobs), 50)
			page, err := o.Jobs(ctx, q)
			if err != nil {
				return advise(err, hints{codeNotFound: "`stoker user list` lists those that there are"})
			}
			all.Jobs, all.Next = append(all.Jobs, page.Jobs...), page.Next
			if q.Cursor = page.Next; q.Cursor == "" || len(all.Jobs) >= c.Limit {
				break
			}
		}
		if c.JSON {
			return s.printJSON(all)
		}
		job.List(s.out, all, q.User+string(q.Status)+q.Preset != "", s.now())
		return nil
	})
}

// Run shows it.
func (c *jobShow) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		j, err := o.Job(ctx, c.Job)
		if err != nil {
			return advise(err, noSuchJob)
		}
		if c.JSON {
			return s.printJSON(j)
		}
		job.Show(s.out, j)
		return nil
	})
}

// Run shows its life.
func (c *jobLog) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		log, err := o.JobLog(ctx, c.Job)
		if err != nil {
			return advise(err, noSuchJob)
		}
		if c.JSON {
			return s.printJSON(log)
		}
		job.Log(s.out, log)
		return nil
	})
}

// Run says what it waits for.
func (c *jobWhy) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		e, err := o.Explain(ctx, c.Job)
		if err != nil {
			return advise(err, noSuchJob)
		}
		if c.JSON {
			return s.printJSON(e)
		}
		job.Why(s.out, e, s.now())
		return nil
	})
}

// Run cancels it.
func (c *jobCancel) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		refunded, err := o.CancelJob(ctx, c.Job)
		if err != nil {
			return advise(err, hints{client.CodeJobNotFound: noSuchJob[client.CodeJobNotFound], codeTransition: "what has ended stays as it is"})
		}
		if c.JSON {
			return s.printJSON(struct {
				JobID    string `json:"job_id"`
				Refunded int64  `json:"refunded"`
			}{c.Job, refunded})
		}
		s.printf("%s is canceled; %d credits were given back. `stoker job log %[1]s` shows its life.\n", c.Job, refunded)
		return nil
	})
}

// Run tries again.
func (c *jobRetry) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		id, items, err := o.RetryJob(ctx, c.Job)
		if err != nil {
			return advise(err, hints{
				client.CodeJobNotFound: noSuchJob[client.CodeJobNotFound],
				codeTransition:         "`stoker job why " + c.Job + "` says what it waits for, `stoker job cancel` ends it",
				client.CodeNoCredits:   "`stoker user grant USER CREDITS --reason TEXT` pays for the new job",
				client.CodeConcurrency: "try it again when one of the user's jobs has ended",
			})
		}
		if c.JSON {
			return s.printJSON(struct {
				JobID   string `json:"job_id"`
				RetryOf string `json:"retry_of"`
				Items   int    `json:"items"`
			}{id, c.Job, items})
		}
		s.printf("%d of the items of %s are tried again in the new job %s: `stoker job why %[3]s` follows it.\n", items, c.Job, id)
		return nil
	})
}

package cli

import (
	"context"

	"stoker/cli/worker"
	"stoker/client"
)

// workerCommand is `stoker worker`: the sample worker, and the operator's hand on all workers.
type workerCommand struct {
	Run        workerRun        `cmd:"" default:"withargs" help:"Run the sample worker (what plain \"stoker worker\" does)."`
	List       workerList       `cmd:"" help:"List the workers that were here lately."`
	Drain      workerDrain      `cmd:"" help:"Give a worker no more work; it stays."`
	Quarantine workerQuarantine `cmd:"" help:"Give a worker no more work because it is suspect."`
	Resume     workerResume     `cmd:"" help:"Give a worker work again."`
	Exit       workerExit       `cmd:"" help:"Tell a worker to finish and end."`
}

// Help shows how to call it.
func (*workerCommand) Help() string {
	return `Without a command it runs the sample worker, which has no segmentation model; "stoker worker run --help" says what it can.

  stoker worker --operator cluster/operator.toml
  stoker worker list
  stoker worker drain gpu-7 --why "new driver"`
}

type workerList struct {
	operatorFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// workerNamed is what the operator's word on a worker takes.
type workerNamed struct {
	operatorFlags
	ID  string `arg:"" complete:"worker" help:"Worker id, as in \"stoker worker list\"."`
	Why string `metavar:"TEXT" help:"What the list shall say of it."`
}

type workerDrain struct{ workerNamed }
type workerQuarantine struct{ workerNamed }
type workerResume struct{ workerNamed }
type workerExit struct{ workerNamed }

// Run lists them.
func (c *workerList) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		all, err := o.Workers(ctx)
		if err != nil {
			return advise(err, nil)
		}
		if c.JSON {
			return s.printJSON(struct {
				Workers []client.KnownWorker `json:"workers"`
			}{all})
		}
		worker.Table(s.out, all, s.now())
		return nil
	})
}

// Run drains it.
func (c *workerDrain) Run(s *shell) error { return c.put(s, client.WorkerDraining) }

// Run quarantines it.
func (c *workerQuarantine) Run(s *shell) error { return c.put(s, client.WorkerQuarantined) }

// Run takes drain and quarantine back.
func (c *workerResume) Run(s *shell) error { return c.put(s, client.WorkerActive) }

// Run tells it to end.
func (c *workerExit) Run(s *shell) error { return c.put(s, client.WorkerExiting) }

// put brings the worker into a state and says what that means.
func (c *workerNamed) put(s *shell, state client.WorkerState) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		now, err := o.SetWorker(ctx, c.ID, state, c.Why)
		if err != nil {
			return advise(err, hints{codeNotFound: "`stoker worker list` names those that were here in the last day"})
		}
		worker.Now(s.out, now)
		return nil
	})
}

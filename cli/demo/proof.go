package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/client"
)

// proof is what was checked.
type proof struct {
	job    client.Job
	ledger []client.BillingEvent // oldest first
	me     client.Me
	cost   int64
	murder *murder
}

// prove checks every claim of the last line, and says what is wrong with each that does not hold.
func (c *customer) prove(ctx context.Context) (*proof, error) {
	p := &proof{murder: c.murder}
	var err error
	if p.job, err = c.app.Job(ctx, c.job); err != nil {
		return nil, err
	}
	if p.me, err = c.app.Me(ctx); err != nil {
		return nil, err
	}
	if p.ledger, err = c.wholeLedger(ctx); err != nil {
		return nil, err
	}
	history, err := c.app.History(ctx, c.job)
	if err != nil {
		return nil, err
	}
	p.cost = c.before.Credits - p.me.Credits
	return p, errors.Join(
		c.everyItemOnce(p.job, history),
		c.ledgerAddsUp(p),
		c.afterTheKill(history),
		c.nodesAgree(ctx, p),
		c.fetch(ctx, p.job),
	)
}

// wholeLedger reads all pages.
func (c *customer) wholeLedger(ctx context.Context) (all []client.BillingEvent, err error) {
	for cursor := ""; ; {
		page, err := c.app.Billing(ctx, cursor)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Events {
			all = append([]client.BillingEvent{e}, all...)
		}
		if cursor = page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}

// everyItemOnce holds the job's state, its event stream and its history against each other.
func (c *customer) everyItemOnce(job client.Job, history []client.Transition) error {
	total := len(c.photos)
	var wrong []error
	if job.Status != client.Done || job.DoneItems != total || job.FailedItems != 0 || job.TotalItems != total {
		wrong = append(wrong, fmt.Errorf("the job is %s with %d done and %d failed of %d pictures", job.Status, job.DoneItems, job.FailedItems, total))
	}
	for _, item := range job.Items {
		if item.Status != client.Done {
			wrong = append(wrong, fmt.Errorf("picture %d is %s: %s", item.Idx, item.Status, item.Error))
		}
		if n := c.results[item.Idx]; n != 1 {
			wrong = append(wrong, fmt.Errorf("the event stream told %d times that picture %d is done", n, item.Idx))
		}
	}
	final := 0
	for _, step := range history {
		if step.To.Terminal() {
			final++
		}
	}
	if final != total+1 { // each picture, and the job
		wrong = append(wrong, fmt.Errorf("the history has %d endings; %d pictures and their job make %d", final, total, total+1))
	}
	return errors.Join(wrong...)
}

// ledgerAddsUp recomputes every balance.
func (c *customer) ledgerAddsUp(p *proof) error {
	var wrong []error
	var sum, ofJob int64
	for _, e := range p.ledger {
		if sum += e.Amount; sum != e.Balance || sum < 0 {
			wrong = append(wrong, fmt.Errorf("the ledger says %d after %s, its rows add up to %d", e.Balance, e.ID, sum))
		}
		if e.Ref == c.job {
			ofJob -= e.Amount
		}
	}
	if sum != p.me.Credits {
		wrong = append(wrong, fmt.Errorf("the ledger adds up to %d, the account has %d credits", sum, p.me.Credits))
	}
	if ofJob != p.cost || p.cost <= 0 || p.cost%int64(len(c.photos)) != 0 {
		wrong = append(wrong, fmt.Errorf("%d pictures cost %d credits, the ledger says %d", len(c.photos), p.cost, ofJob))
	}
	if p.me.ConcurrentJobs != 0 {
		wrong = append(wrong, fmt.Errorf("%d jobs still count as open", p.me.ConcurrentJobs))
	}
	return errors.Join(wrong...)
}

// afterTheKill wants a picture that was finished without the leader that was killed.
func (c *customer) afterTheKill(history []client.Transition) error {
	if c.murder == nil {
		return nil
	}
	after := 0
	for _, step := range history {
		if step.To == client.Done && step.At.After(c.murder.at) {
			after++
		}
	}
	if after < 2 { // a picture and the job
		return errors.New("nothing was left to do when the leader was killed: give more pictures")
	}
	return nil
}

// nodesAgree asks each node by itself, the one that was killed and came back too.
func (c *customer) nodesAgree(ctx context.Context, p *proof) error {
	var wrong []error
	for _, n := range c.cluster.Nodes {
		only, err := client.New(client.Cluster{Endpoints: []string{"http://" + n.HTTP}})
		if err != nil {
			return err
		}
		app := only.App(c.app.Token())
		me, err := app.Me(ctx)
		job, jobErr := app.Job(ctx, c.job)
		only.Close()
		switch {
		case err != nil || jobErr != nil:
			wrong = append(wrong, fmt.Errorf("node %s: %w", n.ID, errors.Join(err, jobErr)))
		case me != p.me || job.Status != p.job.Status || job.DoneItems != p.job.DoneItems:
			wrong = append(wrong, fmt.Errorf("node %s tells another story: %+v, job %s with %d done", n.ID, me, job.Status, job.DoneItems))
		}
	}
	return errors.Join(wrong...)
}

// print shows the ledger and the last line.
func (p *proof) print(s *show) {
	w := s.Options.Screen
	fmt.Fprintf(w, "\nThe ledger of %s (%s):\n", p.me.UserID, p.me.Plan)
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"at", "type", "amount", "balance", "for"})
	for _, e := range p.ledger {
		t.AppendRow(table.Row{e.CreatedAt.Local().Format(time.TimeOnly), e.Type, fmt.Sprintf("%+d", e.Amount), e.Balance, e.Ref})
	}
	t.Render()
	fmt.Fprintf(w, "Results and previews: %s\n", s.Out)
	killed := ""
	if p.murder != nil {
		killed = fmt.Sprintf(" %s, the leader, was killed after %d and is back;", p.murder.node.ID, p.murder.after)
	}
	n := p.job.TotalItems
	fmt.Fprintf(w, "%d of %d pictures arrived, each once;%s no request failed, %d node(s) agree; %d credits; %.1f s, the job %.1f s of them.\n",
		n, n, killed, len(s.cluster.Nodes), p.cost, time.Since(s.began).Seconds(), p.job.UpdatedAt.Sub(p.job.CreatedAt).Seconds())
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"stoker/client"
)

// userCommand is `stoker user`.
type userCommand struct {
	Show  userShow  `cmd:"" help:"Show a user's account."`
	Grant userGrant `cmd:"" help:"Book credits on a user's ledger; a negative number takes them back."`
	Plan  userPlan  `cmd:"" help:"Move a user to another plan."`
}

type userShow struct {
	operatorFlags
	User string `arg:"" help:"User id, u_…"`
}

type userGrant struct {
	operatorFlags
	User   string `arg:"" help:"User id, u_…"`
	Amount int64  `arg:"" help:"Credits."`
	Reason string `required:"" help:"What the ledger shall say."`
}

// Help shows how to call it.
func (*userGrant) Help() string {
	return `  stoker user grant u_abc 100 --reason "order 4711"
  stoker user grant u_abc --reason "order 4711 came back" -- -100`
}

type userPlan struct {
	operatorFlags
	User string `arg:"" help:"User id, u_…"`
	Plan string `arg:"" help:"Plan, as in free or pro."`
}

// Run shows the account.
func (c *userShow) Run(s *shell) error {
	return c.operate(s, c.User, func(context.Context, *client.Operator) error { return nil })
}

// Run books the credits and shows the account.
func (c *userGrant) Run(s *shell) error {
	if c.Amount == 0 {
		return errors.New("0 credits change nothing")
	}
	return c.operate(s, c.User, func(ctx context.Context, o *client.Operator) error {
		return o.GrantCredits(ctx, c.User, c.Amount, c.Reason)
	})
}

// Run sets the plan and shows the account.
func (c *userPlan) Run(s *shell) error {
	return c.operate(s, c.User, func(ctx context.Context, o *client.Operator) error {
		return o.SetPlan(ctx, c.User, c.Plan)
	})
}

// operate does something to a user and shows what came of it.
func (f operatorFlags) operate(s *shell, id string, do func(context.Context, *client.Operator) error) error {
	if !strings.HasPrefix(id, "u_") {
		return fmt.Errorf("%q is no user id: they begin with u_", id)
	}
	cluster, err := f.dial()
	if err != nil {
		return err
	}
	defer cluster.Close()
	ctx, cancel := context.WithTimeout(s.ctx, adminPatience)
	defer cancel()
	if err := do(ctx, cluster.Operator()); err != nil {
		return err
	}
	me, err := cluster.Operator().User(ctx, id)
	if err != nil {
		return err
	}
	t := table.NewWriter()
	t.SetOutputMirror(s.out)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"user", "plan", "credits", "open jobs", "rules", "pictures a job"})
	t.AppendRow(table.Row{me.UserID, me.Plan, me.Credits,
		fmt.Sprintf("%d of %d", me.ConcurrentJobs, me.Limits.MaxConcurrency),
		fmt.Sprintf("%d of %d", me.RuleSlots, me.Limits.MaxRuleSlots), me.Limits.MaxItems})
	t.Render()
	return nil
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"stoker/cli/user"
	"stoker/client"
)

// userCommand is `stoker user`.
type userCommand struct {
	Show    userShow    `cmd:"" help:"Show a user's account."`
	Grant   userGrant   `cmd:"" help:"Book credits on a user's ledger; a negative number takes them back."`
	Plan    userPlan    `cmd:"" help:"Move a user to another plan."`
	Revoke  userRevoke  `cmd:"" help:"Sign a user out for good: its tokens open nothing, its streams end. Its jobs go on."`
	Restore userRestore `cmd:"" help:"Let a revoked user in again."`
	Move    userMove    `cmd:"" help:"Move a user to another cell, with its credits, ledger, rules, jobs and pictures."`
	List    userList    `cmd:"" help:"List users, by id."`
	Ledger  userLedger  `cmd:"" help:"Show what was ever booked on a user's ledger, newest first."`
}

type userRevoke struct {
	operatorFlags
	User string `arg:"" complete:"user" help:"User id, u_…"`
}

type userRestore struct {
	operatorFlags
	User string `arg:"" complete:"user" help:"User id, u_…"`
}

// Run revokes and shows the account.
func (c *userRevoke) Run(s *shell) error {
	return c.change(s, c.User, func(ctx context.Context, o *client.Operator) error { return o.RevokeUser(ctx, c.User, true) })
}

// Run restores and shows the account.
func (c *userRestore) Run(s *shell) error {
	return c.change(s, c.User, func(ctx context.Context, o *client.Operator) error { return o.RevokeUser(ctx, c.User, false) })
}

type userShow struct {
	operatorFlags
	User string `arg:"" complete:"user" help:"User id, u_…"`
}

type userGrant struct {
	operatorFlags
	User   string `arg:"" complete:"user" help:"User id, u_…"`
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
	User string `arg:"" complete:"user" help:"User id, u_…"`
	Plan string `arg:"" complete:"plan" help:"Plan, as in free or pro."`
}

// Run shows the account and the newest of its ledger.
func (c *userShow) Run(s *shell) error {
	return c.operate(s, c.User, func(ctx context.Context, o *client.Operator) error {
		a, err := o.User(ctx, c.User)
		if err != nil {
			return err
		}
		user.Account(s.out, a)
		user.Ledger(s.out, a.BillingPage)
		return nil
	})
}

// Run books the credits and shows the account.
func (c *userGrant) Run(s *shell) error {
	if c.Amount == 0 {
		return errors.New("0 credits change nothing")
	}
	return c.change(s, c.User, func(ctx context.Context, o *client.Operator) error {
		return o.GrantCredits(ctx, c.User, c.Amount, c.Reason)
	})
}

// Run sets the plan and shows the account.
func (c *userPlan) Run(s *shell) error {
	return c.change(s, c.User, func(ctx context.Context, o *client.Operator) error {
		return o.SetPlan(ctx, c.User, c.Plan)
	})
}

// change does something to a user and shows what came of it.
func (f operatorFlags) change(s *shell, id string, do func(context.Context, *client.Operator) error) error {
	return f.operate(s, id, func(ctx context.Context, o *client.Operator) error {
		if err := do(ctx, o); err != nil {
			return err
		}
		a, err := o.User(ctx, id)
		if err != nil {
			return err
		}
		user.Account(s.out, a)
		return nil
	})
}

// knownUsers is what to do about a user that is none.
var knownUsers = hints{codeNotFound: "a user's id is what its GET /me says"}

// operate asks about a user.
func (f operatorFlags) operate(s *shell, id string, do func(context.Context, *client.Operator) error) error {
	if err := userID(id); err != nil {
		return err
	}
	return f.ask(s, func(ctx context.Context, o *client.Operator) error { return advise(do(ctx, o), knownUsers) })
}

// saneUser is what an id may be; those that were imported need not begin with u_.
var saneUser = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// userID refuses what cannot be one before it travels.
func userID(id string) error {
	if !saneUser.MatchString(id) {
		return fmt.Errorf("%q is no user id: `stoker user list` lists them", id)
	}
	return nil
}

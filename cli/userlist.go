package cli

import (
	"context"
	"encoding/json"

	"stoker/cli/user"
	"stoker/client"
)

type userList struct {
	operatorFlags
	Plan       string `help:"Only those on this plan."`
	MinCredits int64  `metavar:"N" help:"Only those with N credits or more."`
	Limit      int    `default:"100" help:"How many at most; 0: all (${default})."`
	JSON       bool   `name:"json" help:"Print JSON, a user a line."`
}

// Help shows how to call it.
func (*userList) Help() string {
	return `  stoker user list
  stoker user list --plan pro --min-credits 1000
  stoker user list --limit 0 --json | jq -r .user_id`
}

type userLedger struct {
	operatorFlags
	User  string `arg:"" complete:"user" help:"User id, u_…"`
	Limit int    `default:"100" help:"How many rows at most; 0: all (${default})."`
	JSON  bool   `name:"json" help:"Print JSON, a row a line."`
}

// Help shows how to call it.
func (*userLedger) Help() string {
	return `  stoker user ledger u_abc
  stoker user ledger u_abc --limit 0 --json`
}

// Run lists.
func (c *userList) Run(s *shell) error {
	var all []client.UserLine
	cut, err := gather(s, c.operatorFlags, c.Limit, func(ctx context.Context, o *client.Operator, cursor string) (int, string, error) {
		page, err := o.Users(ctx, client.UserQuery{Plan: c.Plan, MinCredits: c.MinCredits, Cursor: cursor})
		all = append(all, page.Users...)
		return len(all), page.Next, advise(err, nil)
	})
	if err != nil {
		return err
	}
	all, cut = clip(all, c.Limit, cut)
	if c.JSON {
		return printLines(s, all)
	}
	user.List(s.out, all, cut)
	return nil
}

// Run shows the ledger.
func (c *userLedger) Run(s *shell) error {
	if err := userID(c.User); err != nil {
		return err
	}
	page := client.BillingPage{Events: []client.BillingEvent{}}
	more, err := gather(s, c.operatorFlags, c.Limit, func(ctx context.Context, o *client.Operator, cursor string) (int, string, error) {
		one, err := o.Ledger(ctx, c.User, cursor)
		page.Events, page.NextCursor = append(page.Events, one.Events...), one.NextCursor
		return len(page.Events), one.NextCursor, advise(err, knownUsers)
	})
	if err != nil {
		return err
	}
	if page.Events, more = clip(page.Events, c.Limit, more); more {
		page.NextCursor = "more"
	}
	if c.JSON {
		return printLines(s, page.Events)
	}
	user.Ledger(s.out, page)
	return nil
}

// gather reads pages until there are so many (0: all), and says whether there is more. Each page is a question of its own.
func gather(s *shell, f operatorFlags, limit int, page func(ctx context.Context, o *client.Operator, cursor string) (have int, next string, err error)) (more bool, err error) {
	cluster, err := f.dial()
	if err != nil {
		return false, err
	}
	defer cluster.Close()
	for cursor := ""; ; {
		ctx, cancel := context.WithTimeout(s.ctx, adminPatience)
		have, next, err := page(ctx, cluster.Operator(), cursor)
		cancel()
		if err != nil || next == "" || limit > 0 && have >= limit {
			return next != "", err
		}
		cursor = next
	}
}

// clip keeps what was asked for; a page may have brought more.
func clip[T any](all []T, limit int, more bool) ([]T, bool) {
	if limit > 0 && len(all) > limit {
		return all[:limit], true
	}
	return all, more
}

// printLines prints JSON, a value a line.
func printLines[T any](s *shell, all []T) error {
	e := json.NewEncoder(s.out)
	for _, one := range all {
		if err := e.Encode(one); err != nil {
			return err
		}
	}
	return nil
}

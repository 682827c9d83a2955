package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"stoker/cli/audit"
	"stoker/cli/show"
	"stoker/client"
)

// auditCommand is `stoker audit`.
type auditCommand struct {
	Show   auditShow   `cmd:"" default:"withargs" help:"Show what operators did (what plain \"stoker audit\" does)."`
	Export auditExport `cmd:"" help:"Write the audit log to a file, oldest first."`
}

// Help shows how to call it.
func (*auditCommand) Help() string {
	return `  stoker audit --since 24h --who ci
  stoker audit --follow
  stoker audit export --csv audit.csv`
}

// auditChoice chooses rows.
type auditChoice struct {
	operatorFlags
	Since string `metavar:"DURATION|TIME" help:"Only what was done since then, as in 24h or 2026-01-02T15:04:05Z."`
	Who   string `metavar:"NAME" help:"Only what was done with this token."`
}

type auditShow struct {
	auditChoice
	Follow bool `xor:"form" help:"Show what is done from now on, until Ctrl-C."`
	JSON   bool `name:"json" xor:"form" help:"Print JSON."`
}

type auditExport struct {
	auditChoice
	CSV  string `name:"csv" xor:"form" required:"" metavar:"FILE" help:"As CSV; - is the standard output."`
	JSON string `name:"json" xor:"form" required:"" metavar:"FILE" help:"As JSON, a row a line; - is the standard output."`
}

// exportPatience bounds an export, fifty rows a request.
const exportPatience = 10 * time.Minute

// followEvery is how often news are asked for.
const followEvery = 2 * time.Second

// query is the choice as the cluster takes it.
func (c auditChoice) query(now time.Time) (client.AuditQuery, error) {
	q := client.AuditQuery{Who: c.Who}
	if c.Since == "" {
		return q, nil
	}
	if ago, err := time.ParseDuration(c.Since); err == nil {
		q.Since = now.Add(-ago)
		return q, nil
	}
	at, err := time.Parse(time.RFC3339, c.Since)
	if err != nil {
		return q, fmt.Errorf("--since %q: write a span as in 24h, or a time as in 2026-01-02T15:04:05Z", c.Since)
	}
	q.Since = at
	return q, nil
}

// Run shows the newest rows, or follows.
func (c *auditShow) Run(s *shell) error {
	q, err := c.query(s.now())
	if err != nil {
		return err
	}
	if c.Follow {
		return c.follow(s, q)
	}
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		page, err := o.Audit(ctx, q)
		switch {
		case err != nil:
			return advise(err, nil)
		case c.JSON:
			return s.printJSON(page)
		}
		audit.Table(s.out, page)
		return nil
	})
}

// follow shows the newest rows, and then each that comes.
func (c *auditShow) follow(s *shell, q client.AuditQuery) error {
	cluster, err := c.dial()
	if err != nil {
		return err
	}
	defer cluster.Close()
	o := cluster.Operator()
	page, err := o.Audit(s.ctx, q)
	if err != nil {
		return advise(err, nil)
	}
	slices.Reverse(page.Rows)
	page.Next, q.After = "", "0"
	for {
		for _, r := range page.Rows {
			audit.Line(s.out, r)
			q.After = r.ID
		}
		if page.Next == "" {
			select {
			case <-s.ctx.Done():
				return nil
			case <-time.After(followEvery):
			}
		}
		if page, err = o.Audit(s.ctx, q); err != nil {
			if s.ctx.Err() != nil {
				return nil
			}
			return advise(err, nil)
		}
	}
}

// Run writes the rows.
func (c *auditExport) Run(s *shell) (err error) {
	q, err := c.query(s.now())
	if err != nil {
		return err
	}
	path := c.CSV + c.JSON
	to := s.out
	if path != "-" {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		to = file
	}
	return c.askFor(s, exportPatience, func(ctx context.Context, o *client.Operator) error {
		n, err := c.write(ctx, o, q, to)
		if err != nil {
			return advise(err, nil)
		}
		s.notef("%s written.\n", show.Count(n, "row"))
		return nil
	})
}

func (c *auditExport) write(ctx context.Context, o *client.Operator, q client.AuditQuery, to io.Writer) (n int, err error) {
	w := audit.JSON(to)
	if c.CSV != "" {
		if w, err = audit.CSV(to); err != nil {
			return 0, err
		}
	}
	for q.After = "0"; q.After != ""; {
		page, err := o.Audit(ctx, q)
		if err != nil {
			return n, err
		}
		for _, r := range page.Rows {
			if err := w.Write(r); err != nil {
				return n, err
			}
			n++
		}
		q.After = page.Next
	}
	return n, w.Close()
}

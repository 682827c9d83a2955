package cli

import (
	"context"
	"errors"
	"slices"
	"time"

	"stoker/cli/access"
	"stoker/client"
)

// accessCommand is `stoker access`.
type accessCommand struct {
	List   accessList   `cmd:"" default:"withargs" help:"List tokens (what plain \"stoker access\" does)."`
	Create accessCreate `cmd:"" help:"Make a token for an operator or for workers, and print it once."`
	Revoke accessRevoke `cmd:"" help:"End a token: it opens nothing more, on any node."`
}

// Help shows how to call it.
func (*accessCommand) Help() string {
	return `  stoker access create --name grafana --scope read
  stoker access create --name rack-7 --worker
  stoker access
  stoker access revoke grafana`
}

type accessList struct {
	operatorFlags
	JSON bool `name:"json" help:"Print JSON."`
}

type accessCreate struct {
	operatorFlags
	Name    string        `required:"" help:"What it is for, as in grafana or night-shift; the audit log calls it so."`
	Scope   string        `metavar:"read|operate|admin" xor:"kind" help:"What an operator may do with it: look; run queue, jobs, workers and users; everything."`
	Worker  bool          `xor:"kind" help:"It is for workers: it opens the queue and nothing else."`
	Expires time.Duration `metavar:"DURATION" help:"It opens nothing after that time, as in 720h (never)."`
	JSON    bool          `name:"json" help:"Print JSON."`
}

// Help says where the token goes.
func (*accessCreate) Help() string {
	return `The token is made here and only its hash is sent: what is printed is the only copy. Give it to
whoever shall use it as STOKER_ADMIN_TOKEN (workers: STOKER_WORKER_TOKEN), or in an operator.toml of their own.

  stoker access create --name ci --scope operate --expires 720h
  TOKEN=$(stoker access create --name rack-7 --worker)`
}

type accessRevoke struct {
	operatorFlags
	Name string `arg:"" complete:"access" help:"The token's name, as in the list."`
}

// knownTokens is what to do about a token that is none.
var knownTokens = hints{codeNotFound: "`stoker access` lists the names"}

// Run lists.
func (c *accessList) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		tokens, err := o.Tokens(ctx)
		switch {
		case err != nil:
			return advise(err, nil)
		case c.JSON:
			return s.printJSON(tokens)
		}
		access.Table(s.out, tokens, s.now())
		return nil
	})
}

// Run makes a token. Only the token itself goes to the standard output.
func (c *accessCreate) Run(s *shell) error {
	if !c.Worker && !slices.Contains([]string{"read", "operate", "admin"}, c.Scope) {
		return errors.New("what may it do? Give --scope read, operate or admin for an operator, or --worker")
	}
	if c.Expires < 0 || c.Expires%time.Second != 0 {
		return errors.New("--expires takes whole seconds from now, as in 720h")
	}
	t := client.NewToken{Name: c.Name, Kind: client.OperatorToken, Scope: c.Scope, Life: c.Expires}
	if c.Worker {
		t.Kind = client.WorkerToken
	}
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		text, made, err := o.CreateToken(ctx, t)
		switch {
		case err != nil:
			return advise(err, nil)
		case c.JSON:
			return s.printJSON(struct {
				Token string `json:"token"`
				client.AccessToken
			}{text, made})
		}
		s.printf("%s\n", text)
		s.notef("This is the only copy. `stoker access revoke %q` ends it.\n", made.Name)
		return nil
	})
}

// Run revokes.
func (c *accessRevoke) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		if err := o.RevokeToken(ctx, c.Name); err != nil {
			return advise(err, knownTokens)
		}
		s.printf("%q is revoked: it opens nothing any more.\n", c.Name)
		return nil
	})
}

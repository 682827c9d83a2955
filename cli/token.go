package cli

import (
	"context"
	"errors"
	"time"

	"stoker/cli/config"
	"stoker/cli/member"
	"stoker/client"
	"stoker/pki"
)

// tokenCommand is `stoker token`.
type tokenCommand struct {
	List   tokenList   `cmd:"" default:"withargs" help:"List join tokens (what plain \"stoker token\" does)."`
	Create tokenCreate `cmd:"" help:"Make a token that lets one node in, and print it once."`
	Revoke tokenRevoke `cmd:"" help:"Make a token worthless. Who came in by it stays."`
}

// Help shows how to call it.
func (*tokenCommand) Help() string {
	return `A join token lets one new node into the running cluster. Operators' and workers' tokens are another thing: stoker access.

  stoker token create --for n4
  stoker token
  stoker token revoke jt_k3x7c2v5n6`
}

type tokenList struct {
	operatorFlags
	JSON bool `name:"json" help:"Print JSON."`
}

type tokenCreate struct {
	operatorFlags
	TTL  time.Duration `name:"ttl" default:"1h" help:"How long it is good, a minute to 30 days (${default})."`
	For  string        `metavar:"NODE" help:"The only node id that it is good for (any)."`
	Note string        `help:"For the list."`
	JSON bool          `name:"json" help:"Print JSON."`
}

// Help says where the token goes.
func (*tokenCreate) Help() string {
	return `The token's secret is made here and only its hash is sent: what is printed is the only copy. It names the cluster's CA, so that the new
node says nothing to anybody else.

  stoker token create --ttl 1h --for n4
  stoker serve --token stoker-join.… --config n4/stoker.toml        # on the new machine`
}

type tokenRevoke struct {
	operatorFlags
	ID string `arg:"" complete:"token" help:"The token's id, as in the list."`
}

// Run lists.
func (c *tokenList) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		tokens, err := o.JoinTokens(ctx)
		switch {
		case err != nil:
			return advise(err, nil)
		case c.JSON:
			return s.printJSON(tokens)
		}
		member.Tokens(s.out, tokens, s.now())
		return nil
	})
}

// Run makes a token. Only the token itself goes to the standard output.
func (c *tokenCreate) Run(s *shell) error {
	if c.TTL%time.Second != 0 {
		return errors.New("--ttl takes whole seconds, as in 1h")
	}
	if c.For != "" {
		if err := config.CheckID(c.For); err != nil {
			return err
		}
	}
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		t := pki.NewJoinToken(c.For)
		made, err := o.CreateJoinToken(ctx, client.NewJoinToken{ID: t.ID, SecretHash: t.Hash(), Life: c.TTL, For: c.For, Note: c.Note})
		if err != nil {
			return advise(err, nil)
		}
		t.CAs, t.Endpoints = made.CAs, made.Endpoints
		if c.JSON {
			return s.printJSON(struct {
				Token string `json:"token"`
				client.JoinToken
			}{t.String(), made.JoinToken})
		}
		s.printf("%s\n", t)
		s.notef("This is the only copy. It lets one node in, until %s. On the new machine:\n  stoker serve --token … --id n4 --config n4/stoker.toml\n", made.ExpiresAt.UTC().Format(time.RFC3339))
		return nil
	})
}

// Run revokes.
func (c *tokenRevoke) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		if err := o.RevokeJoinToken(ctx, c.ID); err != nil {
			return advise(err, hints{codeNotFound: "`stoker token` lists them"})
		}
		s.printf("%s lets nobody in any more.\n", c.ID)
		return nil
	})
}

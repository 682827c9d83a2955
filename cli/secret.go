package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"stoker/cli/secret"
	"stoker/cli/show"
	"stoker/client"
)

// secretCommand is `stoker secret`.
type secretCommand struct {
	List    secretList    `cmd:"" default:"withargs" help:"List the names of secrets and the keys of the app's tokens (what plain \"stoker secret\" does)."`
	Put     secretPut     `cmd:"" help:"Keep a secret, sealed. Its value is never shown again."`
	Delete  secretDelete  `cmd:"" help:"Forget a secret."`
	Rekey   secretRekey   `cmd:"" help:"Seal everything with the newest key of the seal_key files."`
	RollJWT secretRollJWT `cmd:"" name:"roll-jwt" help:"Sign the app's tokens with a new key."`
}

// Help shows how to call it.
func (*secretCommand) Help() string {
	return `  stoker secret put callback < old-callback-secret.txt
  stoker secret put s3.access-key --from-file key.txt
  stoker secret put jwt-legacy --from-file old-jwt-secret.txt --expires 744h
  stoker secret`
}

type secretList struct {
	operatorFlags
	JSON bool `name:"json" help:"Print JSON."`
}

type secretPut struct {
	operatorFlags
	Name     string        `arg:"" help:"callback, s3.… (docs/security.md lists what the cluster uses), or a name of your own."`
	FromFile string        `type:"existingfile" metavar:"FILE" help:"Read the value from FILE instead of the standard input."`
	Expires  time.Duration `metavar:"DURATION" help:"It is forgotten after that time, as in 744h (never)."`
}

// Help says what becomes of a newline.
func (*secretPut) Help() string {
	return `The value is text of at most 16 KiB. One newline at its end is not part of it. On a terminal it is asked for and not shown.

  stoker secret put callback
  printf %s "$VALUE" | stoker secret put mine`
}

type secretDelete struct {
	operatorFlags
	Name string `arg:"" complete:"secret" help:"Its name."`
}

type secretRekey struct{ operatorFlags }

// Help says what comes before and after.
func (*secretRekey) Help() string {
	return `1. Put a new key (openssl rand -hex 32) on top of every node's seal_key file, above the old one; restart one node after the other.
2. stoker secret rekey: refused until every member holds the new key, then all secrets go under it at once.
3. Take the old line out of the files.`
}

type secretRollJWT struct {
	operatorFlags
	DropOld bool `help:"After a leak: older keys verify no more, and everybody signs in again."`
}

// knownSecrets is what to do about a secret that is none.
var knownSecrets = hints{codeNotFound: "`stoker secret` lists the names"}

// Run lists.
func (c *secretList) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		all, err := o.Secrets(ctx)
		switch {
		case err != nil:
			return advise(err, nil)
		case c.JSON:
			return s.printJSON(all)
		}
		secret.Table(s.out, all, s.now())
		return nil
	})
}

// Run puts.
func (c *secretPut) Run(s *shell) error {
	if c.Expires < 0 || c.Expires%time.Second != 0 {
		return errors.New("--expires takes whole seconds from now, as in 744h")
	}
	value, err := c.value(s)
	if err != nil {
		return err
	}
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		use, replaced, err := o.PutSecret(ctx, c.Name, value, c.Expires)
		if err != nil {
			return advise(err, nil)
		}
		done := "is kept"
		if replaced {
			done = "is replaced; the old value is good for nothing any more"
		}
		s.printf("%s %s.\n", c.Name, done)
		if use == "" {
			s.notef("No part of the cluster uses a secret of this name; docs/security.md lists those that are used.\n")
		}
		return nil
	})
}

// value reads what is to be kept.
func (c *secretPut) value(s *shell) (string, error) {
	var text []byte
	var err error
	switch in := int(os.Stdin.Fd()); {
	case c.FromFile != "":
		text, err = os.ReadFile(c.FromFile)
	case term.IsTerminal(in):
		s.notef("Value of %s: ", c.Name)
		text, err = term.ReadPassword(in)
		s.notef("\n")
	default:
		text, err = io.ReadAll(os.Stdin)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case err != nil:
		return "", fmt.Errorf("read the value: %w", err)
	case value == "":
		return "", errors.New("the value is empty; `stoker secret delete` forgets a secret")
	case !utf8.ValidString(value):
		return "", errors.New("the value is not text: encode it, as in base64 FILE | stoker secret put NAME")
	}
	return value, nil
}

// Run deletes.
func (c *secretDelete) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		if err := o.DeleteSecret(ctx, c.Name); err != nil {
			return advise(err, knownSecrets)
		}
		s.printf("%s is forgotten.\n", c.Name)
		return nil
	})
}

// Run seals everything anew.
func (c *secretRekey) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		key, n, err := o.Rekey(ctx)
		if err != nil {
			return advise(err, nil)
		}
		if n == 0 {
			s.printf("All secrets are under key %s already.\n", key)
		} else {
			s.printf("%s went under key %s.\n", show.Count(n, "secret"), key)
		}
		s.printf("Older lines can be taken out of the seal_key files.\n")
		return nil
	})
}

// Run rolls the key.
func (c *secretRollJWT) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		n, err := o.RollJWT(ctx, c.DropOld)
		if err != nil {
			return advise(err, nil)
		}
		if c.DropOld {
			s.printf("A new key signs, and no other verifies: everybody signs in again.\n")
		} else {
			s.printf("A new key signs; %d verify. The older ones go when the last token they signed has expired.\n", n)
		}
		return nil
	})
}

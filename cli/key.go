package cli

import (
	"context"
	"errors"
	"time"

	"stoker/cli/access"
	"stoker/client"
)

// keyCommand is `stoker key`.
type keyCommand struct {
	List   keyList   `cmd:"" default:"withargs" help:"List access keys (what plain \"stoker key\" does)."`
	Create keyCreate `cmd:"" help:"Make an access key for an S3 client, and print it once."`
	Revoke keyRevoke `cmd:"" help:"End an access key: it opens nothing more, on any node."`
}

// Help shows how to call it.
func (*keyCommand) Help() string {
	return `Access keys open the object store to S3 clients (awscli, rclone, SDKs). Operators' and workers' tokens are another thing: stoker access.

  stoker key create --name archive --read --prefix outputs/
  stoker key create --name site --read --write --prefix site/ --expires 720h
  stoker key
  stoker key revoke archive`
}

type keyList struct {
	operatorFlags
	JSON bool `name:"json" help:"Print JSON."`
}

type keyCreate struct {
	operatorFlags
	Name    string        `required:"" help:"What it is for, as in archive or site; the audit log calls it so."`
	Read    bool          `help:"It may get, head and list objects."`
	Write   bool          `help:"It may put and delete objects."`
	Prefix  string        `metavar:"PREFIX" help:"Only objects whose keys begin with it, as in site/ (all)."`
	Expires time.Duration `metavar:"DURATION" help:"It opens nothing after that time, as in 720h (never)."`
	JSON    bool          `name:"json" help:"Print JSON."`
}

// Help says where the key goes.
func (*keyCreate) Help() string {
	return `The secret is made here, and kept by the cluster under its seal key: what is printed is the only copy that can be read.
A prefix is the beginning of a key and nothing more: "site" is also that of "sites/a"; end it with a slash.

  stoker key create --name site --read --write --prefix site/
  stoker key create --name archive --read --json > key.json`
}

type keyRevoke struct {
	operatorFlags
	Name string `arg:"" complete:"key" help:"The key's name, as in the list, or the access key itself."`
}

// Run lists.
func (c *keyList) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		keys, at, err := o.Keys(ctx)
		switch {
		case err != nil:
			return advise(err, nil)
		case c.JSON:
			return s.printJSON(struct {
				Store client.ObjectStore `json:"store"`
				Keys  []client.AccessKey `json:"keys"`
			}{at, keys})
		case len(keys) == 0:
			s.printf("No access keys. `stoker key create --name NAME --read` makes one.\n")
			return nil
		}
		access.Keys(s.out, keys, s.now())
		s.printf("For bucket %s at %s, region %s, path style.\n", at.Bucket, at.Endpoint, at.Region)
		return nil
	})
}

// Run makes a key.
func (c *keyCreate) Run(s *shell) error {
	k := client.NewKey{Name: c.Name, Prefix: c.Prefix, Life: c.Expires}
	switch {
	case c.Read && c.Write:
		k.Access = "read-write"
	case c.Read:
		k.Access = "read"
	case c.Write:
		k.Access = "write"
	default:
		return errors.New("what may it do? Give --read, --write or both")
	}
	if c.Expires < 0 || c.Expires%time.Second != 0 {
		return errors.New("--expires takes whole seconds from now, as in 720h")
	}
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		secret, made, at, err := o.CreateKey(ctx, k)
		switch {
		case err != nil:
			return advise(err, nil)
		case c.JSON:
			return s.printJSON(struct {
				client.AccessKey
				SecretKey string             `json:"secret_key"`
				Store     client.ObjectStore `json:"store"`
			}{made, secret, at})
		}
		access.Settings(s.out, made, secret, at)
		s.notef("This is the only copy of the secret. `stoker key revoke %q` ends it.\n", made.Name)
		return nil
	})
}

// Run revokes.
func (c *keyRevoke) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		if err := o.RevokeKey(ctx, c.Name); err != nil {
			return advise(err, hints{codeNotFound: "`stoker key` lists them"})
		}
		s.printf("%q is revoked: it opens nothing any more.\n", c.Name)
		return nil
	})
}

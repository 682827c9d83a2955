package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"stoker/cli/cert"
	"stoker/cli/config"
	"stoker/client"
)

// certCommand is `stoker cert`.
type certCommand struct {
	Status certStatus `cmd:"" default:"withargs" help:"Show who has which certificate (what plain \"stoker cert\" does)."`
	Rotate certRotate `cmd:"" help:"Replace the cluster's CA, while everything runs."`
	CA     certCA     `cmd:"" name:"ca" help:"Print the CA's certificate."`
	Issue  certIssue  `cmd:"" help:"Sign a certificate for a node that was away for too long."`
	Sign   certSign   `cmd:"" help:"Sign this node's certificate on its own machine, when the whole cluster was off for too long."`
}

// Help shows how to call it.
func (*certCommand) Help() string {
	return `Certificates renew themselves when a third of their life is left; nothing here has to be done for that.

  stoker cert
  stoker cert rotate
  stoker cert ca > ca.crt`
}

type certStatus struct {
	operatorFlags
	JSON bool `name:"json" help:"Print JSON."`
}

type certRotate struct {
	operatorFlags
	Without []string      `metavar:"NODE" help:"Do not wait for this node, which is gone. It is locked out when the old CA goes."`
	Wait    time.Duration `default:"2m" help:"How long to watch; it goes on in any case (${default})."`
}

// Help says what happens.
func (*certRotate) Help() string {
	return `Two steps, each of which waits for every node: all learn to believe the new CA beside the old one, then all have their certificates
signed by it. When the last one has, the old CA is believed no more and its key is deleted. Nothing is restarted, no request fails.
A node that is down is waited for. Called again, it shows how far it is.

  stoker cert rotate
  stoker cert rotate --without n3`
}

type certCA struct{ operatorFlags }

type certIssue struct {
	operatorFlags
	Node string `arg:"" complete:"node" help:"The node's id."`
	Out  string `short:"o" default:"." metavar:"DIR" help:"Where ca.crt, node.crt and node.key are written (${default})."`
}

// Help says where the files go.
func (*certIssue) Help() string {
	return `For a node whose certificate ran out, or that was left behind by "stoker cert rotate --without". The key is made here.
Copy the three files over those in the node's folder, keep node.key 0600, and start the node.

  stoker cert issue n3 --out n3`
}

type certSign struct {
	Config string `default:"stoker.toml" env:"STOKER_CONFIG" metavar:"FILE" complete:".toml" help:"The node's configuration (${default})."`
}

// Help says when.
func (*certSign) Help() string {
	return `The CA's key is in each node's state, sealed with the seal key beside it. Run this on each machine, then start the nodes.

  stoker cert sign --config n1/stoker.toml`
}

// knownMembers is what to do about a node that is none.
var knownMembers = hints{codeNotFound: "`stoker members` lists the nodes"}

// Run shows.
func (c *certStatus) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		all, err := o.Certificates(ctx)
		switch {
		case err != nil:
			return advise(err, nil)
		case c.JSON:
			return s.printJSON(all)
		}
		cert.Table(s.out, all, s.now())
		return nil
	})
}

// rotateEvery is how often a rotation is looked at.
const rotateEvery = time.Second

// Run begins it, or goes on watching, until it is done.
func (c *certRotate) Run(s *shell) error {
	return c.askFor(s, c.Wait+adminPatience, func(ctx context.Context, o *client.Operator) error {
		ca, _, err := o.RotateCA(ctx, c.Without)
		if err != nil {
			return advise(err, nil)
		}
		for end := time.Now().Add(c.Wait); ; {
			all, err := o.Certificates(ctx)
			if err != nil {
				return advise(err, nil)
			}
			if all.CA == ca && all.Next == "" {
				s.printf("The CA %s has taken over on every node.\nPut it into operator.toml if you reach nodes by certificates of this CA: stoker cert ca\n", ca)
				return nil
			}
			if !time.Now().Before(end) {
				cert.Table(s.out, all, s.now())
				return fmt.Errorf("it has not taken over yet and goes on by itself: `stoker cert` shows how far it is")
			}
			select {
			case <-time.After(rotateEvery):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

// Run prints it.
func (c *certCA) Run(s *shell) error {
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		all, err := o.Certificates(ctx)
		if err != nil {
			return advise(err, nil)
		}
		s.printf("%s", all.CAPEM)
		return nil
	})
}

// Run writes the node's files.
func (c *certIssue) Run(s *shell) error {
	if err := config.CheckID(c.Node); err != nil {
		return err
	}
	return c.ask(s, func(ctx context.Context, o *client.Operator) error {
		key, request, err := cert.Request(c.Node)
		if err != nil {
			return err
		}
		signed, ca, err := o.IssueCertificate(ctx, c.Node, string(request))
		if err != nil {
			return advise(err, knownMembers)
		}
		if err := cert.Write(c.Out, key, []byte(signed), []byte(ca)); err != nil {
			return err
		}
		s.printf("ca.crt, node.crt and node.key of %s are in %s. Copy them into the node's folder, then start it.\n", c.Node, c.Out)
		return nil
	})
}

// Run signs.
func (c *certSign) Run(s *shell) error {
	loaded, err := config.Load(config.Source{File: c.Config, Env: os.LookupEnv})
	if err != nil {
		return err
	}
	until, err := s.hooks.Sign(loaded)
	if err != nil {
		return err
	}
	s.printf("%s has a certificate until %s. Do the same on the other machines, then start the nodes.\n", loaded.ID, until.UTC().Format(time.DateOnly))
	return nil
}

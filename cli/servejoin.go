package cli

import (
	"context"
	"errors"
	"time"

	"stoker/cli/setup"
)

// joinPatience is how long a node tries to be let in.
const joinPatience = 30 * time.Second

// joinFlags say which cluster to come into, and how.
type joinFlags struct {
	Join  []string `name:"join" metavar:"HOST:PORT" help:"Cluster ports of members (those in the token)."`
	Token string   `name:"token" env:"STOKER_JOIN_TOKEN" metavar:"TOKEN" help:"What \"stoker token create\" printed."`
	Host  string   `name:"advertise" metavar:"HOST" help:"Name or address by which others reach this machine (the one it reaches them from)."`
}

func (f joinFlags) given() bool { return len(f.Join) > 0 || f.Token != "" }

// join has the cluster let this node in and writes what it is given. It says nothing to the cluster before the cluster has
// proved to be the one that the token is from, and leaves nothing behind when it fails.
func (c *serveCommand) join(s *shell) error {
	if c.Join.Token == "" {
		return errors.New("--join needs --token: `stoker token create` prints one")
	}
	value := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	j := setup.Join{Token: c.Join.Token, Endpoints: c.Join.Join, Config: c.Config}
	j.Node.ID, j.Node.Host, j.Node.Data = value(c.Keys.ID), c.Join.Host, value(c.Keys.Data)
	if err := j.Node.ListenOn(value(c.Keys.HTTP), value(c.Keys.Cluster)); err != nil {
		return err
	}
	if err := j.Free(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, joinPatience)
	defer cancel()
	got, err := s.hooks.Join(ctx, j)
	if err != nil {
		return err
	}
	if err := j.Write(got); err != nil {
		return err
	}
	s.notef("%s is a member of the cluster, without a vote until it has caught up. From now on: stoker serve --config %s\n", got.ID, c.Config)
	return nil
}

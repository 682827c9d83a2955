package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"stoker/cli/backup"
	"stoker/cli/config"
	"stoker/cli/setup"
)

// restoreCommand is `stoker restore`.
type restoreCommand struct {
	File    string   `arg:"" type:"existingfile" help:"The backup."`
	Node    []string `required:"" metavar:"ID=HOST[:HTTPPORT[:CLUSTERPORT]]" help:"One per machine of the new cluster, as with init. Ids and hosts may be the old ones."`
	SealKey string   `required:"" type:"existingfile" metavar:"FILE" help:"seal.key of a node of the old cluster: the backup's secrets are sealed with it."`
	Out     string   `default:"cluster" metavar:"DIR" help:"Where to write the nodes' folders (${default})."`
	Blobs   []string `type:"existingdir" metavar:"DIR" help:"Blob folder of an old node (data/blobs), for pictures that are not in the backup."`
	Revoke  bool     `name:"revoke-tokens" help:"Begin with none but the new tokens of DIR/operator.toml: those in the backup, workers' too, open nothing."`
	Force   bool     `help:"Replace configuration and keys in DIR; data folders that are there are moved aside."`
}

// Help shows how to call it.
func (*restoreCommand) Help() string {
	return `Makes the folders of a new cluster that goes on from the backup; nothing runs meanwhile. Users, credits, jobs, tokens and
the tokens of app users stay valid. What workers held is back in the queue. Tokens of operators and workers that were revoked since
the backup was made are valid again, unless --revoke-tokens ends them all: their names are listed.

  stoker backup verify b.tar
  stoker restore b.tar --seal-key seal.key --node n1=10.0.0.1 --node n2=10.0.0.2 --node n3=10.0.0.3 --out cluster`
}

// RestoreOrder is a restore to be carried out.
type RestoreOrder struct {
	Nodes     []config.Config // of the new cluster
	BlobsFrom []string
	Revoke    bool // none but the new cluster's own tokens stay
	Force     bool
}

// Reborn is a new cluster's data.
type Reborn struct {
	Archive backup.Archive
	Epoch   uint64
	Missing []string // pictures that nobody brought
	Tokens  []string // that the backup holds and have not expired, by kind and name
	Aside   []string // data folders that were moved
}

// Run makes configuration and keys as init does, then the data.
func (c *restoreCommand) Run(s *shell) error {
	sealKeys, err := os.ReadFile(c.SealKey)
	if err != nil {
		return err
	}
	plan := setup.Plan{Out: c.Out, Force: c.Force, SealKeys: sealKeys, Data: c.Force}
	for _, text := range c.Node {
		n, err := setup.ParseNode(text)
		if err != nil {
			return err
		}
		plan.Nodes = append(plan.Nodes, n)
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := s.hooks.Archives.Verify(f); err != nil { // before anything is written
		return fmt.Errorf("%s is not good: %w", c.File, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	made, err := setup.Found(plan)
	if err != nil {
		return err
	}
	order := RestoreOrder{BlobsFrom: c.Blobs, Revoke: c.Revoke, Force: c.Force}
	for _, n := range made.Nodes {
		conf, err := config.Load(config.Source{File: made.Config(n.ID)})
		if err != nil {
			return err
		}
		order.Nodes = append(order.Nodes, conf)
	}
	reborn, err := s.hooks.Archives.Restore(f, order)
	if err != nil {
		return fmt.Errorf("%s was not restored: %w\nThe folders in %s have configuration and keys, and no data: --force writes them anew", c.File, err, made.Out)
	}
	c.report(s, made, reborn)
	return nil
}

// report says what was made and what comes next.
func (c *restoreCommand) report(s *shell, made setup.Cluster, r Reborn) {
	backup.Describe(s.out, r.Archive)
	s.printf("\nRestored as epoch %d, for %d nodes, in %s.\n", r.Epoch, len(made.Nodes), made.Out)
	for _, aside := range r.Aside {
		s.printf("What was there before is now in %s.\n", aside)
	}
	if n := len(r.Missing); n > 0 {
		s.printf("%d pictures that records refer to are missing; the first: %s. An old node's data/blobs, given as --blobs, may have them.\n", n, r.Missing[0])
	}
	s.printf("Next:\n\n1. See to it that no node of the old cluster ever starts again: clients must not find both.\n" +
		"2. Copy each node's whole folder, data included, to its machine:\n")
	for _, n := range made.Nodes {
		s.printf("     scp -r stoker %s %s:\n", filepath.Join(made.Out, n.ID), n.Host)
	}
	s.printf("3. Start all of them:\n")
	for _, n := range made.Nodes {
		s.printf("     ./stoker serve --config %s/stoker.toml\n", n.ID)
	}
	s.printf("4. %s has new tokens:\n     stoker status --operator %[1]s\n     stoker backup list --operator %[1]s\n", made.Operator)
	c.reportTokens(s, r.Tokens)
}

// reportTokens says whose tokens open the new cluster too.
func (c *restoreCommand) reportTokens(s *shell, names []string) {
	switch {
	case len(names) == 0:
	case c.Revoke:
		s.printf("\nThese tokens of the old cluster open nothing any more; give their owners new ones:\n")
	default:
		s.printf("\nThese tokens of the old cluster are valid, also any that was revoked since the backup (revoke it again with\n" +
			"`stoker access revoke`, or restore with --revoke-tokens):\n")
	}
	for _, name := range names {
		s.printf("     %s\n", name)
	}
}

package cli

import (
	"path/filepath"

	"stoker/cli/setup"
)

// initCommand is `stoker init`.
type initCommand struct {
	Node  []string `required:"" metavar:"ID=HOST[:HTTPPORT[:CLUSTERPORT]]" help:"One per machine: its id, and where others reach it (ports 8080 and 9080)."`
	Out   string   `default:"cluster" metavar:"DIR" help:"Where to write (${default})."`
	Force bool     `help:"Replace what an earlier init wrote there: all keys and tokens become new ones."`
}

// Help shows how to call it.
func (*initCommand) Help() string {
	return `Three machines, then the same on one:

  stoker init --node n1=10.0.0.1 --node n2=10.0.0.2 --node n3=10.0.0.3 --out cluster
  stoker init --node n1=localhost:8081:9081 --node n2=localhost:8082:9082 --node n3=localhost:8083:9083`
}

// Run writes the folders and says what comes next.
func (c *initCommand) Run(s *shell) error {
	plan := setup.Plan{Out: c.Out, Force: c.Force}
	for _, text := range c.Node {
		n, err := setup.ParseNode(text)
		if err != nil {
			return err
		}
		plan.Nodes = append(plan.Nodes, n)
	}
	made, err := setup.Found(plan)
	if err != nil {
		return err
	}
	s.printf("A new cluster of %d in %s. Next:\n\n1. Copy each node's folder to its machine, beside this binary:\n", len(made.Nodes), made.Out)
	for _, n := range made.Nodes {
		s.printf("     scp -r stoker %s %s:\n", filepath.Join(made.Out, n.ID), n.Host)
	}
	s.printf("2. Start a node on each; most of them must run before any serves:\n")
	for _, n := range made.Nodes {
		s.printf("     ./stoker serve --config %s/stoker.toml\n", n.ID)
	}
	s.printf("3. Keep %s here and secret: it opens everything. Look at the cluster, and give it a worker:\n"+
		"     stoker status --operator %[1]s\n     stoker worker --operator %[1]s\n\n"+
		"The folders hold private keys: remove them here once they are copied. Clients use port %d (tls_cert or tls_acme_domains give it TLS);\n"+
		"the nodes need port %d of each other.\n",
		made.Operator, made.Nodes[0].HTTP, made.Nodes[0].Cluster)
	return nil
}

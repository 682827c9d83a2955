package cli

import "stoker/cli/demo"

// demoCommand is `stoker demo`.
type demoCommand struct {
	Nodes      int    `default:"3" help:"How many nodes (${default})."`
	Photos     string `metavar:"DIR" help:"Folder of JPEG or PNG pictures to work on, instead of rooms drawn by code."`
	KillLeader bool   `help:"Kill the leader's process in the middle of the job."`
	Keep       bool   `help:"Keep the cluster's folder with data and logs."`
	Out        string `metavar:"DIR" help:"Where results and previews go (a new temporary folder)."`
}

// Help says what it shows.
func (*demoCommand) Help() string {
	return `Starts a real cluster of separate processes in a temporary folder, two sample workers, and a customer who sends ten
pictures, watches them being worked on and fetches the results. Exits 0 only if every picture arrived once, every
result is a picture of the right size that differs from its input, the ledger adds up, all nodes agree, and no
request of the customer failed.

  stoker demo
  stoker demo --kill-leader --photos holiday/ --out results`
}

// Run shows it.
func (c *demoCommand) Run(s *shell) error {
	return demo.Run(s.ctx, demo.Options{
		Nodes: c.Nodes, Photos: c.Photos, KillLeader: c.KillLeader, Keep: c.Keep, Out: c.Out, Screen: s.out,
	})
}

package bench

import (
	"context"
	"fmt"
	"io"

	"stoker/bench/drive"
)

// Create is `stoker bench create`: POST /jobs, which is a token's check, a debit, a job, a ledger row and three presigned
// URLs.
type Create struct {
	Speed
	Cancel  bool `help:"Each job is canceled by the next call, so that every other operation is a refund."`
	OneUser bool `help:"Likewise, and all clients are one user: every debit and refund is of the same row."`
}

// Help says what is measured.
func (*Create) Help() string {
	return speedHelp(`Has clients create jobs of three pictures, each through its own node: a token is checked, credits are debited, a job, its items,
a ledger row and a history row are made, on every node's disk, and three upload URLs are signed.`, "create", "etcd: a transaction that debits a counter if it is what was read, and puts a record")
}

// Run measures and prints.
func (c *Create) Run(ctx context.Context, out io.Writer) error {
	return c.run(ctx, out, createScenario{oneUser: c.OneUser, cancel: c.Cancel})
}

type createScenario struct{ oneUser, cancel bool }

func (s createScenario) name() string {
	switch {
	case s.oneUser:
		return "create and cancel, one user"
	case s.cancel:
		return "create and cancel"
	}
	return "create"
}

func (s createScenario) bare() bareCall { return bareCall{"POST", createBody, 1500} }

// createBody is what a phone sends.
var createBody = []byte(`{"preset":"` + preset + `","item_count":3}`)

// mostOpen is how many open jobs a user may have; no plan may allow more.
const mostOpen = 10_000

// crowd is how many users there are at least, so that none of them comes to have as many open jobs as a plan may allow.
const crowd = 64

func (s createScenario) prepare(ctx context.Context, r *rig, clients int) (drive.Do, int, error) {
	n := max(crowd, clients)
	if s.oneUser {
		n = 1
	}
	people, err := r.people(ctx, n)
	if err != nil {
		return nil, 0, err
	}
	open, turns := make([]string, clients), make([]int, clients) // each client's own
	return func(_ context.Context, client int) (err error) {
		node, by := client%len(r.wire.hosts), people[(client+turns[client]*clients)%n]
		if job := open[client]; job != "" {
			open[client] = ""
			turns[client]++
			_, err = r.wire.exchange(node, "POST", "/jobs/"+job+"/cancel", by.token, nil)
			return err
		}
		if s.cancel || s.oneUser {
			open[client], err = r.create(node, by, createBody)
			return err
		}
		turns[client]++
		_, err = r.wire.exchange(node, "POST", "/jobs", by.token, createBody)
		return err
	}, 0, nil
}

// speedHelp is what the commands' help has in common.
func speedHelp(what, name, peers string) string {
	return what + `

Nodes are processes on loopback that sync their disk, as are the servers that are measured beside them, in turn, in the same run.
Ratios are of two runs of the same round; a machine's load changes more from one run to another than most code does.

  ` + peers + `

` + fmt.Sprintf(`  stoker bench %[1]s
  stoker bench %[1]s --clients 64 --rounds 5 --for 10s --json
  stoker bench %[1]s --rate 500 --clients 256       # open loop: times count from when each was due`, name)
}

package bench

import (
	"context"
	"io"

	"stoker/bench/drive"
)

// Read is `stoker bench read`: GET /jobs/{id} on any node.
type Read struct {
	Speed
	Consistency string `default:"linearizable" enum:"linearizable,stale,index" help:"linearizable: as everybody reads; stale: the node's own state; index: X-Stoker-Index of an earlier answer (${default})."`
}

// Help says what is measured.
func (*Read) Help() string {
	return speedHelp(`Has clients read a job of three pictures, each through its own node. A linearizable read has the leader prove that it leads;
many that come together share one proof.`, "read", "bare: a fasthttp server that answers as many bytes from memory")
}

// Run measures and prints.
func (c *Read) Run(ctx context.Context, out io.Writer) error {
	return c.run(ctx, out, readScenario{c.Consistency})
}

type readScenario struct{ consistency string }

func (s readScenario) name() string {
	if s.consistency == "linearizable" {
		return "read"
	}
	return "read " + s.consistency
}

// jobAnswer is about the size of a job of three pictures, in bytes.
const jobAnswer = 2400

func (s readScenario) bare() bareCall { return bareCall{"GET", nil, jobAnswer} }

func (s readScenario) prepare(ctx context.Context, r *rig, clients int) (drive.Do, int, error) {
	people, err := r.people(ctx, clients)
	if err != nil {
		return nil, 0, err
	}
	paths := make([]string, clients)
	index := ""
	for i, p := range people {
		job, err := r.create(i, p, createBody)
		if err != nil {
			return nil, 0, err
		}
		paths[i] = "/jobs/" + job
		if s.consistency == "stale" {
			paths[i] += "?consistency=stale"
		}
	}
	if s.consistency == "index" {
		if index, err = r.wire.index(0, paths[0], people[0].token); err != nil {
			return nil, 0, err
		}
	}
	return func(_ context.Context, client int) error {
		_, err := r.wire.ask(client%len(r.wire.hosts), request{method: "GET", path: paths[client], token: people[client].token, index: index})
		return err
	}, 0, nil
}

// create makes a job and gives its id.
func (r *rig) create(client int, by *customerOf, body []byte) (string, error) {
	answer, err := r.wire.exchange(client%len(r.wire.hosts), "POST", "/jobs", by.token, body)
	if err != nil {
		return "", err
	}
	return field(answer, "job_id")
}

// Mixed is `stoker bench mixed`: reads and writes as an app has them.
type Mixed struct {
	Speed
	Reads int `default:"10" help:"Reads of a job to each job that is created (${default})."`
}

// Help says what is measured.
func (*Mixed) Help() string {
	return speedHelp(`Has clients create a job and then read it many times, each through its own node.`, "mixed",
		"bare: a fasthttp server that answers as many bytes from memory")
}

// Run measures and prints.
func (c *Mixed) Run(ctx context.Context, out io.Writer) error {
	return c.run(ctx, out, mixedScenario{c.Reads})
}

type mixedScenario struct{ reads int }

func (s mixedScenario) name() string   { return "mixed" }
func (s mixedScenario) bare() bareCall { return bareCall{"GET", nil, jobAnswer} }

func (s mixedScenario) prepare(ctx context.Context, r *rig, clients int) (drive.Do, int, error) {
	people, err := r.people(ctx, clients)
	if err != nil {
		return nil, 0, err
	}
	jobs, turns := make([]string, clients), make([]int, clients) // each client's own
	return func(_ context.Context, client int) (err error) {
		if turn := turns[client]; turn == 0 {
			jobs[client], err = r.create(client, people[client], createBody)
		} else {
			_, err = r.wire.exchange(client%len(r.wire.hosts), "GET", "/jobs/"+jobs[client], people[client].token, nil)
		}
		turns[client] = (turns[client] + 1) % (s.reads + 1)
		return err
	}, 0, nil
}

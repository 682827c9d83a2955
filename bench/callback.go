package bench

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"stoker/bench/drive"
)

// Stocked are the flags of the benchmarks that use work up.
type Stocked struct {
	Items int `default:"10000" help:"Items that are queued before each measurement; one that uses all of them up ends early (${default})."`
}

// jobSize is how many items the jobs have that are used up.
const jobSize = 50

// Callback is `stoker bench callback`: results of one item each, as the existing worker sends them.
type Callback struct {
	Speed
	Stocked
}

// Help says what is measured.
func (*Callback) Help() string {
	return speedHelp(`Has clients report items as done, one a call, each through its own node, under no lease: an item becomes final, leaves the
queue, and the last of a job settles it.`, "callback", "etcd: a transaction that debits a counter if it is what was read, and puts a record")
}

// Run measures and prints.
func (c *Callback) Run(ctx context.Context, out io.Writer) error {
	c.stocked = c.Items
	return c.run(ctx, out, callbackScenario{c.Items})
}

type callbackScenario struct{ items int }

func (callbackScenario) name() string { return "callback" }
func (callbackScenario) bare() bareCall {
	return bareCall{"POST", []byte(`{"idx":1,"status":"done"}`), 200}
}

func (s callbackScenario) prepare(ctx context.Context, r *rig, clients int) (drive.Do, int, error) {
	people, err := r.people(ctx, min(clients, 64))
	if err != nil {
		return nil, 0, err
	}
	items := s.items / jobSize * jobSize
	jobs, err := r.stock(ctx, people, items, jobSize)
	if err != nil {
		return nil, 0, err
	}
	var next atomic.Int64
	return func(_ context.Context, client int) error {
		i := int(next.Add(1)) - 1
		body := fmt.Appendf(nil, `{"idx":%d,"status":"done"}`, i/len(jobs))
		_, err := r.wire.exchange(client%len(r.wire.hosts), "POST", "/jobs/"+jobs[i%len(jobs)]+"/callback", r.where.WorkerToken, body)
		return err
	}, items, nil
}

// Grants is `stoker bench grants`: work taken and reported.
type Grants struct {
	Speed
	Stocked
}

// Help says what is measured.
func (*Grants) Help() string {
	return speedHelp(`Has workers take one item at a time and report it as done, each through its own node: two calls, a lease and a result.`, "grants",
		"nats: a JetStream work queue with three replicas, fetch one and acknowledge it, with sync_interval always")
}

// Run measures and prints.
func (c *Grants) Run(ctx context.Context, out io.Writer) error {
	c.stocked = c.Items
	return c.run(ctx, out, grantScenario{c.Items})
}

type grantScenario struct{ items int }

func (grantScenario) name() string   { return "grants" }
func (grantScenario) bare() bareCall { return bareCall{"POST", polls(1)[0], 1500} }

func (s grantScenario) prepare(ctx context.Context, r *rig, clients int) (drive.Do, int, error) {
	people, err := r.people(ctx, min(clients, 64))
	if err != nil {
		return nil, 0, err
	}
	if _, err := r.stock(ctx, people, s.items, jobSize); err != nil {
		return nil, 0, err
	}
	lease := polls(clients)
	return func(_ context.Context, client int) error {
		return r.work(client%len(r.wire.hosts), lease[client])
	}, s.items, nil
}

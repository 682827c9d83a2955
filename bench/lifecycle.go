package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"stoker/bench/drive"
	"stoker/client"
)

// Lifecycle is `stoker bench lifecycle`: a job from its beginning to its end.
type Lifecycle struct{ Speed }

// Help says what is measured.
func (*Lifecycle) Help() string {
	return speedHelp(`Has clients create a job of one picture, upload it, confirm, execute, take work as a worker does (their own or another's),
report it as done and read the job: seven calls, each through the client's own node. What is counted is whole lives.`, "lifecycle",
		"bare: one call of a fasthttp server, not seven")
}

// Run measures and prints.
func (c *Lifecycle) Run(ctx context.Context, out io.Writer) error {
	return c.run(ctx, out, lifecycleScenario{})
}

type lifecycleScenario struct{}

func (lifecycleScenario) name() string   { return "lifecycle" }
func (lifecycleScenario) bare() bareCall { return bareCall{"POST", createBody, 1500} }

var (
	oneBody     = []byte(`{"preset":"` + preset + `","item_count":1}`)
	executeBody = []byte(`{"concepts":{"` + concept + `":{"action":"recolor","value":"white"}}}`)
)

func (s lifecycleScenario) prepare(ctx context.Context, r *rig, clients int) (drive.Do, int, error) {
	people, err := r.people(ctx, clients)
	if err != nil {
		return nil, 0, err
	}
	lease := polls(clients)
	return func(_ context.Context, client int) error {
		me, node := people[client], client%len(r.wire.hosts)
		job, err := r.queued(node, me, oneBody)
		if err != nil {
			return err
		}
		if err := r.work(node, lease[client]); err != nil {
			return err
		}
		_, err = r.wire.exchange(node, "GET", "/jobs/"+job, me.token, nil)
		return err
	}, 0, nil
}

// queued makes a job, uploads its pictures and queues it.
func (r *rig) queued(node int, by *customerOf, body []byte) (string, error) {
	data, err := r.wire.call(node, "POST", "/jobs", by.token, body)
	if err != nil {
		return "", err
	}
	var ticket client.Ticket
	if err := json.Unmarshal(data, &ticket); err != nil {
		return "", err
	}
	for _, to := range ticket.PresignedURLs {
		if err := r.wire.put(to.URL, []byte(pixel)); err != nil {
			return "", err
		}
	}
	if _, err := r.wire.exchange(node, "POST", "/jobs/"+ticket.JobID+"/confirm-upload", by.token, nil); err != nil {
		return "", err
	}
	_, err = r.wire.exchange(node, "POST", "/jobs/"+ticket.JobID+"/execute", by.token, executeBody)
	return ticket.JobID, err
}

// polls are those of so many workers, each for one item.
func polls(n int) (bodies [][]byte) {
	for i := range n {
		bodies = append(bodies, fmt.Appendf(nil, `{"worker_id":"bench-%d","max_items":1,"wait_s":30}`, i))
	}
	return bodies
}

// work takes one item and reports it as done.
func (r *rig) work(node int, poll []byte) error {
	data, err := r.wire.call(node, "POST", "/queue/lease", r.where.WorkerToken, poll)
	if err != nil {
		return err
	}
	var grant client.Grant
	if err := json.Unmarshal(data, &grant); err != nil {
		return err
	}
	body := fmt.Appendf(nil, `{"results":[{"idx":%d,"status":"done"}]}`, grant.Items[0].Idx)
	_, err = r.wire.exchange(node, "POST", "/queue/leases/"+grant.LeaseID+"/results", r.where.WorkerToken, body)
	return err
}

// stock queues so many items in jobs of up to size, of some customers, and gives the jobs' ids; 0 items: none.
func (r *rig) stock(ctx context.Context, people []*customerOf, items, size int) (jobs []string, err error) {
	var mu sync.Mutex
	all, _ := errgroup.WithContext(ctx)
	all.SetLimit(64)
	for i := 0; items > 0; i++ {
		n, by := min(size, items), people[i%len(people)]
		items -= n
		all.Go(func() error {
			job, err := r.queued(i%len(r.wire.hosts), by, fmt.Appendf(nil, `{"preset":"%s","item_count":%d}`, preset, n))
			mu.Lock()
			defer mu.Unlock()
			jobs = append(jobs, job)
			return err
		})
	}
	return jobs, all.Wait()
}

package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"stoker/client"
)

// parkedWait is how long a poll is parked, in seconds: the most that the contract allows.
const parkedWait = 60

// parking is many workers that wait, each with a poll of its own, spread over all nodes.
type parking struct {
	testbed *testbed
	queues  []*client.Queue // by node
	close   []func()
	got     chan delivery

	mu     sync.Mutex
	leave  []context.CancelFunc
	seen   map[string]int // job/idx: how often it was handed out
	failed error          // the first refusal
	polls  sync.WaitGroup
}

// delivery is an item in a worker's hands.
type delivery struct {
	job    string
	worker string
	at     time.Time
}

func newParking(t *testbed) (*parking, error) {
	p := &parking{testbed: t, got: make(chan delivery, 64), seen: map[string]int{}}
	for _, n := range t.cluster.Nodes {
		transport := &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 1 << 16,
			DisableCompression:  true,
			ReadBufferSize:      1 << 10,
			WriteBufferSize:     1 << 10,
		}
		one := t.where
		one.Endpoints, one.Transport = []string{"http://" + n.HTTP}, transport
		c, err := client.New(one)
		if err != nil {
			return nil, err
		}
		p.queues = append(p.queues, c.Queue())
		p.close = append(p.close, c.Close)
	}
	return p, nil
}

// fill parks or lets go until n workers wait, and returns once the leader knows of all of them.
func (p *parking) fill(ctx context.Context, n int) error {
	p.mu.Lock()
	for len(p.leave) < n {
		life, leave := context.WithCancel(ctx)
		i := len(p.leave)
		p.leave = append(p.leave, leave)
		p.polls.Go(func() { p.wait(life, i) })
	}
	p.mu.Unlock()
	for {
		leader, err := p.testbed.leader(ctx)
		if err != nil {
			return err
		}
		p.mu.Lock()
		failed := p.failed
		p.mu.Unlock()
		switch {
		case failed != nil:
			return failed
		case leader.Queue.Waiters >= n:
			return nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("%d of %d polls are parked: %w", leader.Queue.Waiters, n, err)
		}
	}
}

// wait is one worker: it polls, notes what it is given, reports it as done and polls again.
func (p *parking) wait(ctx context.Context, i int) {
	queue := p.queues[i%len(p.queues)]
	ask := client.Poll{WorkerID: "parked-" + strconv.Itoa(i), MaxItems: 1, WaitS: parkedWait}
	for ctx.Err() == nil {
		ask.PollID = rand.Text()
		grant, err := queue.Lease(ctx, ask)
		at := time.Now()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.fail(fmt.Errorf("a parked poll: %w", err))
			return
		case grant == nil:
			continue
		}
		for _, item := range grant.Items {
			p.mu.Lock()
			p.seen[grant.JobID+"/"+strconv.Itoa(item.Idx)]++
			p.mu.Unlock()
			p.got <- delivery{grant.JobID, ask.WorkerID, at}
			if _, err := queue.Results(ctx, grant.LeaseID, client.ItemResult{Idx: item.Idx, Status: client.Done}); err != nil && ctx.Err() == nil {
				p.fail(fmt.Errorf("a result: %w", err))
			}
		}
	}
}

func (p *parking) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil {
		p.failed = err
	}
}

// twice is the number of items that were handed out more than once.
func (p *parking) twice() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, times := range p.seen {
		if times > 1 {
			n++
		}
	}
	return n
}

// clear ends all polls.
func (p *parking) clear() {
	p.mu.Lock()
	for _, leave := range p.leave {
		leave()
	}
	p.mu.Unlock()
	p.polls.Wait()
	for _, done := range p.close {
		done()
	}
}

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"stoker/client"
)

const (
	attemptLimit = 8 * time.Second  // what a client gives one node before it asks the next
	retryLimit   = 20 * time.Second // what it gives the cluster
	retryPause   = 50 * time.Millisecond
)

// load is what runs while a leader is struck: writes at a steady rate, each first at the next node in turn, whatever has
// become of those before it, and linearizable reads at every node. Each write books one credit for the load's own user.
type load struct {
	*torment
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	user   *client.App
	id     string
	start  int64 // credits before the first write
	http   *http.Client
	acked  atomic.Int64
	seen   atomic.Int64 // the highest balance that a read has shown
	reads  atomic.Int64
	stale  atomic.Int64
	mu     sync.Mutex
	writes []*credit
}

// credit is one write and what its client was told.
type credit struct {
	ref   string
	place int       // the node it was first sent to
	sent  time.Time // the first time
	acked time.Time // zero: never
	by    int       // the node that acknowledged it
	bare  string    // what became of the first attempt: "" is an acknowledgement
	last  string    // what the client knows at the end: "" is an acknowledgement
}

// openLoad makes a user and begins to write and read.
func (x *torment) openLoad(ctx context.Context) (*load, error) {
	l := &load{torment: x, user: x.api.App(""), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: 5 * time.Second}}}
	in, err := l.user.SignIn(ctx, "")
	if err != nil {
		return nil, err
	}
	l.id = in.UserID
	me, err := l.user.Me(ctx)
	if err != nil {
		return nil, err
	}
	l.start = int64(me.Credits)
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.wg.Go(l.write)
	for _, n := range x.cluster.Nodes {
		l.wg.Go(func() { l.read("http://" + n.HTTP) })
	}
	return l, nil
}

// stop ends the load and waits for what is under way.
func (l *load) stop() {
	l.cancel()
	l.wg.Wait()
	l.http.CloseIdleConnections()
}

// write sends one after another without waiting for answers.
func (l *load) write() {
	tick := time.NewTicker(time.Second / time.Duration(l.Rate))
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
		}
		c := &credit{ref: fmt.Sprintf("bench-%d", i), place: i % len(l.cluster.Nodes), sent: time.Now()}
		l.mu.Lock()
		l.writes = append(l.writes, c)
		l.mu.Unlock()
		l.wg.Go(func() { l.book(c) })
	}
}

// book sends one write until it is acknowledged: at once to its node, and then to the next ones, as a client does that has
// all addresses.
func (l *load) book(c *credit) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), retryLimit)
	defer cancel()
	for try := 0; ; try++ {
		at := (c.place + try) % len(l.cluster.Nodes)
		said := l.once(ctx, at, c.ref)
		if try == 0 {
			c.bare = said
		}
		c.last = said
		if said == "" {
			c.acked, c.by = time.Now(), at
			l.acked.Add(1)
			return
		}
		if pause(ctx, retryPause) != nil {
			return
		}
	}
}

// once is one attempt at one node; "" is an acknowledgement. The request's body is not given to net/http to be sent again.
func (l *load) once(ctx context.Context, at int, ref string) string {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	body, err := json.Marshal(map[string]any{"amount": 1, "reason": ref})
	if err != nil {
		return err.Error()
	}
	path := "http://" + l.cluster.Nodes[at].HTTP + "/admin/users/" + l.id + "/credits"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, path, bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	req.GetBody = nil
	req.Header.Set("Authorization", "Bearer "+l.where.AdminToken)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", ref)
	_, said := l.exchange(req)
	return said
}

// What an attempt may come to that the API has no code for.
const (
	saidRefused = "no connection" // nothing was sent
	saidNothing = "no answer in 8 s"
	saidCut     = "connection lost"
)

// exchange sends a request and says what came of it, "" being success.
func (l *load) exchange(req *http.Request) (data json.RawMessage, said string) {
	res, err := l.http.Do(req)
	if err == nil {
		defer res.Body.Close()
		var text []byte
		if text, err = io.ReadAll(res.Body); err == nil {
			var answer struct {
				Data  json.RawMessage
				Error struct{ Code string }
			}
			if err = json.Unmarshal(text, &answer); err == nil && res.StatusCode/100 != 2 {
				return nil, answer.Error.Code
			}
			data = answer.Data
		}
	}
	switch {
	case err == nil:
		return data, ""
	case errors.Is(err, context.DeadlineExceeded):
		return nil, saidNothing
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, saidRefused
	}
	return nil, saidCut
}

// read asks one node again and again, and holds each answer against what was known before it was asked.
func (l *load) read(node string) {
	tick := time.NewTicker(time.Second / time.Duration(l.Reads))
	defer tick.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
		}
		least := max(l.start+l.acked.Load(), l.seen.Load())
		ctx, cancel := context.WithTimeout(l.ctx, attemptLimit)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, node+"/me", nil)
		if err != nil {
			cancel()
			continue
		}
		req.Header.Set("Authorization", "Bearer "+l.user.Token())
		data, said := l.exchange(req)
		cancel()
		var me struct{ Credits int64 }
		if said != "" || json.Unmarshal(data, &me) != nil {
			continue
		}
		l.reads.Add(1)
		if me.Credits < least {
			l.stale.Add(1)
		}
		for was := l.seen.Load(); me.Credits > was && !l.seen.CompareAndSwap(was, me.Credits); was = l.seen.Load() {
		}
	}
}

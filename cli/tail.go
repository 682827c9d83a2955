package cli

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"stoker/cli/tail"
	"stoker/client"
)

// tailCommand is `stoker tail`.
type tailCommand struct {
	operatorFlags
	From     string   `default:"now" metavar:"now|start|INDEX|TIME|ID" help:"Where to begin: now, start (as far as changes are kept), an entry of the log, a time (2026-01-02T15:04:05Z) or a span before now (15m), or the id of a change, behind which it goes on."`
	Job      string   `metavar:"JOB" complete:"job" help:"Only what concerns this job."`
	User     string   `metavar:"USER" complete:"user" help:"Only what concerns this user."`
	Worker   string   `metavar:"WORKER" complete:"worker" help:"Only what happened to or through this worker."`
	Status   []string `metavar:"STATUS,…" help:"Only steps of jobs and items to one of these statuses."`
	Event    []string `metavar:"EVENT,…" help:"Only these events, as in job.failed, or all of a kind: job, item, credits, lease, worker, user, operator, cluster."`
	Format   string   `enum:"pretty,json" default:"pretty" help:"pretty (a line for people) or json (a line a change, with its id)."`
	JSON     bool     `name:"json" help:"The same as --format json."`
	Requests bool     `help:"Show the requests that the nodes answer too."`
	Rate     int      `default:"50" metavar:"N" help:"Requests a second that each node shows at most (${default}); how many were left out is said."`
	Limit    int      `metavar:"N" help:"End after so many changes."`
}

// Help shows how to call it.
func (*tailCommand) Help() string {
	return `Every change of the state, from any node, each once and in the order of the log. A connection that breaks is taken up on
another node where it was. Changes are kept for seven days or 64 MiB, whichever is less. Requests are in no log: those of the nodes
in operator.toml are shown as they come.

  stoker tail --user u_abc
  stoker tail --from 15m --event job.failed,item.dead
  stoker tail --from start --format json | jq 'select(.event == "credits.grant")'
  stoker tail --requests`
}

// printer prints whole lines, whoever asks.
type printer struct {
	mu   sync.Mutex
	s    *shell
	json bool
}

func (p *printer) line(v any, pretty string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		p.s.printf("%s\n", text)
		return nil
	}
	p.s.printf("%s\n", pretty)
	return nil
}

func (p *printer) notef(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.notef(format, args...)
}

// Run shows changes until Ctrl-C.
func (c *tailCommand) Run(s *shell) error {
	q := client.TailQuery{From: c.from(s.now()), Job: c.Job, User: c.User, Worker: c.Worker, Statuses: c.Status, Events: c.Event}
	if c.Rate < 1 || c.Rate > 1000 {
		return errors.New("--rate: give 1 to 1000")
	}
	cluster, err := c.dial()
	if err != nil {
		return err
	}
	defer cluster.Close()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	p := &printer{s: s, json: c.JSON || c.Format == "json"}
	var requests sync.WaitGroup
	var refused error
	if c.Requests {
		requests.Go(func() {
			if refused = c.requests(ctx, cluster.Operator(), p); refused != nil {
				cancel()
			}
		})
	}
	err = c.changes(ctx, cluster.Operator(), q, p)
	cancel()
	requests.Wait()
	switch {
	case refused != nil:
		return advise(refused, nil)
	case s.ctx.Err() != nil:
		return nil // Ctrl-C is how it ends
	}
	return err
}

// from understands a span too.
func (c *tailCommand) from(now time.Time) string {
	if ago, err := time.ParseDuration(c.From); err == nil && ago > 0 && strings.Trim(c.From, "0123456789") != "" {
		return now.Add(-ago).UTC().Format(time.RFC3339Nano)
	}
	return c.From
}

func (c *tailCommand) changes(ctx context.Context, o *client.Operator, q client.TailQuery, p *printer) error {
	n := 0
	for change, err := range o.Tail(ctx, q) {
		if err != nil {
			return advise(err, hints{client.CodePositionGone: "`stoker tail --from start` begins with the oldest change that is kept"})
		}
		if err := p.line(change, tail.Change(change)); err != nil {
			return err
		}
		if n++; n == c.Limit {
			return nil
		}
	}
	return nil
}

func (c *tailCommand) requests(ctx context.Context, o *client.Operator, p *printer) error {
	return o.Requests(ctx, c.Rate, func(r client.ShownRequest) {
		if !p.json && slices.Contains([]string{"/admin/tail", "/admin/requests"}, r.Route) && r.LeftOut == 0 {
			return // ours
		}
		_ = p.line(r, tail.Request(r)) // it encodes
	}, func(node string, err error) {
		if err != nil {
			p.notef("stoker: %s shows no requests: %v; it is asked again\n", node, err)
			return
		}
		p.notef("stoker: %s is back; what it answered meanwhile is not shown\n", node)
	})
}

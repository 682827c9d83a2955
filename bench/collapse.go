package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"stoker/bench/drive"
	"stoker/fsm"
)

// Collapse is `proof collapse`: what a cluster does of much more than it can take. It is no command of stoker bench, which measures,
// but has its verdicts; it is here because it drives as those do.
type Collapse struct {
	For         time.Duration `name:"for" default:"10s" help:"How long each load is offered (${default})."`
	Clients     int           `default:"128" help:"Clients that find out what the cluster can take, one request of each at a time (${default})."`
	Times       []float64     `default:"2,4" help:"How many times that is offered then (${default})."`
	Connections int           `default:"6000" help:"Requests under way at most while it is (${default})."`
	Nodes       int           `default:"3" help:"Nodes of the cluster (${default})."`
	Together    bool          `help:"Let the client run on the nodes' processors. Otherwise they have some for themselves, and it has others, where this is Linux and there are two."`
	Binary      string        `type:"existingfile" metavar:"FILE" help:"Program of the nodes (built from this module)."`
}

// What must hold.
const (
	leastGoodput = 0.7             // of what the cluster can take
	longestTaken = 6 * time.Second // 99 of a hundred that are taken; a request's deadline is 10 s
	longestNo    = 2 * time.Second // half of those that are refused: on a machine that their sender shares
	mostGrown    = 256             // MB of the largest node's own memory, above what it had when it was busy: entries and rows on their way, and garbage
	connMB       = 1.0 / 16        // more for each connection of it
	lightLoad    = 0.25            // of what it can take, right afterwards
	lightSpan    = 3 * time.Second // of that load
	opening      = 2 * time.Second // of a load, in which connections are opened and memory is taken for the first time
	mostLost     = 4               // of the time, the part that a client may not have run
	soonAgain    = 1 * time.Second // half of the requests of that load
)

// Run finds out what a cluster can take and offers it more. The error says what did not hold.
func (c *Collapse) Run(ctx context.Context, out io.Writer) error {
	if c.For <= 0 || c.Clients < 1 || c.Connections < c.Clients || c.Nodes < 1 {
		return errors.New("collapse: some time, a node, a client, and as many connections as clients")
	}
	if err := raiseFiles(uint64(c.Connections + 1024)); err != nil {
		return fmt.Errorf("collapse: %w", err)
	}
	r, err := (&Speed{Nodes: c.Nodes, Binary: c.Binary, Plan: "bench"}).openRig(ctx)
	if err != nil {
		return fmt.Errorf("collapse: %w", err)
	}
	began, heart := time.Now(), drive.FeelPulse()
	wrong, err := c.judge(ctx, out, r)
	lost, took := heart.End(), time.Since(began)
	if err := errors.Join(err, r.close()); err != nil {
		return fmt.Errorf("collapse: %w", err)
	}
	if lost > took/mostLost {
		return fmt.Errorf("collapse: not judged: this machine had no time for %s of %s; run it where less is going on", lost.Round(time.Second), took.Round(time.Second))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("collapse: it does not hold:\n  %s", strings.Join(wrong, "\n  "))
	}
	return nil
}

// users are so many that none comes to have as many open jobs as it may, and is refused for that: no cluster takes mostOpen a second.
func (c *Collapse) users() int {
	loads := 1 + 3*len(c.Times)
	return max(crowd, int((time.Duration(loads) * (opening + c.For)).Seconds()))
}

// judge drives and says what did not hold.
func (c *Collapse) judge(ctx context.Context, out io.Writer, r *rig) (wrong []string, err error) {
	people, err := r.people(ctx, c.users())
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(out, machine())
	if !c.Together {
		how, back, err := apart(r.pids())
		if err != nil {
			fmt.Fprintf(out, "NOT APART: %v. The client takes processors that the nodes need, and what is taken suffers.\n", err)
		} else {
			defer back()
			fmt.Fprintln(out, how)
		}
	}
	fmt.Fprintf(out, "%-14s %9s %9s %14s %14s %9s %14s %8s %6s %6s\n", "load", "offered/s", "taken/s", "taken p50", "taken p99", "refused", "refused p50", "MB", "CPU", "client")
	offer := func(name string, rate float64, clients int, span time.Duration) (surge, error) {
		l, err := c.offer(ctx, r, people, name, rate, clients, span)
		if err == nil {
			fmt.Fprintln(out, l)
			wrong = append(wrong, l.oddities()...)
		}
		return l, err
	}
	full, err := offer("all it can", 0, c.Clients, c.For)
	if err != nil {
		return wrong, err
	}
	calm := full.peakMB
	for _, times := range c.Times {
		l, err := offer(fmt.Sprintf("%g times that", times), times*full.goodput, c.Connections, c.For)
		if err != nil {
			return wrong, err
		}
		after, err := offer("right after it", lightLoad*full.goodput, c.Clients, lightSpan)
		if err != nil {
			return wrong, err
		}
		if half := within(after.taken, 50); len(after.refused) > 0 || half > soonAgain {
			wrong = append(wrong, fmt.Sprintf("after %s: %d of a light load are refused, and half of it takes %s", l.name, len(after.refused), half))
		}
		// What a machine with other work can do changes within seconds: what was done is held against the less of before and after.
		again, err := offer("all it can", 0, c.Clients, c.For)
		if err != nil {
			return wrong, err
		}
		wrong = append(wrong, l.under(min(full.goodput, again.goodput), calm+mostGrown+connMB*float64(c.Connections/c.Nodes))...)
		full = again
	}
	return wrong, nil
}

// offer has clients create jobs and sorts the answers.
func (c *Collapse) offer(ctx context.Context, r *rig, people []*customerOf, name string, rate float64, clients int, span time.Duration) (surge, error) {
	l := surge{name: name, rate: rate, span: span, odd: map[string]int{}}
	each := make([]surge, clients) // its own, so that nobody waits for another
	for i := range each {
		each[i].odd = map[string]int{}
	}
	watched := takeToll(ctx, r.pids(), opening+span)
	from := time.Now().Add(opening)
	to := from.Add(span)
	_, err := drive.Loop(ctx, clients, rate, drive.Span{Warm: opening, For: span}, func(_ context.Context, client int) error {
		mine, began := &each[client], time.Now()
		err := r.wire.send(client%len(r.wire.hosts), request{method: fasthttp.MethodPost, path: "/jobs", token: people[client%len(people)].token, body: createBody}, func(res *fasthttp.Response) {
			took := time.Since(began)
			switch code := res.StatusCode(); {
			case code/100 == 2:
				mine.taken = append(mine.taken, took)
				if now := time.Now(); now.After(from) && now.Before(to) {
					mine.goodput++
				}
			default:
				what, _ := field(res.Body(), "code")
				if tooMuch(what) && len(res.Header.Peek(fasthttp.HeaderRetryAfter)) > 0 {
					mine.refused = append(mine.refused, took)
					return
				}
				mine.odd[fmt.Sprintf("HTTP %d %s", code, what)]++
			}
		})
		if err != nil {
			mine.odd["no answer"]++
		}
		return nil // it is counted
	})
	for _, one := range each {
		l.taken, l.refused, l.goodput = append(l.taken, one.taken...), append(l.refused, one.refused...), l.goodput+one.goodput
		for what, n := range one.odd {
			l.odd[what] += n
		}
	}
	slices.Sort(l.taken)
	slices.Sort(l.refused)
	l.goodput /= span.Seconds()
	l.toll = watched()
	if err == nil && len(l.taken) == 0 {
		err = fmt.Errorf("nothing was taken under %q: %d were refused, and %v", name, len(l.refused), l.odd)
	}
	return l, err
}

// tooMuch says whether a refusal's code says that this was too much at once. That a user has as many jobs as it may have does not.
func tooMuch(code string) bool { return code == string(fsm.Unavailable) || code == "RATE_LIMITED" }

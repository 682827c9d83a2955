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

// Collapse is what `proof collapse` does: it offers a cluster much more than it can take. It is no command of stoker bench, which
// measures, but has its verdicts; it is here because it drives as those do.
type Collapse struct {
	For         time.Duration `name:"for" default:"10s" help:"How long each load is offered (${default})."`
	Clients     int           `default:"128" help:"Clients that find out what the cluster can take, one request of each at a time (${default})."`
	Times       []float64     `default:"2,4" help:"How many times that is offered then (${default})."`
	Connections int           `default:"6000" help:"Requests under way at most while it is (${default})."`
	Nodes       int           `default:"3" help:"Nodes of the cluster (${default})."`
	Together    bool          `help:"Let the client run on the nodes' processors. Otherwise they have some for themselves, and it has others, where this is Linux and there are two."`
	Tries       int           `default:"1" help:"Do all of it again, so often in all, if it was only too slow, or not judged, which other work on this machine may be to blame for; a lost answer or too much memory is not tried again (${default})."`
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

// CollapseRecord is what came of it.
type CollapseRecord struct {
	Machine string // and who ran where
	Began   time.Time
	Lasted  time.Duration
	Lost    time.Duration // of that, when this machine had no time for the client
	Loads   []Load
	Tries   int      // this was which one
	Wrong   []string // on any machine that had time
	Slow    []string // that a machine with other work may be to blame for
}

// Run finds out what a cluster can take, offers it more, and says what came of it, as it goes. The record is of the last try; there is
// none where it could not be done. The error says what did not hold.
func (c *Collapse) Run(ctx context.Context, out io.Writer) (record *CollapseRecord, err error) {
	if c.For <= 0 || c.Clients < 1 || c.Connections < c.Clients || c.Nodes < 1 || c.Tries < 1 {
		return nil, errors.New("collapse: some time, a node, a client, as many connections as clients, and one try")
	}
	if err := raiseFiles(uint64(c.Connections + 1024)); err != nil {
		return nil, fmt.Errorf("collapse: %w", err)
	}
	for try := 1; try <= c.Tries; try++ {
		if record, err = c.try(ctx, out); err != nil {
			return nil, fmt.Errorf("collapse: %w", err)
		}
		record.Tries = try
		err = record.Verdict()
		if err == nil || record.Judged() && len(record.Wrong) > 0 || try == c.Tries {
			break
		}
		fmt.Fprintf(out, "AGAIN: %v\n", err)
	}
	return record, err
}

// Judged says whether this machine had time enough for the client that what came says something of the cluster.
func (r *CollapseRecord) Judged() bool { return r.Lost <= r.Lasted/mostLost }

// Verdict says what did not hold.
func (r *CollapseRecord) Verdict() error {
	if !r.Judged() {
		return fmt.Errorf("collapse: not judged: this machine had no time for %s of %s; run it where less is going on", r.Lost.Round(time.Second), r.Lasted.Round(time.Second))
	}
	if wrong := slices.Concat(r.Wrong, r.Slow); len(wrong) > 0 {
		return fmt.Errorf("collapse: it does not hold:\n  %s", strings.Join(wrong, "\n  "))
	}
	return nil
}

// try does it once.
func (c *Collapse) try(ctx context.Context, out io.Writer) (*CollapseRecord, error) {
	r, err := (&Speed{Nodes: c.Nodes, Binary: c.Binary, Plan: "bench"}).openRig(ctx)
	if err != nil {
		return nil, err
	}
	heart := drive.FeelPulse()
	record := &CollapseRecord{Began: time.Now(), Machine: machine()}
	err = c.judge(ctx, out, r, record)
	record.Lost, record.Lasted = heart.End(), time.Since(record.Began)
	if err := errors.Join(err, r.close()); err != nil {
		return nil, err
	}
	return record, nil
}

// users are so many that none comes to have as many open jobs as it may, and is refused for that: no cluster takes mostOpen a second.
func (c *Collapse) users() int {
	loads := 1 + 3*len(c.Times)
	return max(crowd, int((time.Duration(loads) * (opening + c.For)).Seconds()))
}

// judge drives and notes what did not hold.
func (c *Collapse) judge(ctx context.Context, out io.Writer, r *rig, record *CollapseRecord) error {
	people, err := r.people(ctx, c.users())
	if err != nil {
		return err
	}
	if !c.Together {
		how, back, err := apart(r.pids())
		if err != nil {
			how = fmt.Sprintf("NOT APART: %v. The client takes processors that the nodes need, and what is taken suffers.", err)
		} else {
			defer back()
		}
		record.Machine += "; " + how
	}
	fmt.Fprintf(out, "%s\n%s\n", record.Machine, loadsHead)
	offer := func(name string, rate float64, clients int, span time.Duration) (Load, error) {
		l, err := c.offer(ctx, r, people, name, rate, clients, span)
		if err == nil {
			fmt.Fprintln(out, l)
			record.Loads = append(record.Loads, l)
			record.Wrong = append(record.Wrong, l.oddities()...)
		}
		return l, err
	}
	full, err := offer("all it can", 0, c.Clients, c.For)
	if err != nil {
		return err
	}
	if full.Goodput == 0 {
		record.Slow = append(record.Slow, full.Name+": nothing is taken")
		return nil
	}
	calm := full.peak()
	for _, times := range c.Times {
		l, err := offer(fmt.Sprintf("%g times that", times), times*full.Goodput, c.Connections, c.For)
		if err != nil {
			return err
		}
		after, err := offer("right after it", lightLoad*full.Goodput, c.Clients, lightSpan)
		if err != nil {
			return err
		}
		// What a machine with other work can do changes within seconds: what was done is held against the less of before and after.
		again, err := offer("all it can", 0, c.Clients, c.For)
		if err != nil {
			return err
		}
		record.Wrong = append(record.Wrong, l.large(calm+mostGrown+connMB*float64(c.Connections/c.Nodes))...)
		record.Slow = slices.Concat(record.Slow, l.slow(min(full.Goodput, again.Goodput)), after.notYetWell(l.Name))
		if full = again; full.Goodput == 0 {
			record.Slow = append(record.Slow, full.Name+", behind "+l.Name+": nothing is taken")
			return nil
		}
	}
	return nil
}

// offer has clients create jobs and sorts the answers.
func (c *Collapse) offer(ctx context.Context, r *rig, people []*customerOf, name string, rate float64, clients int, span time.Duration) (Load, error) {
	l := Load{Name: name, Rate: rate, Began: time.Now(), Span: opening + span, odd: map[string]int{}}
	each := make([]Load, clients) // its own, so that nobody waits for another
	for i := range each {
		each[i].odd = map[string]int{}
	}
	watched := takeToll(ctx, r.pids(), l.Span)
	_, err := drive.Loop(ctx, clients, rate, drive.Span{Warm: opening, For: span}, func(_ context.Context, client int) error {
		mine, began := &each[client], time.Now()
		err := r.wire.send(client%len(r.wire.hosts), request{method: fasthttp.MethodPost, path: "/jobs", token: people[client%len(people)].token, body: createBody}, func(res *fasthttp.Response) {
			a := answer{at: time.Since(l.Began), took: time.Since(began)}
			if res.StatusCode()/100 == 2 {
				mine.taken = append(mine.taken, a)
				return
			}
			what, _ := field(res.Body(), "code")
			if tooMuch(what) && len(res.Header.Peek(fasthttp.HeaderRetryAfter)) > 0 {
				mine.refused = append(mine.refused, a)
				return
			}
			mine.odd[fmt.Sprintf("HTTP %d %s", res.StatusCode(), what)]++
		})
		if err != nil {
			mine.odd["no answer"]++
		}
		return nil // it is counted
	})
	for _, one := range each {
		l.taken, l.refused = append(l.taken, one.taken...), append(l.refused, one.refused...)
		for what, n := range one.odd {
			l.odd[what] += n
		}
	}
	l.sum(watched())
	return l, err
}

// tooMuch says whether a refusal's code says that this was too much at once. That a user has as many jobs as it may have does not.
func tooMuch(code string) bool { return code == string(fsm.Unavailable) || code == "RATE_LIMITED" }

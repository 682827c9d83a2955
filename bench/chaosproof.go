package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"stoker/client"
)

// proof is what was found at the end.
type proof struct {
	took         time.Duration // until the last job had ended
	blows        map[string]int
	jobs, items  int
	canceled     int // jobs
	lost         int // leases whose workers were told, or found out
	done, failed int
	grants       int // leases that workers took
	boots        int // lives of workers

	mu     sync.Mutex
	broken map[string][]string // rule: what breaks it
}

// The rules, in the order of the table.
const (
	onceFinal   = "every item is final exactly once"
	whole       = "every job has ended, with its items"
	ledgerAdds  = "the ledger adds up to the credits"
	refunded    = "what was not done was refunded, and no more"
	outputsOwn  = "every result is there, and is of its own item"
	fenceOnce   = "no fence was held by two lives of workers"
	replicasOne = "all nodes hold the same state"
	emptyQueue  = "nothing is left in the queue"
)

var rules = []string{onceFinal, whole, ledgerAdds, refunded, outputsOwn, fenceOnce, replicasOne, emptyQueue}

func (p *proof) breaks(rule, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken[rule] = append(p.broken[rule], fmt.Sprintf(format, args...))
}

// prove looks at everything. An error means that it could not look.
func (x *chaos) prove(ctx context.Context) (*proof, error) {
	p := &proof{blows: x.blows, broken: map[string][]string{}}
	look, looking := errgroup.WithContext(ctx)
	look.SetLimit(8)
	for _, b := range x.buyers {
		p.canceled += b.gone
		look.Go(func() error { return b.proveMoney(looking, p) })
		for _, id := range b.jobs {
			look.Go(func() error { return b.proveJob(looking, p, id) })
		}
	}
	if err := look.Wait(); err != nil {
		return nil, err
	}
	if err := x.proveFences(p); err != nil {
		return nil, err
	}
	if p.items != x.Items {
		p.breaks(whole, "%d items were ordered, and %d are in the jobs", x.Items, p.items)
	}
	p.took = x.ended
	return p, x.proveNodes(ctx, p)
}

// proveJob holds a job against its history and its results.
func (c *customer) proveJob(ctx context.Context, p *proof, id string) error {
	job, err := c.app.Job(ctx, id)
	if err != nil {
		return err
	}
	events, err := c.app.History(ctx, id)
	if err != nil {
		return err
	}
	final, ended := map[int]int{}, 0
	for _, e := range events {
		switch {
		case e.Item != nil && e.To.Terminal():
			final[*e.Item]++
		case e.Item == nil && e.To.Terminal():
			ended++
		}
	}
	p.mu.Lock()
	p.jobs++
	p.items += job.TotalItems
	p.done += job.DoneItems
	p.failed += job.FailedItems
	p.mu.Unlock()
	for idx := range job.TotalItems {
		if final[idx] != 1 {
			p.breaks(onceFinal, "%s/%d became final %d times", id, idx, final[idx])
		}
	}
	all := job.DoneItems+job.FailedItems == job.TotalItems
	if job.Status == client.Canceled { // the rest was canceled with it
		all = job.DoneItems+job.FailedItems <= job.TotalItems
	}
	if ended != 1 || !job.Status.Terminal() || !all || len(job.DownloadURLs) != job.DoneItems {
		p.breaks(whole, "%s is %s, ended %d times, with %d done, %d failed, %d results of %d items", id, job.Status, ended,
			job.DoneItems, job.FailedItems, len(job.DownloadURLs), job.TotalItems)
	}
	for _, d := range job.DownloadURLs {
		var made bytes.Buffer
		if _, err := c.slow.Download(ctx, d.OutputURL, &made); err != nil {
			p.breaks(outputsOwn, "%s/%d: %v", id, d.Idx, err)
		} else if !strings.HasPrefix(made.String(), id+"/"+strconv.Itoa(d.Idx)+" by ") {
			p.breaks(outputsOwn, "%s/%d holds %.60q", id, d.Idx, made.String())
		}
	}
	return nil
}

// proveMoney adds up a buyer's ledger.
func (c *customer) proveMoney(ctx context.Context, p *proof) error {
	account, err := c.slow.Operator().User(ctx, c.id)
	if err != nil {
		return err
	}
	var sum, debits, refunds int64
	byJob := map[string]int64{}
	for cursor := ""; ; {
		page, err := c.app.Billing(ctx, cursor)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			sum += e.Amount
			switch e.Type {
			case "debit":
				debits -= e.Amount
				byJob[e.Ref] += e.Amount
			case "refund":
				refunds += e.Amount
				byJob[e.Ref] += e.Amount
			}
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if sum != account.Credits {
		p.breaks(ledgerAdds, "%s has %d credits, its ledger adds up to %d", c.name, account.Credits, sum)
	}
	if debits != int64(c.paid) {
		p.breaks(refunded, "%s ordered %d items and was debited %d", c.name, c.paid, debits)
	}
	for _, id := range c.jobs {
		job, err := c.app.Job(ctx, id)
		if err != nil {
			return err
		}
		if byJob[id] != -int64(job.DoneItems) {
			p.breaks(refunded, "%s: %d items done, and %d credits paid", id, job.DoneItems, -byJob[id])
		}
	}
	return nil
}

// proveFences reads the workers' logs: each line of a lease taken names it and the life of the worker that took it.
func (x *chaos) proveFences(p *proof) error {
	holders := map[string][]string{}
	boots := map[string]bool{}
	for _, h := range x.crew {
		file, err := os.Open(h.log)
		if err != nil {
			return err
		}
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var line struct{ Msg, Lease, Boot string }
			if json.Unmarshal(lines.Bytes(), &line) != nil {
				continue // cut by a kill
			}
			boots[line.Boot] = true
			if line.Msg == lostLine {
				p.lost++
			}
			if who := h.id + " " + line.Boot; line.Msg == takenLine && !slices.Contains(holders[line.Lease], who) {
				holders[line.Lease] = append(holders[line.Lease], who)
			}
		}
		if err := errors.Join(lines.Err(), file.Close()); err != nil {
			return err
		}
	}
	p.grants, p.boots = len(holders), len(boots)
	for lease, who := range holders {
		if len(who) > 1 {
			p.breaks(fenceOnce, "%s was taken by %s", lease, strings.Join(who, " and "))
		}
	}
	if p.grants == 0 {
		p.breaks(fenceOnce, "the workers' logs name no lease at all")
	}
	return nil
}

// proveNodes waits until all nodes hold the same index, and compares.
func (x *chaos) proveNodes(ctx context.Context, p *proof) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		var all []nodeStatus
		for _, c := range x.nodes {
			s, err := status(ctx, c)
			if err != nil {
				return err
			}
			all = append(all, s)
		}
		same := !slices.ContainsFunc(all, func(s nodeStatus) bool { return s.HashAt != all[0].HashAt })
		if same {
			for _, s := range all {
				if s.Hash != all[0].Hash {
					p.breaks(replicasOne, "%s and %s differ at index %d", s.Node, all[0].Node, s.HashAt)
				}
				for preset, n := range s.Queue.Ready {
					if n > 0 {
						p.breaks(emptyQueue, "%s: %d items of %s are ready", s.Node, n, preset)
					}
				}
				if s.Queue.Leases > 0 {
					p.breaks(emptyQueue, "%s: %d leases live", s.Node, s.Queue.Leases)
				}
			}
			return nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			p.breaks(replicasOne, "they were never seen at one index")
			return nil
		}
	}
}

// print is the verdict table.
func (p *proof) print(out io.Writer) {
	t := newTable(out, fmt.Sprintf("%d items in %d jobs", p.items, p.jobs), "what", "")
	t.AppendRow([]any{"until the last job had ended", p.took.Round(time.Second)})
	t.AppendRow([]any{"leases taken", p.grants})
	t.AppendRow([]any{"leases lost", p.lost})
	t.AppendRow([]any{"lives of workers", p.boots})
	for _, b := range blows {
		t.AppendRow([]any{b.name, p.blows[b.name]})
	}
	t.AppendRow([]any{"jobs canceled while they ran", p.canceled})
	t.AppendRow([]any{"items done", p.done})
	t.AppendRow([]any{"items failed and refunded", p.failed})
	t.AppendSeparator()
	for _, rule := range rules {
		verdict := "yes"
		if n := len(p.broken[rule]); n > 0 {
			verdict = fmt.Sprintf("NO, %s", plural(n, "time"))
		}
		t.AppendRow([]any{rule, verdict})
	}
	t.Render()
	for _, rule := range rules {
		for i, what := range p.broken[rule] {
			if i == 10 {
				fmt.Fprintf(out, "  … and %d more\n", len(p.broken[rule])-i)
				break
			}
			fmt.Fprintf(out, "  %s\n", what)
		}
	}
}

// verdict is nil if no rule is broken.
func (p *proof) verdict() error {
	var all []error
	for _, rule := range rules {
		if broken := p.broken[rule]; len(broken) > 0 {
			all = append(all, fmt.Errorf("not true: %s: %s", rule, broken[0]))
		}
	}
	return errors.Join(all...)
}

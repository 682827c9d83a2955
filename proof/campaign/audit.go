package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"stoker/client"
	"stoker/proof/judge"
)

// auditTime is how long the books of a user may take to be closed: the cluster may be down for a part of it.
const auditTime = 4 * time.Minute

// audit closes a user's books: nobody begins anything, what is open is ended, all is read once more and judged.
func (x *campaign) audit(u *user) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), auditTime, errors.New("the books could not be closed in time"))
	defer cancel()
	if err := x.closeBooks(ctx, u); err != nil && !x.verdicts.any() {
		x.verdicts.violate(ruleLive, "user %s: %v", u.id, err)
	}
}

func (x *campaign) closeBooks(ctx context.Context, u *user) error {
	u.mu.Lock()
	u.leaving = true
	u.mu.Unlock()
	clerk := &actor{campaign: x, client: clients + hands, dice: rand.New(rand.NewPCG(x.Seed, uint64(x.now())))}
	for !u.idle() {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	for {
		if err := clerk.wind(ctx, u); err != nil {
			return err
		}
		if clerk.resolve(ctx, u) {
			break
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("a request's outcome is unknown: %w", err)
		}
	}
	u.mu.Lock()
	u.sealed = true
	u.mu.Unlock()
	for !u.idle() { // workers
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	b, err := x.read(ctx, u, clerk)
	if err != nil {
		return err
	}
	x.hold(u, b)
	x.crowd.bury(u, b.remains())
	return x.fetch(ctx, u, b)
}

// fetch wants every picture that was counted to be there, and to be of its own item.
func (x *campaign) fetch(ctx context.Context, u *user, b *books) error {
	api, err := x.patient()
	if err != nil {
		return err
	}
	defer api.Close()
	for _, r := range u.results {
		at := slices.IndexFunc(b.whole[r.job].DownloadURLs, func(d client.DownloadURL) bool { return d.Idx == r.idx })
		if at < 0 {
			x.verdicts.check(ruleResults, false, "job %s has no result of item %d, which was counted", r.job, r.idx)
			continue
		}
		var made bytes.Buffer
		_, err := api.Download(ctx, b.whole[r.job].DownloadURLs[at].OutputURL, &made)
		x.verdicts.check(ruleResults, err == nil && bytes.Equal(made.Bytes(), resultOf(r.job, r.idx)), "the result of %s/%d: %.80q, %v", r.job, r.idx, made.Bytes(), err)
	}
	return nil
}

func (u *user) idle() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.busy == 0
}

// resolve asks for what was made under which name, until it is known, and says whether all is: then there was nothing to ask for,
// since what was made only now is open.
func (a *actor) resolve(ctx context.Context, u *user) bool {
	u.mu.Lock()
	open := u.unresolved
	u.unresolved = nil
	u.mu.Unlock()
	for _, ask := range open {
		if !ask(ctx) {
			u.mu.Lock()
			u.unresolved = append(u.unresolved, ask)
			u.mu.Unlock()
		}
	}
	return len(open) == 0
}

// patience is how long work that is queued may take until its user gives it up.
const patience = 8 * time.Second

// wind has every job end: those that workers have get some time, the others are canceled.
func (a *actor) wind(ctx context.Context, u *user) error {
	began := time.Now()
	for {
		o := a.begin(judge.ReadJobs)
		got := a.until(a.anywhere(), request{method: "GET", path: "/jobs?limit=50", token: u.token}, 20)
		show(&o, &got)
		a.finish(&o, got)
		u.record(o)
		open := 0
		for _, j := range o.Jobs {
			if ranks[j.Status] == ranks["done"] {
				continue
			}
			open++
			if ranks[j.Status] < ranks["queued"] || time.Since(began) > patience {
				a.command(u, &job{id: j.ID}, judge.Cancel)
			}
		}
		if got.code == "" && open == 0 {
			return nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("%d jobs are open: %w", open, err)
		}
	}
}

// books are what the cluster says of a user at the end.
type books struct {
	me     client.Me
	ledger []client.BillingEvent
	jobs   []client.JobSummary
	steps  map[string][]client.Transition
	whole  map[string]client.Job // of some
}

func (b *books) remains() remains {
	r := remains{credits: b.me.Credits, jobs: map[string]string{}}
	for _, j := range b.jobs {
		r.jobs[j.JobID] = string(j.Status)
	}
	return r
}

// read reads everything, once as recorded operations of the user.
func (x *campaign) read(ctx context.Context, u *user, clerk *actor) (*books, error) {
	for _, kind := range []judge.Kind{judge.ReadMe, judge.ReadJobs, judge.ReadRules} {
		clerk.see(u, kind, nil)
	}
	api, err := x.patient()
	if err != nil {
		return nil, err
	}
	defer api.Close()
	app := api.App(u.token)
	b := &books{steps: map[string][]client.Transition{}, whole: map[string]client.Job{}}
	if b.me, err = app.Me(ctx); err != nil {
		return nil, err
	}
	for cursor := ""; ; {
		page, err := app.Billing(ctx, cursor)
		if err != nil {
			return nil, err
		}
		b.ledger = append(b.ledger, page.Events...)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if b.jobs, _, err = app.Jobs(ctx, client.JobsQuery{Limit: 50}); err != nil {
		return nil, err
	}
	for _, j := range b.jobs {
		if b.steps[j.JobID], err = app.History(ctx, j.JobID); err != nil {
			return nil, err
		}
		if b.whole[j.JobID], err = app.Job(ctx, j.JobID); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// hold holds a user's books against what its clients know.
func (x *campaign) hold(u *user, b *books) {
	u.mu.Lock()
	defer u.mu.Unlock()
	end := x.now()
	x.sums(u, b)
	x.items(b)
	for _, o := range deaths(u.history.Ops, b.steps, end) {
		x.tally.count(&o)
		u.history.Ops = append(u.history.Ops, o)
	}
	x.court.cases <- u.history
}

// sums hold the ledger against the balance, the jobs and the grants that were acknowledged.
func (x *campaign) sums(u *user, b *books) {
	sum, byJob, debits, grants := int64(0), map[string]int64{}, map[string]int{}, map[string]int{}
	for _, e := range b.ledger {
		sum += e.Amount
		switch e.Type {
		case "debit":
			debits[e.Ref]++
			byJob[e.Ref] -= e.Amount
		case "refund":
			byJob[e.Ref] -= e.Amount
		case "grant":
			grants[e.Ref]++
		}
	}
	x.verdicts.check(ruleLedger, sum == b.me.Credits, "user %s: %d credits, and the ledger adds up to %d", u.id, b.me.Credits, sum)
	for _, j := range b.jobs {
		x.verdicts.check(ruleLedger, byJob[j.JobID] == int64(j.Progress.Done) && debits[j.JobID] == 1,
			"job %s: %d items done, %d credits paid, debited %d times", j.JobID, j.Progress.Done, byJob[j.JobID], debits[j.JobID])
	}
	for ref, code := range u.refs {
		n := grants[ref]
		x.verdicts.check(ruleOnce, n <= 1 && (code != "" || n == 1) && (code == "" || code == judge.Unknown || n == 0),
			"user %s: grant %s was answered %q and is in the ledger %d times", u.id, ref, code, n)
	}
	known := map[string]bool{}
	for _, j := range u.jobs {
		known[j.id] = true
		x.verdicts.check(ruleSet, slices.ContainsFunc(b.jobs, func(s client.JobSummary) bool { return s.JobID == j.id }),
			"user %s: job %s was acknowledged and is not there", u.id, j.id)
	}
	for _, j := range b.jobs {
		x.verdicts.check(ruleOnce, known[j.JobID], "user %s: job %s is there and nobody was told", u.id, j.JobID)
	}
}

// items hold each job against its own history: every item is final once, and so is the job.
func (x *campaign) items(b *books) {
	for id, steps := range b.steps {
		final, ended := map[int]int{}, 0
		for _, s := range steps {
			switch {
			case s.Item != nil && s.To.Terminal():
				final[*s.Item]++
			case s.Item == nil && s.To.Terminal():
				ended++
			}
		}
		j := b.whole[id]
		for idx := range j.TotalItems {
			x.verdicts.check(ruleItems, final[idx] == 1, "job %s: item %d became final %d times", id, idx, final[idx])
		}
		x.verdicts.check(ruleItems, ended == 1, "job %s ended %d times", id, ended)
	}
}

// deaths are the items that failed without a worker's last word, as the jobs' histories tell them.
func deaths(ops []judge.Op, steps map[string][]client.Transition, end int64) (all []judge.Op) {
	said := map[string]bool{}
	first := map[string]int64{}
	for _, o := range ops {
		if _, seen := first[o.Job]; !seen && o.Job != "" {
			first[o.Job] = o.Call
		}
		for _, r := range o.Results {
			if o.Kind != judge.Lease && !r.Done {
				said[fmt.Sprint(o.Job, r.Idx)] = true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(steps)) {
		for _, s := range steps[id] {
			if s.Item != nil && s.To == client.Failed && !said[fmt.Sprint(id, *s.Item)] {
				all = append(all, judge.Op{Kind: judge.Die, Job: id, Idx: *s.Item, Call: first[id], Return: end})
			}
		}
	}
	return all
}

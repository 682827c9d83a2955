package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stoker/client"
)

// teller is one user under whom plugs are pulled. It does one thing after another and keeps books of what it was told, to be
// held against the cluster's own at the end.
type teller struct {
	c    *cluster
	u    *user
	name string

	rounds atomic.Int64 // finished
	failed atomic.Bool  // wrong holds why; nothing more is done
	jobs   []string     // opened, and canceled but for kept
	kept   []string     // opened and left uploaded
	grants []grant
	silent int     // grants that were not answered and happened, as the audit finds
	wrong  []error // of calls that must not fail
}

// grant is one credit booked by a request that was sent once, to one node, and what was heard of it.
type grant struct {
	request
	reason string
	heard  hearing
	answer []byte
}

type hearing int

const (
	nothing hearing = iota // no answer, or OUTCOME_UNKNOWN: it happened once or not at all
	yes                    // it happened
	no                     // UNAVAILABLE: it did not happen, and will not
	refused                // for a reason that there is not
)

// hire makes a teller that can have three jobs and has credits to spend.
func (c *cluster) hire(t *testing.T, i int) *teller {
	t.Helper()
	k := &teller{c: c, u: c.user(t), name: fmt.Sprintf("teller-%d", i)}
	c.plan(t, k.u, "pro")
	return k
}

// work goes on until ctx ends; the round that is under way is finished.
func (k *teller) work(ctx context.Context) {
	idle := time.NewTicker(20 * time.Millisecond)
	defer idle.Stop()
	for round := 0; ctx.Err() == nil; round++ {
		k.granted(round)
		k.ordered(round == 2 || round == 6) // one before the first plug is pulled, one most likely between two
		if len(k.wrong) > 0 {
			k.failed.Store(true)
			return
		}
		k.rounds.Add(1)
		<-idle.C // a node that is down refuses at once; the load shall not be refusals alone
	}
}

// granted books a credit by a single request. Every other one has an Idempotency-Key and is asked about later.
func (k *teller) granted(round int) {
	k.note(k.once(round%len(k.c.Nodes), fmt.Sprintf("%s round %d", k.name, round), round%2 == 0))
}

// once sends one grant to one node and says what was heard of it.
func (k *teller) once(node int, reason string, keyed bool) grant {
	g := grant{reason: reason, request: request{
		method: "POST", path: "/admin/users/" + k.u.id + "/credits", token: k.c.operator.AdminToken,
		body: map[string]any{"amount": 1, "reason": reason},
	}}
	if keyed {
		g.key = strings.ReplaceAll(reason, " ", "-")
	}
	got, err := k.c.try(context.Background(), node, g.request)
	switch {
	case err != nil || got.code == client.CodeOutcomeUnknown:
	case got.code == client.CodeUnavailable:
		g.heard = no
	case got.status == 200:
		g.heard, g.answer = yes, got.data
	default:
		g.heard, g.answer = refused, got.body
	}
	return g
}

func (k *teller) note(grants ...grant) {
	for _, g := range grants {
		if g.heard == refused {
			k.wrong = append(k.wrong, fmt.Errorf("%s: %.300s", g.reason, g.answer))
		}
	}
	k.grants = append(k.grants, grants...)
}

// ordered opens a job, uploads its picture, confirms, and cancels it unless it is to be kept. It does so as apps do, on any
// node and with retries; none of its calls may fail, whatever is pulled.
func (k *teller) ordered(keep bool) {
	ctx := context.Background()
	ticket, err := k.u.any.CreateJob(ctx, "interior", 1)
	if err != nil {
		k.wrong = append(k.wrong, fmt.Errorf("%s: %w", k.name, err))
		return
	}
	k.jobs = append(k.jobs, ticket.JobID)
	check := func(err error) {
		if err != nil {
			k.wrong = append(k.wrong, fmt.Errorf("%s, job %s: %w", k.name, ticket.JobID, err))
		}
	}
	check(k.u.any.Upload(ctx, ticket.PresignedURLs[0].URL, bytes.NewReader(pictureOf(ticket.JobID, 0))))
	check(k.u.any.ConfirmUpload(ctx, ticket.JobID))
	if keep {
		k.kept = append(k.kept, ticket.JobID)
		return
	}
	check(k.u.any.Cancel(ctx, ticket.JobID))
}

// audit holds the books against every node.
func (k *teller) audit(t *testing.T) {
	t.Helper()
	for _, err := range k.wrong {
		t.Error(err)
	}
	var rows []client.BillingEvent
	for node := range k.c.Nodes {
		rows = k.u.ledger(t, node)
		k.auditGrants(t, rows)
		k.auditJobs(t, node, rows)
	}
	for _, g := range k.grants {
		if g.heard == nothing && count(rows, "grant", g.reason) == 1 {
			k.silent++
		}
	}
	k.askAgain(t, rows)
	k.u.ledger(t, 0)
}

// auditGrants wants what was acknowledged once, what was refused never, and the rest at most once.
func (k *teller) auditGrants(t *testing.T, rows []client.BillingEvent) {
	t.Helper()
	for _, g := range k.grants {
		n := count(rows, "grant", g.reason)
		if n > 1 || g.heard == yes && n != 1 || g.heard == no && n != 0 {
			t.Errorf("%s, key %q, heard %d: is %d times in the ledger", g.reason, g.key, g.heard, n)
		}
	}
}

// auditJobs wants every job once, in the state in which it was left, with its debit and its refund, and no job that nobody knows of.
func (k *teller) auditJobs(t *testing.T, node int, rows []client.BillingEvent) {
	t.Helper()
	kept := map[string]bool{}
	for _, job := range k.kept {
		kept[job] = true
	}
	for _, id := range k.jobs {
		status, refunds := client.Canceled, 1
		if kept[id] {
			status, refunds = client.Uploaded, 0
		}
		if j := k.u.job(t, node, id); j.Status != status {
			t.Errorf("node %d: job %s is %s, want %s", node, id, j.Status, status)
		}
		if d, r := count(rows, "debit", id), count(rows, "refund", id); d != 1 || r != refunds {
			t.Errorf("node %d: job %s was debited %d times and refunded %d times, want once and %d", node, id, d, r, refunds)
		}
	}
	debits := 0
	for _, row := range rows {
		if row.Type == "debit" {
			debits++
		}
	}
	if me := k.u.me(t, node); debits != len(k.jobs) || me.ConcurrentJobs != len(k.kept) {
		t.Errorf("node %d: %d debits and %d open jobs for %d jobs of which %d are open", node, debits, me.ConcurrentJobs, len(k.jobs), len(k.kept))
	}
}

// askAgain sends what had a key once more. What was acknowledged is answered as it was; what was not is done now if it was
// not done then.
func (k *teller) askAgain(t *testing.T, rows []client.BillingEvent) {
	t.Helper()
	for i, g := range k.grants {
		if g.key == "" {
			continue
		}
		was := count(rows, "grant", g.reason) == 1
		got := k.c.send(t, i%len(k.c.Nodes), g.request)
		replayed := got.header.Get("Idempotency-Replayed") == "true"
		switch {
		case got.status != 200 || was && !replayed:
			t.Errorf("%s again: HTTP %d, replayed %v, was booked %v: %.300s", g.reason, got.status, replayed, was, got.body)
		case g.heard == yes && !bytes.Equal(got.data, g.answer):
			t.Errorf("%s again: %s, was %s", g.reason, got.data, g.answer)
		}
	}
	again := k.u.ledger(t, 1)
	for _, g := range k.grants {
		if g.key != "" && count(again, "grant", g.reason) != 1 {
			t.Errorf("%s was asked for again and is %d times in the ledger", g.reason, count(again, "grant", g.reason))
		}
	}
}

// finish takes the kept jobs to their end, with their pictures read from every node.
func (k *teller) finish(t *testing.T) {
	t.Helper()
	for i, job := range k.kept {
		if err := k.u.any.Execute(t.Context(), job, wall); err != nil {
			t.Fatal(err)
		}
		g := k.c.lease(t, i%3, 1, job)
		for node := range k.c.Nodes {
			if !bytes.Equal(k.c.download(t, node, g.Items[0].InputURL), pictureOf(job, 0)) {
				t.Errorf("node %d gives another picture for job %s", node, job)
			}
		}
		k.c.finished(t, (i+1)%3, g, "made after the storm")
		if j := k.u.job(t, i%3, job); j.Status != client.Done {
			t.Errorf("job %s is %s", job, j.Status)
		}
	}
}

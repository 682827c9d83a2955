package acceptance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"testing"

	"stoker/client"
)

// user is one user of the app.
type user struct {
	id, token string
	any       *client.App   // on whichever node answers
	at        []*client.App // by node
}

// user signs a new one in, on any node.
func (c *cluster) user(t *testing.T) *user {
	t.Helper()
	app := c.any.App("")
	in, err := app.SignIn(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	u := &user{id: in.UserID, token: in.Token, any: app}
	for _, one := range c.at {
		u.at = append(u.at, one.App(in.Token))
	}
	return u
}

// plan moves the user to one.
func (c *cluster) plan(t *testing.T, u *user, plan string) {
	t.Helper()
	if err := c.any.Operator().SetPlan(t.Context(), u.id, plan); err != nil {
		t.Fatal(err)
	}
}

// me reads the account through one node.
func (u *user) me(t *testing.T, node int) client.Me {
	t.Helper()
	me, err := u.at[node].Me(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return me
}

// ledger reads all of it, oldest first, through one node, and checks that it adds up to the credits.
func (u *user) ledger(t *testing.T, node int) (rows []client.BillingEvent) {
	t.Helper()
	for cursor := ""; ; {
		page, err := u.at[node].Billing(t.Context(), cursor)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, page.Events...)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	slices.Reverse(rows)
	if err := addsUp(rows, u.me(t, node).Credits); err != nil {
		t.Errorf("%s at node %d: %v", u.id, node, err)
	}
	return rows
}

// addsUp holds a ledger (oldest first, from the first row) against a balance.
func addsUp(rows []client.BillingEvent, credits int64) error {
	var wrong []error
	sum := int64(0)
	for _, row := range rows {
		sum += row.Amount
		if row.Balance != sum || sum < 0 {
			wrong = append(wrong, fmt.Errorf("ledger row %s says balance %d where the sum is %d", row.ID, row.Balance, sum))
		}
	}
	if sum != credits {
		wrong = append(wrong, fmt.Errorf("the ledger adds up to %d, the user has %d", sum, credits))
	}
	return errors.Join(wrong...)
}

// count counts the ledger's rows of a type and reference.
func count(rows []client.BillingEvent, kind, ref string) (n int) {
	for _, row := range rows {
		if row.Type == kind && row.Ref == ref {
			n++
		}
	}
	return n
}

// credits wants a balance on every node, and the ledger with it.
func (u *user) credits(t *testing.T, want int64) {
	t.Helper()
	for node := range u.at {
		if got := u.me(t, node).Credits; got != want {
			t.Errorf("%s has %d credits at node %d, want %d", u.id, got, node, want)
		}
		u.ledger(t, node)
	}
}

// pictureOf is bytes that no other item has; nobody but a worker looks at what they show.
func pictureOf(job string, idx int) []byte {
	seed := [32]byte{}
	copy(seed[:], fmt.Sprintf("%d %s", idx, job))
	body := make([]byte, 20_000)
	rand.NewChaCha8(seed).Read(body)
	return append([]byte(aPicture), body...)
}

// aPicture is the first 33 bytes of a PNG of one pixel: all that the cluster looks at.
const aPicture = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55"

// created opens a job; at the test's end it is canceled if it is still open, so that it disturbs nobody after.
func (u *user) created(t *testing.T, node, items int) client.Ticket {
	t.Helper()
	ticket, err := u.at[node].CreateJob(t.Context(), "interior", items)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := u.any.Cancel(context.WithoutCancel(t.Context()), ticket.JobID)
		if err != nil && !client.Is(err, client.CodeTransition) {
			t.Error(err)
		}
	})
	return ticket
}

// uploaded is created with all pictures there and confirmed. Each goes through another node.
func (u *user) uploaded(t *testing.T, node, items int) client.Ticket {
	t.Helper()
	ticket := u.created(t, node, items)
	for _, to := range ticket.PresignedURLs {
		body := bytes.NewReader(pictureOf(ticket.JobID, to.Idx))
		if err := u.any.Upload(t.Context(), to.URL, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.at[node].ConfirmUpload(t.Context(), ticket.JobID); err != nil {
		t.Fatal(err)
	}
	return ticket
}

// wall is what all jobs here want done.
var wall = client.Execution{Concepts: map[string]client.Concept{"Wall": {Action: "recolor", Value: "#7f9f8a"}}}

// queued is uploaded and executed; its id is all that is needed from here on.
func (u *user) queued(t *testing.T, node, items int) (job string) {
	t.Helper()
	job = u.uploaded(t, node, items).JobID
	if err := u.at[node].Execute(t.Context(), job, wall); err != nil {
		t.Fatal(err)
	}
	return job
}

// lease takes up to most items through a node, which must be of the job.
func (c *cluster) lease(t *testing.T, node, most int, job string) *client.Grant {
	t.Helper()
	g, err := c.at[node].Queue().Lease(t.Context(), client.Poll{WorkerID: "w-" + t.Name(), MaxItems: most, WaitS: 30})
	if err != nil {
		t.Fatal(err)
	}
	if g == nil || g.JobID != job {
		t.Fatalf("leased %+v, want items of %s", g, job)
	}
	return g
}

// finished reports items of a lease as done, with an output that says who made it.
func (c *cluster) finished(t *testing.T, node int, g *client.Grant, by string) {
	t.Helper()
	var results []client.ItemResult
	for _, item := range g.Items {
		if err := c.at[node].Upload(t.Context(), item.OutputURL, bytes.NewReader([]byte(by))); err != nil {
			t.Fatal(err)
		}
		results = append(results, client.ItemResult{Idx: item.Idx, Status: client.Done, OutputKey: item.OutputKey})
	}
	receipt, err := c.at[node].Queue().Results(t.Context(), g.LeaseID, results...)
	if err != nil || receipt.Processed != len(results) || receipt.Duplicates != 0 {
		t.Fatalf("results: %+v, %v", receipt, err)
	}
}

// job reads one through a node.
func (u *user) job(t *testing.T, node int, id string) client.Job {
	t.Helper()
	job, err := u.at[node].Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// download fetches a presigned URL through a node, whichever one signed it.
func (c *cluster) download(t *testing.T, node int, presigned string) []byte {
	t.Helper()
	got := c.send(t, node, c.moved(t, request{method: "GET", path: presigned}))
	if got.status != 200 {
		t.Fatalf("GET %s at %s: HTTP %d: %.300s", presigned, c.Nodes[node].ID, got.status, got.body)
	}
	return got.body
}

// moved is a request for a presigned URL as it is sent to another node than the one in it: with the host that was signed.
func (c *cluster) moved(t *testing.T, r request) request {
	t.Helper()
	signed, err := url.Parse(r.path)
	if err != nil {
		t.Fatal(err)
	}
	r.path, r.header = signed.RequestURI(), maps.Clone(r.header)
	if r.header == nil {
		r.header = map[string]string{}
	}
	r.header["Host"] = signed.Host
	return r
}

package acceptance

import (
	"context"
	"slices"
	"testing"

	"stoker/client"
	"stoker/fsm"
)

// A free user has one job at a time, whichever nodes are asked at the same moment.
func TestCreate_TwoAtOnceOnTwoNodes(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	const rounds = 20
	for round := range rounds {
		nodes := []int{round % 3, (round + 1) % 3}
		var tickets [2]client.Ticket
		var errs [2]error
		together(2, func(i int) { tickets[i], errs[i] = u.at[nodes[i]].CreateJob(t.Context(), "interior", 1) })
		won := 0
		if errs[0] != nil {
			won = 1
		}
		if errs[won] != nil || !client.Is(errs[1-won], client.CodeConcurrency) || statusOf(errs[1-won]) != 429 {
			t.Fatalf("round %d at nodes %v: %v and %v, want one job and one 429 CONCURRENCY_LIMIT", round, nodes, errs[0], errs[1])
		}
		if me := u.me(t, (round+2)%3); me.ConcurrentJobs != 1 || me.Credits != 9 {
			t.Fatalf("round %d: %+v, want one job and 9 credits", round, me)
		}
		if err := u.at[nodes[1]].Cancel(t.Context(), tickets[won].JobID); err != nil {
			t.Fatal(err)
		}
	}
	u.credits(t, 10)
	if rows := u.ledger(t, 0); len(rows) != 1+2*rounds {
		t.Errorf("%d ledger rows, want the signup and a debit and a refund a round", len(rows))
	}
}

// What a thousand requests at once may spend is what there is. The plan that allows so many is not among those a new cluster
// has, so these nodes begin with it.
func TestCreate_ThousandAtOnceSpendWhatThereIs(t *testing.T) {
	t.Parallel()
	c := startWith(t, 3, func(s *fsm.Settings) {
		s.Plans["roomy"] = fsm.Plan{MaxConcurrency: 1000, MaxItems: 10, Weight: 1, MaxLeased: 10}
	})
	u := c.user(t)
	c.plan(t, u, "roomy")
	watching, stop := context.WithCancel(t.Context())
	watched := make(chan int)
	go func() { watched <- watch(t, watching, c, u) }()

	const requests = 1000
	var errs [requests]error
	items := func(i int) int { return 1 + i%3 }
	together(requests, func(i int) { _, errs[i] = u.at[i%3].CreateJob(t.Context(), "interior", items(i)) })
	stop()
	looks := <-watched

	accepted, jobs := 0, 0
	for i, err := range errs {
		switch {
		case err == nil:
			accepted += items(i)
			jobs++
		case !client.Is(err, client.CodeNoCredits) || statusOf(err) != 402:
			t.Errorf("request %d: %v, want a job or 402 INSUFFICIENT_CREDITS", i, err)
		}
	}
	if accepted != 10 {
		t.Errorf("%d items' worth accepted of 10 credits", accepted)
	}
	u.credits(t, 0)
	for node := range c.Nodes {
		if me := u.me(t, node); me.ConcurrentJobs != jobs {
			t.Errorf("node %d counts %d open jobs, %d were accepted", node, me.ConcurrentJobs, jobs)
		}
	}
	c.agree(t)
	t.Logf("%d requests: %d jobs of %d items accepted; looked at the balance %d times meanwhile", requests, jobs, accepted, looks)
}

// watch holds the balance against the ledger, in one answer of each node in turn, until ctx ends.
func watch(t *testing.T, ctx context.Context, c *cluster, u *user) (looks int) {
	for ; ctx.Err() == nil; looks++ {
		account, err := c.at[looks%3].Operator().User(t.Context(), u.id)
		if err != nil {
			t.Error(err)
			return looks
		}
		rows := account.Events // newest first, and all of them: there are never more than a page
		slices.Reverse(rows)
		if err := addsUp(rows, account.Credits); err != nil || account.Credits < 0 {
			t.Errorf("in the middle: %d credits, %v", account.Credits, err)
		}
	}
	return looks
}

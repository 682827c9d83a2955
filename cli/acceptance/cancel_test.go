package acceptance

import (
	"errors"
	"slices"
	"testing"

	"stoker/client"
)

// statusOf is the HTTP status of a refusal; 0 for anything else.
func statusOf(err error) int {
	var refused *client.Error
	if errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

// codeOf is the code of a refusal; "" for anything else.
func codeOf(err error) string {
	var refused *client.Error
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

// Cancel gives back what was not done, in every state, once; also when two nodes are asked at the same moment.
//
// A job that nobody cancels ends by itself: see windows_test.go, and the transcripts in fsm for the real windows of an hour and more.
func TestCancel_RefundsWhatWasNotDoneOnce(t *testing.T) {
	c := shared(t)
	for _, test := range []struct {
		state client.Status
		done  int
		bring func(t *testing.T, u *user) (job string)
	}{
		{client.Created, 0, func(t *testing.T, u *user) string { return u.created(t, 0, 4).JobID }},
		{client.Uploaded, 0, func(t *testing.T, u *user) string { return u.uploaded(t, 1, 4).JobID }},
		{client.Queued, 0, func(t *testing.T, u *user) string { return u.queued(t, 2, 4) }},
		{client.Running, 0, func(t *testing.T, u *user) string { // all in a worker's hands
			job := u.queued(t, 0, 4)
			c.lease(t, 1, 4, job)
			return job
		}},
		{client.Running, 2, func(t *testing.T, u *user) string { // two done, one in work, one waiting
			job := u.queued(t, 0, 4)
			c.finished(t, 1, c.lease(t, 1, 2, job), "first")
			c.lease(t, 2, 1, job)
			return job
		}},
	} {
		t.Run(string(test.state), func(t *testing.T) {
			u := c.user(t)
			job := test.bring(t, u)
			if j := u.job(t, 1, job); j.Status != test.state || j.DoneItems != test.done {
				t.Fatalf("the job is %s with %d done", j.Status, j.DoneItems)
			}
			if got := u.me(t, 2).Credits; got != 6 {
				t.Fatalf("%d credits before, want 6", got)
			}
			var errs [6]error
			together(len(errs), func(i int) { errs[i] = u.at[i%3].Cancel(t.Context(), job) })
			canceled := 0
			for _, err := range errs {
				switch {
				case err == nil:
					canceled++
				case !client.Is(err, client.CodeTransition) || statusOf(err) != 409:
					t.Error(err)
				}
			}
			if canceled != 1 {
				t.Errorf("%d of %d cancels at once succeeded", canceled, len(errs))
			}
			refund := int64(4 - test.done)
			u.credits(t, 6+refund)
			rows := u.ledger(t, 0)
			if last := rows[len(rows)-1]; count(rows, "refund", job) != 1 || last.Amount != refund || last.Ref != job {
				t.Errorf("ledger %+v, want one refund of %d", rows, refund)
			}
			if me := u.me(t, 1); me.ConcurrentJobs != 0 {
				t.Errorf("%d slots are still taken", me.ConcurrentJobs)
			}
		})
	}
}

// The worker of a canceled job is told to drop it; what it still reports changes nothing.
func TestCancel_TellsTheWorker(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	job := u.queued(t, 0, 2)
	g := c.lease(t, 1, 2, job)
	if err := u.at[2].Cancel(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	beat, err := c.at[0].Queue().Heartbeat(t.Context(), g.LeaseID, nil)
	if slices.Sort(beat.Cancel); err != nil || !slices.Equal(beat.Cancel, []int{0, 1}) {
		t.Errorf("heartbeat: cancel %v, %v, want items 0 and 1", beat.Cancel, err)
	}
	receipt, err := c.at[1].Queue().Results(t.Context(), g.LeaseID, client.ItemResult{Idx: 0, Status: client.Done})
	if err != nil || receipt.Processed != 0 || receipt.Duplicates != 1 || receipt.JobStatus != client.Canceled {
		t.Errorf("a late result: %+v, %v, want a duplicate", receipt, err)
	}
	u.credits(t, 10)
}

// A cancel that is sent again under its key is answered again; under a new one it is refused, as the job has ended.
func TestCancel_UnderOneKey(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	job := u.created(t, 0, 3).JobID
	r := request{method: "POST", path: "/jobs/" + job + "/cancel", token: u.token, key: "cancel-once"}
	for node := range c.Nodes {
		got := c.send(t, node, r)
		if replayed := got.header.Get("Idempotency-Replayed") == "true"; got.status != 200 || replayed != (node > 0) {
			t.Errorf("time %d: HTTP %d, replayed %v", node+1, got.status, replayed)
		}
	}
	r.key = "cancel-again"
	if got := c.send(t, 1, r); got.status != 409 || got.code != "JOB_INVALID_TRANSITION" {
		t.Errorf("another key: %d %s", got.status, got.code)
	}
	u.credits(t, 10)
}

// A job whose items all ended gives back those that failed, and cannot be canceled any more.
func TestCancel_NotAfterTheEnd(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	job := u.queued(t, 0, 3)
	g := c.lease(t, 0, 3, job)
	_, err := c.at[1].Queue().Results(t.Context(), g.LeaseID,
		client.ItemResult{Idx: 0, Status: client.Done}, client.ItemResult{Idx: 1, Status: client.Failed, Error: "no picture"},
		client.ItemResult{Idx: 2, Status: client.Done})
	if err != nil {
		t.Fatal(err)
	}
	if j := u.job(t, 2, job); j.Status != client.Done || j.FailedItems != 1 || j.Items[1].Error != "no picture" {
		t.Errorf("the job is %+v", j)
	}
	for node := range c.Nodes {
		if err := u.at[node].Cancel(t.Context(), job); !client.Is(err, client.CodeTransition) {
			t.Errorf("cancel of a job that is done: %v", err)
		}
	}
	u.credits(t, 8)
}

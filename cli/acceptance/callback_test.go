package acceptance

import (
	"bytes"
	"strings"
	"testing"

	"stoker/client"
)

// callback is what the existing worker posts.
type callback struct {
	Idx       int    `json:"idx"`
	Status    string `json:"status"`
	OutputKey string `json:"output_key,omitempty"`
	Key       string `json:"idempotency_key,omitempty"`
}

// counted says whether a callback's answer was that it counted.
func (r reply) counted(t *testing.T) bool {
	t.Helper()
	var out struct{ Processed bool }
	r.into(t, &out)
	return out.Processed
}

// One result counts once, however often, wherever and under whatever key it is told.
func TestCallback_FiftyTimesAtOnce(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	job := u.queued(t, 0, 2)
	g := c.lease(t, 1, 1, job)
	item := g.Items[0]
	if err := c.any.Upload(t.Context(), item.OutputURL, bytes.NewReader([]byte("the result"))); err != nil {
		t.Fatal(err)
	}
	_, path, _ := strings.Cut(g.CallbackURL, "://")
	path = path[strings.Index(path, "/"):]
	body := callback{Idx: item.Idx, Status: "done", OutputKey: item.OutputKey, Key: g.IdempotencyPrefix + ":0"}

	const times = 50
	var answers [times]reply
	var errs [times]error
	told := request{method: "POST", path: path, token: c.operator.WorkerToken, body: body}
	together(times, func(i int) { answers[i], errs[i] = c.try(t.Context(), i%3, told) })
	processed := 0
	for i, got := range answers {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		if got.counted(t) {
			processed++
		}
	}
	if processed != 1 {
		t.Errorf("processed %d times of %d, want once", processed, times)
	}
	body.Key = "another-key"
	told.body = body
	if c.send(t, 2, told).counted(t) {
		t.Error("processed again under another idempotency key")
	}
	for node := range c.Nodes {
		j := u.job(t, node, job)
		if j.Status != client.Running || j.DoneItems != 1 || len(j.DownloadURLs) != 1 {
			t.Fatalf("node %d: %+v, want running with one item done", node, j)
		}
		if got := c.download(t, node, j.DownloadURLs[0].OutputURL); string(got) != "the result" {
			t.Errorf("node %d gives %q for the result", node, got)
		}
	}
	if n := endings(t, u, job, item.Idx); n != 1 {
		t.Errorf("the history says %d times that the item is done", n)
	}
	if err := u.any.Cancel(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	u.credits(t, 9) // one of two was done
}

// endings counts how often an item became done in its job's history.
func endings(t *testing.T, u *user, job string, idx int) (n int) {
	t.Helper()
	history, err := u.any.History(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range history {
		if step.Item != nil && *step.Item == idx && step.To == client.Done {
			n++
		}
	}
	return n
}

// The token comes in any of three headers, the status in either of two words, without a lease.
func TestCallback_HeadersAndWords(t *testing.T) {
	c := shared(t)
	u := c.user(t)
	headers := []func(token string) map[string]string{
		func(token string) map[string]string { return map[string]string{"Authorization": "Bearer " + token} },
		func(token string) map[string]string { return map[string]string{"X-Callback-Secret": token} },
		func(token string) map[string]string { return map[string]string{"X-GPU-Callback-Secret": token} },
	}
	words := []string{"done", "completed"}
	job := u.queued(t, 0, len(headers)*len(words))
	idx := 0
	for i, header := range headers {
		for _, word := range words {
			r := request{method: "POST", path: "/jobs/" + job + "/callback", header: header("wrk_wrong"), body: callback{Idx: idx, Status: word}}
			if got := c.send(t, idx%3, r); got.status != 401 || got.code != "CALLBACK_UNAUTHORIZED" {
				t.Errorf("header form %d with a wrong token: %d %s", i, got.status, got.code)
			}
			r.header = header(c.operator.WorkerToken)
			if !c.send(t, idx%3, r).counted(t) {
				t.Errorf("header form %d, status %s: not processed", i, word)
			}
			if c.send(t, (idx+1)%3, r).counted(t) {
				t.Errorf("header form %d, status %s: processed twice", i, word)
			}
			idx++
			want := client.Running
			if idx == len(headers)*len(words) {
				want = client.Done
			}
			if j := u.job(t, idx%3, job); j.Status != want || j.DoneItems != idx {
				t.Errorf("after %d callbacks the job is %s with %d done", idx, j.Status, j.DoneItems)
			}
		}
	}
	u.credits(t, 4)
}

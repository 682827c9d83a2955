package acceptance

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"stoker/client"
)

const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLw"

// receiver is an endpoint outside that takes what is signed.
type receiver struct {
	url string

	mu   sync.Mutex
	told map[string][]client.WebhookEvent // by job
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{told: map[string][]client.WebhookEvent{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err == nil {
			err = client.VerifyWebhook(webhookSecret, req.Header, body, time.Now())
		}
		var e client.WebhookEvent
		if err == nil {
			err = json.Unmarshal(body, &e)
		}
		if err != nil {
			t.Errorf("a message that is none: %v: %s", err, body)
			w.WriteHeader(400)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.told[e.JobID] = append(r.told[e.JobID], e)
	}))
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

// of are the events of a job that arrived, each once, whatever came twice.
func (r *receiver) of(job string) (once []client.WebhookEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[string]bool{}
	for _, e := range r.told[job] {
		if !seen[e.ID] {
			seen[e.ID] = true
			once = append(once, e)
		}
	}
	return once
}

// tell deploys a webhook that tells r, and gives what was in force before.
func (c *cluster) tell(t *testing.T, r *receiver) (before client.Settings) {
	t.Helper()
	o := c.any.Operator()
	if _, _, err := o.PutSecret(t.Context(), "webhook.test", webhookSecret, 0); err != nil {
		t.Fatal(err)
	}
	v, err := o.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	set := v.Settings
	set.Webhooks = map[string]client.WebhookSettings{"test": {
		URL: r.url, Events: []string{"job.canceled"}, Secrets: []string{"webhook.test"}, AllowPrivate: true,
	}}
	if _, err := o.Deploy(t.Context(), set, client.Deployment{}); err != nil {
		t.Fatal(err)
	}
	return v.Settings
}

// tellAWhile gives the cluster a webhook until the test ends.
func (c *cluster) tellAWhile(t *testing.T) {
	t.Helper()
	before := c.tell(t, newReceiver(t))
	t.Cleanup(func() {
		if _, err := c.any.Operator().Deploy(context.WithoutCancel(t.Context()), before, client.Deployment{}); err != nil {
			t.Error(err)
		}
	})
}

// canceled opens a job and ends it, on whichever nodes answer.
func (u *user) canceled(t *testing.T) (job string) {
	t.Helper()
	ticket, err := u.any.CreateJob(t.Context(), "interior", 1)
	if err == nil {
		err = u.any.Cancel(t.Context(), ticket.JobID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ticket.JobID
}

// The node that posts is killed in the middle of it: every event arrives all the same, none in two forms.
func TestWebhook_LeaderKilled(t *testing.T) {
	c := newCluster(t, 3, binary)
	c.begin(t)
	r := newReceiver(t)
	c.tell(t, r)
	u := c.user(t)
	var jobs []string
	for i := range 40 {
		jobs = append(jobs, u.canceled(t))
		if i == 20 {
			c.Nodes[c.leader(t)].Kill()
		}
	}
	for _, job := range jobs {
		eventually(t, "the receiver was told of "+job, func() bool { return len(r.of(job)) > 0 })
		if all := r.of(job); len(all) != 1 || all[0].Type != "job.canceled" {
			t.Errorf("of %s it was told %+v", job, all)
		}
	}
	hooks, err := c.any.Operator().Webhooks(t.Context())
	if err != nil || len(hooks) != 1 || hooks[0].Lost+hooks[0].Forgotten != 0 {
		t.Errorf("%+v, %v", hooks, err)
	}
}

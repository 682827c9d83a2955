//go:build browser

package acceptance

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"stoker/client"
)

// What a large cluster's dashboard must carry, and how quickly it must answer a hand. The limits leave room for a machine that
// runs other tests beside; the figures are logged.
const (
	largeJobs    = 100_000
	largeWorkers = 1_000
	pageLimit    = 3 * time.Second
	taskLimit    = 500 * time.Millisecond // the longest that the page may not listen
)

// TestBrowser_Large: with 100,000 jobs and 1,000 workers every page comes up and stays responsive.
func TestBrowser_Large(t *testing.T) {
	c := newCluster(t, 1, binary)
	c.begin(t)
	filled(t, c)
	job := c.user(t).queued(t, 0, 1)
	b := newBrowser(t, "http://"+c.Nodes[0].HTTP)
	b.do("open", chromedp.Navigate(b.base+"/"), chromedp.WaitVisible(chromedp.CSS("input[name=token]")),
		chromedp.SendKeys(chromedp.CSS("input[name=token]"), c.operator.AdminToken+"\r"))
	b.sees("Commit latency")
	for _, page := range []struct{ path, shows string }{
		{"", "Commit latency"}, {"jobs", job}, {"jobs/" + job, "queued"}, {"queue", "interior"}, {"workers", "100 shown of 1000"},
		{"users", "u_large"}, {"users/u_large0000000000001", "pro"}, {"audit", "import"},
	} {
		began := time.Now()
		b.visits(page.path)
		b.do("listen for long tasks", chromedp.Evaluate[chromedp.Void](`window.longest = 0; new PerformanceObserver((l) => l.getEntries().forEach((e) => { window.longest = Math.max(window.longest, e.duration); })).observe({ type: 'longtask', buffered: true })`))
		b.sees(page.shows)
		took := time.Since(began)
		longest := b.longest()
		t.Logf("%-10s shown after %4d ms, longest task %3d ms", page.path, took.Milliseconds(), longest.Milliseconds())
		if took > pageLimit {
			t.Errorf("page %q came up after %s, at most %s", page.path, took, pageLimit)
		}
		if longest > taskLimit {
			t.Errorf("page %q did not listen for %s, at most %s", page.path, longest, taskLimit)
		}
	}
	b.visits("workers")
	b.sees("100 shown of 1000")
	b.do("a filter", chromedp.SendKeys(chromedp.CSS(".filters input"), "w-0777"))
	b.sees("1 shown of 1000")
	b.picture("workers-large")
}

// longest is the longest time in which the page did not listen.
func (b *browser) longest() time.Duration {
	b.t.Helper()
	ms, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64]("window.longest"))
	if err != nil {
		b.t.Fatal(err)
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// filled makes the jobs, of a hundred users, and the workers.
func filled(t *testing.T, c *cluster) {
	t.Helper()
	began := time.Now()
	const users, batch = 100, 200
	operator := c.any.Operator()
	past := time.Now().Add(-24 * time.Hour)
	name := func(i int) string { return fmt.Sprintf("u_large%013d", i) }
	var old client.Import
	for i := range users {
		old.Users = append(old.Users, client.OldUser{ID: name(i), Plan: "pro", CreatedAt: past})
	}
	bring(t, operator, old)
	for from := 0; from < largeJobs; from += batch {
		old = client.Import{}
		for i := from; i < from+batch; i++ {
			old.Jobs = append(old.Jobs, client.OldJob{
				ID: fmt.Sprintf("j_large%013d", i), User: name(i % users), Preset: "interior", Price: 1, Status: client.Done,
				CreatedAt: past.Add(time.Duration(i) * time.Millisecond), FinishedAt: past.Add(time.Hour), Items: []client.OldItem{{Status: client.Done}},
			})
		}
		bring(t, operator, old)
	}
	t.Logf("%d jobs in %s", largeJobs, time.Since(began).Round(time.Millisecond))
	for i := range largeWorkers {
		body := map[string]any{"worker_id": fmt.Sprintf("w-%04d", i), "boot_id": "b", "presets": []string{"interior"}, "gpu": "RTX 4090", "loaded": []string{"interior"}}
		if got := c.send(t, 0, request{method: "POST", path: "/queue/session", token: c.operator.WorkerToken, body: body}); got.status != 200 {
			t.Fatalf("worker %d: %d %s", i, got.status, got.body)
		}
	}
}

// bring imports, and all of it.
func bring(t *testing.T, operator *client.Operator, old client.Import) {
	t.Helper()
	users, jobs, err := operator.Import(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range slices.Concat(users, jobs) {
		if f.Result != "imported" {
			t.Fatalf("%+v", f)
		}
	}
}

//go:build slow

package acceptance

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/client"
)

// within is eventually for what takes its own time: the least that records may be kept is a minute.
func within(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	tick, end := time.NewTicker(200*time.Millisecond), time.After(limit)
	defer tick.Stop()
	for !holds() {
		select {
		case <-end:
			t.Fatalf("not within %s: %s", limit, what)
		case <-tick.C:
		}
	}
}

// TestSlowArchive: jobs end, their time passes, and they leave the state; whoever asks for them finds them, on any node and
// after a backup and a restore.
func TestSlowArchive(t *testing.T) {
	t.Parallel() // a minute is the shortest that records are kept, and passes without work
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d", nodes), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, nodes, binary)
			c.begin(t)
			c.ages(t)
		})
	}
}

func (c *cluster) ages(t *testing.T) {
	const users, gifts = 300, 20 // enough that the oldest bookings leave with the jobs
	dump := oldDump(t, users)
	c.told(t, "", "import", dump)
	u := c.user(t)
	mine := u.canceled(t)
	was := u.job(t, 0, mine)
	for range gifts {
		c.told(t, "", "user", "grant", u.id, "1", "--reason", "a gift")
	}
	booked := c.told(t, "", "user", "ledger", u.id, "--limit", "0")
	sql := func(node int, text string) string {
		t.Helper()
		out, said, err := c.stokerAt(t, node, "", "sql", "--csv", text)
		if err != nil {
			t.Fatalf("%s: %v %s%s", text, err, out, said)
		}
		_, row, _ := strings.Cut(strings.TrimSpace(out), "\n")
		return row
	}
	const books = "SELECT sum(credits), (SELECT sum(amount) FROM billing_events) FROM users"
	credits := sql(0, books)
	before := c.archived(t, "--blobs", "reference", "--out", filepath.Join(t.TempDir(), "before.tar"))

	file := filepath.Join(t.TempDir(), "stoker.app.toml")
	c.told(t, "", "config", "pull", file)
	replaced(t, file, `"30d"`, `"1m"`)
	replaced(t, file, `"90d"`, `"1m"`)
	c.told(t, "", "deploy", file, "--message", "nothing is kept")
	within(t, 4*time.Minute, "all finished jobs are in the archive", func() bool {
		s := c.status(t, 0)
		return s.Archive != nil && s.Archive.Jobs == users+1 && sql(0, "SELECT count(*) >= 16 FROM archived_billing_events WHERE user_id = '"+u.id+"'") == "1"
	})
	for node := range c.Nodes {
		for text, want := range map[string]string{
			"SELECT count(*), (SELECT count(*) FROM job_items_log), (SELECT count(*) FROM history) FROM jobs_log":   "0,0,0",
			"SELECT count(*), sum(done_items) FROM archived_jobs":                                                   "301,300",
			"SELECT count(*) FROM archived_items WHERE error = 'dark'":                                              "300",
			"SELECT status FROM archived_jobs WHERE job_id = 'job-7'":                                               "done",
			"SELECT to_status FROM archived_steps WHERE job_id = '" + mine + "' AND idx IS NULL ORDER BY log_index": "created\ncanceled",
			"SELECT sum(jobs) FROM segments":                                                                        "301",
			"SELECT count(*) >= 16, sum(amount) = (SELECT amount FROM billing_events WHERE user_id = '" + u.id + "' AND type = 'brought-forward') FROM archived_billing_events WHERE user_id = '" + u.id + "'": "1,1",
			books: credits,
		} {
			if got := sql(node, text); got != want {
				t.Errorf("at node %d %s: %q, want %q", node, text, got, want)
			}
		}
		out, said, err := c.stokerAt(t, node, "", "job", "show", "job-7")
		if err != nil || !strings.Contains(out, "job job-7 is done: 1 of 2 done, 1 failed") || !strings.Contains(out, "  archived  since ") {
			t.Errorf("at node %d: %v %s%s", node, err, out, said)
		}
		if out, said, err := c.stokerAt(t, node, "", "user", "ledger", u.id, "--limit", "0"); err != nil || strings.TrimSpace(out) != strings.TrimSpace(booked) {
			t.Errorf("at node %d: %v %s\n%s\nit was\n%s", node, err, said, out, booked)
		}
		if is := u.job(t, node, mine); is.Status != was.Status || len(is.Items) != len(was.Items) || !is.CreatedAt.Equal(was.CreatedAt) {
			t.Errorf("the phone reads %+v at node %d, it was %+v", is, node, was)
		}
	}
	if out := c.told(t, "", "import", dump); !strings.Contains(out, "│ jobs_log       │  300 │        0 │             0 │         300 │       0 │") && !strings.Contains(out, "equal") {
		t.Errorf("the import again: %s", out)
	}
	if got := sql(0, books); got != credits {
		t.Errorf("the import again booked something: %s, before %s", got, credits)
	}
	whole := filepath.Join(t.TempDir(), "after.tar")
	after := c.archived(t, "--out", whole)
	if after.BlobCount == 0 || after.State != nil && after.State.Jobs != 0 {
		t.Errorf("the backup has %+v", after)
	}
	light := c.archived(t, "--blobs", "reference", "--out", filepath.Join(t.TempDir(), "light.tar"))
	if light.Bytes >= before.Bytes {
		t.Errorf("the state takes %d bytes, with all jobs in it %d", light.Bytes, before.Bytes)
	}
	if said := c.told(t, "", "backup", "verify", whole); !strings.Contains(said, "is good") {
		t.Error(said)
	}
	c.survives(t, u, mine, whole)
}

// survives kills what there is, reads again, and reads from a restored cluster.
func (c *cluster) survives(t *testing.T, u *user, mine, file string) {
	lead := c.leader(t)
	c.Nodes[lead].Kill()
	if err := c.Nodes[lead].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if is := u.job(t, lead, mine); is.Status != client.Canceled {
		t.Errorf("after a kill the job is %+v", is)
	}
	key := c.kept(t)
	c.Kill()
	anew, _ := c.restored(t, file, key)
	t.Cleanup(anew.Kill)
	anew.explain(t)
	anew.begin(t)
	for node := range anew.Nodes {
		if is := anew.as(u).job(t, node, mine); is.Status != client.Canceled {
			t.Errorf("restored, node %d reads %+v", node, is)
		}
	}
}

package query_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"stoker/fsm"
)

// TestView_delaysNobody: a statement that stands in the middle of its answer keeps
// its state, while entries are applied, a snapshot is made and the state file is
// written as before; what it kept is given back with it.
func TestView_delaysNobody(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	v := h.machine.View()
	before := v.Index()
	for i := range 200 {
		h.apply(fsm.Propose(fsm.CreateJob{User: "u1", ID: fmt.Sprintf("k%d", i), Preset: "interior", Items: 10}))
		if i%50 == 0 {
			s, err := h.machine.Snapshot() // all of it is in the file, synced
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
		}
	}
	got, err := ask(t.Context(), v, "SELECT count(*), max(job_id) FROM jobs_log WHERE preset <> ''")
	if err != nil || got.String() != "3|j3\n" {
		t.Errorf("the view of entry %d shows %s %v", before, got, err)
	}
	if views := h.machine.Stats().Views; views != 1 {
		t.Errorf("%d views are open", views)
	}
	v.Close()
	if got := h.ask("SELECT count(*) FROM jobs_log").String(); got != "203\n" {
		t.Errorf("afterwards there are %s", got)
	}
	if views := h.machine.Stats().Views; views != 0 {
		t.Errorf("%d views are left open", views)
	}
}

var jobs = flag.Int("jobs", 1_000_000, "how many jobs BenchmarkMillion makes")

// BenchmarkMillion fills a state with a million jobs by the commands themselves
// and says how long a lookup and a count by status take. Once is enough:
//
//	go test ./query -run '^$' -bench Million -benchtime 1x -timeout 30m
func BenchmarkMillion(b *testing.B) {
	const entry, users = 2_000, 1_000
	h := newHouse(b)
	for u := range users {
		h.apply(fsm.Propose(fsm.SignIn{NewID: fmt.Sprintf("u%d", u)}))
	}
	began := time.Now()
	for at := 0; at < *jobs; at += entry {
		var ps []fsm.Proposal
		for i := at; i < at+entry; i++ {
			user, id := fmt.Sprintf("u%d", i%users), fmt.Sprintf("job_%07d", i)
			ps = append(ps, fsm.Propose(fsm.CreateJob{User: user, ID: id, Preset: "interior", Items: 1}))
			if i%3 == 0 {
				ps = append(ps, fsm.Propose(fsm.CancelJob{User: user, Job: id}))
			}
		}
		h.apply(ps...)
	}
	b.Logf("%d jobs in %v", *jobs, time.Since(began).Round(time.Second))
	for _, c := range []struct{ name, sql string }{
		{"lookup", "SELECT * FROM jobs_log WHERE job_id = 'job_0050000'"},
		{"lookup with items and history", "SELECT * FROM jobs_log j JOIN job_items_log i ON i.job_id = j.job_id JOIN history h ON h.job_id = j.job_id WHERE j.job_id = 'job_0050000'"},
		{"a user's jobs", "SELECT job_id, status FROM jobs_log WHERE user_id = 'u7' ORDER BY created_at DESC LIMIT 20"},
		{"count by status", "SELECT status, count(*) FROM jobs_log GROUP BY status"},
		{"count of one status", "SELECT count(*) FROM jobs_log WHERE status = 'canceled'"},
		{"count", "SELECT count(*) FROM jobs_log"},
		{"newest", "SELECT job_id, status FROM jobs_log ORDER BY created_at DESC LIMIT 20"},
		{"by user", "SELECT user_id, count(*) FROM jobs_log GROUP BY user_id ORDER BY 2 DESC LIMIT 10"},
		{"credits spent", "SELECT type, sum(amount) FROM billing_events GROUP BY type"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				h.ask(c.sql)
			}
		})
	}
}

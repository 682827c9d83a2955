package query_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"iter"
	"strings"
	"testing"

	"stoker/fsm"
	"stoker/query"
)

// shelves are what segments hold, by their keys: the record of one job each, or of one
// stretch of a ledger.
var shelves = map[string][]byte{}

// shelf is an archive of them.
var shelf = query.Archive{Jobs: shelvedJobs, Bookings: shelvedBookings}

func shelvedBookings(_ context.Context, v *fsm.View, user string, segment uint64) iter.Seq2[fsm.ArchivedBooking, error] {
	return func(yield func(fsm.ArchivedBooking, error) bool) {
		for f := range v.BroughtForward(user) {
			if segment != 0 && f.Segment != segment {
				continue
			}
			s, _ := v.Segment(f.Segment)
			list, err := fsm.ParseStretch(shelves[s.Key])
			if err != nil && !yield(fsm.ArchivedBooking{}, err) {
				return
			}
			for _, e := range list {
				if !yield(fsm.ArchivedBooking{LedgerEntry: e, Segment: s.Number}, nil) {
					return
				}
			}
		}
	}
}

func shelvedJobs(_ context.Context, v *fsm.View, job string, segment uint64) iter.Seq2[fsm.ArchivedJob, error] {
	return func(yield func(fsm.ArchivedJob, error) bool) {
		for s := range v.Segments() {
			if s.Archived == 0 {
				continue
			}
			in, _, ok := v.Archived(job)
			if job != "" && (!ok || in.Number != s.Number) || segment != 0 && s.Number != segment {
				continue
			}
			if s.Key == "broken" {
				if !yield(fsm.ArchivedJob{}, errors.New("segment broken cannot be read")) {
					return
				}
				continue // to the others
			}
			r, err := fsm.ParseJobRecord(shelves[s.Key])
			if !yield(fsm.ArchivedJob{JobRecord: r, Segment: s}, err) {
				return
			}
		}
	}
}

// archive moves a job that has ended into a segment of its own.
func (h *house) archive(job, key string) {
	h.t.Helper()
	v := h.machine.View()
	raw := v.JobRecord(job)
	v.Close()
	s := h.shelve(key, raw)
	s.Jobs = 1
	h.apply(fsm.Propose(fsm.ArchiveJobs{Segment: s, Jobs: []fsm.RecordHash{{Job: job, SHA256: sha256.Sum256(raw)}}}))
}

// fold moves a user's oldest bookings into a segment of their own.
func (h *house) fold(user string, rows int, key string) {
	h.t.Helper()
	v := h.machine.View()
	raw := v.LedgerRecords(user, rows, rows, 1<<20)[0].Raw
	v.Close()
	s := h.shelve(key, raw)
	s.Stretches = 1
	h.apply(fsm.Propose(fsm.FoldLedger{Segment: s, Stretches: []fsm.Stretch{{User: user, Rows: rows, SHA256: sha256.Sum256(raw)}}}))
}

func (h *house) shelve(key string, raw []byte) fsm.ArchiveSegment {
	h.t.Helper()
	shelves[key] = raw
	sum := sha256.Sum256(raw)
	h.apply(fsm.Propose(fsm.PutObject{Object: fsm.Object{
		Bucket: fsm.ArchiveBucket, Key: key, Upload: "seg", Size: int64(len(raw)), SHA256: sum[:], MD5: []byte{2}, Nodes: []string{"n1"},
	}}))
	return fsm.ArchiveSegment{Key: key, Bytes: int64(len(raw)), SHA256: sum[:], From: summer, To: summer}
}

// TestArchive: a job that has left the state is in the tables of the archive, with
// what its rows said before.
func TestArchive(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	const columns = "job_id, user_id, created_at, finished_at, status, preset, rule_id, cost_estimate, total_items, log_index"
	const items, steps = "job_id, idx, status, input_key, output_key, error, attempt", "job_id, log_index, ordinal, at, idx, from_status, to_status, actor"
	before := h.ask("SELECT " + columns + " FROM jobs_log WHERE job_id='j3'").String()
	itemsBefore := h.ask("SELECT " + items + " FROM job_items_log WHERE job_id='j3'").String()
	stepsBefore := h.ask("SELECT " + steps + " FROM history WHERE job_id='j3'").String()
	h.archive("j3", t.Name())
	for _, c := range []struct{ sql, want string }{
		{"SELECT count(*) FROM jobs_log WHERE job_id='j3'", "0\n"},
		{"SELECT " + columns + " FROM archived_jobs WHERE job_id='j3'", before},
		{"SELECT " + columns + " FROM archived_jobs", before},
		{"SELECT " + items + " FROM archived_items WHERE job_id='j3'", itemsBefore},
		{"SELECT " + steps + " FROM archived_steps WHERE job_id='j3'", stepsBefore},
		{"SELECT count(*) FROM archived_items WHERE segment = 1", "3\n"},
		{"SELECT count(*) FROM archived_items WHERE segment = 2", "0\n"},
		{"SELECT count(*) FROM archived_jobs WHERE job_id IN ('j1', '', 'nobody')", "0\n"},
		{"SELECT j.job_id, i.input_key FROM archived_jobs j JOIN archived_items i ON i.job_id = j.job_id WHERE i.idx = 2", "j3|inputs/u2/j3/2.jpg\n"},
		{"SELECT number, jobs, from_created_at FROM segments", "1|1|2025-06-15 15:06:40.000\n"},
		{"SELECT sum(amount) FROM billing_events WHERE ref = 'j3'", "0\n"},
	} {
		if got := h.ask(c.sql).String(); got != c.want {
			t.Errorf("%s\n got\n%swant\n%s", c.sql, got, c.want)
		}
	}
}

// TestArchive_bookings: bookings that have left the state are in a table of their own, with
// what their rows said before; in the other one their sum stands for them, so that
// a user's credits are its sum as before.
func TestArchive_bookings(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	h.archive("j3", t.Name())
	const columns = "id, user_id, type, amount, ref, created_at, balance, actor, log_index"
	const unbalanced = "SELECT count(*) FROM users u WHERE credits <> (SELECT coalesce(sum(amount), 0) FROM billing_events b WHERE b.user_id = u.id)"
	all := h.ask("SELECT " + columns + " FROM billing_events ORDER BY user_id, log_index, id").String()
	u2 := h.ask("SELECT " + columns + " FROM billing_events WHERE user_id = 'u2' ORDER BY log_index, id").String()
	n := h.ask("SELECT count(*) FROM billing_events WHERE user_id = 'u2'").String()
	h.fold("u2", 1, t.Name()+"1")
	h.fold("u2", 1, t.Name()+"2")
	for _, c := range []struct{ sql, want string }{
		{unbalanced, "0\n"},
		{"SELECT count(*) FROM users WHERE credits <> 0 AND id = 'u2'", "1\n"},
		{"SELECT count(*) - 1 + 2 FROM billing_events WHERE user_id = 'u2'", n},
		{"SELECT count(*) - 1 + 2 FROM billing_events WHERE user_id LIKE 'u2'", n},
		{"SELECT count(*) FROM billing_events WHERE user_id = ''", "0\n"},
		{"SELECT b.amount = (SELECT sum(amount) FROM archived_billing_events a WHERE a.user_id = b.user_id), balance = amount, ref IS NULL, substr(id, 1, 2) FROM billing_events b WHERE type = 'brought-forward'", "1|1|1|b_\n"},
		{"SELECT count(*) FROM archived_billing_events WHERE user_id IN ('u1', '', 'nobody')", "0\n"},
		{"SELECT count(*) FROM archived_billing_events WHERE segment = 3", "1\n"},
		{"SELECT number, jobs, bookings FROM segments", "1|1|0\n2|0|1\n3|0|1\n"},
		{"SELECT " + columns + " FROM (SELECT " + columns + " FROM archived_billing_events UNION ALL SELECT " + columns +
			" FROM billing_events WHERE type <> 'brought-forward') ORDER BY user_id, log_index, id", all},
		{"SELECT " + columns + " FROM (SELECT " + columns + " FROM archived_billing_events WHERE user_id = 'u2' UNION ALL SELECT " + columns +
			" FROM billing_events WHERE user_id = 'u2' AND type <> 'brought-forward') ORDER BY log_index, id", u2},
	} {
		if got := h.ask(c.sql).String(); got != c.want {
			t.Errorf("%s\n got\n%swant\n%s", c.sql, got, c.want)
		}
	}
}

// TestArchive_unreadable: a segment that cannot be read is an error that names it;
// the others are asked by job or by number.
func TestArchive_unreadable(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	h.archive("j3", t.Name())
	h.apply(fsm.Propose(fsm.CancelJob{User: "u1", Job: "j2"}))
	h.archive("j2", "broken")
	for _, sql := range []string{"SELECT * FROM archived_jobs", "SELECT * FROM archived_steps WHERE job_id='j2'", "SELECT * FROM archived_items WHERE segment=2"} {
		if _, err := h.try(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "segment broken") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{"SELECT job_id FROM archived_jobs WHERE job_id='j3'", "SELECT job_id FROM archived_jobs WHERE segment=1"} {
		if got := h.ask(sql).String(); got != "j3\n" {
			t.Errorf("%s: %s", sql, got)
		}
	}
}

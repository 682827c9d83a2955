package node

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"stoker/fsm"
)

// metrics are the numbers that are written down where they arise; what can be
// read from the node at any time is in gauges.
type metrics struct {
	commit, entry    prometheus.Histogram
	fsync            prometheus.Histogram
	apply, batch     prometheus.Histogram
	forward, confirm prometheus.Histogram
	leaders          prometheus.Counter
	totals           *totals
}

// Buckets of durations, in seconds: from what memory takes to what a deadline allows.
var (
	quick = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	sizes = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
)

func newMetrics(r prometheus.Registerer) *metrics {
	made := promauto.With(r)
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return made.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	return &metrics{
		commit:  histogram("stoker_commit_seconds", "On the leader: from the making of an entry until a quorum has synced it and the machine has applied it.", quick),
		entry:   histogram("stoker_entry_commands", "On the leader: commands in one entry of the log.", sizes),
		fsync:   histogram("stoker_log_fsync_seconds", "Writing entries to the log of this node, synced.", quick),
		apply:   histogram("stoker_apply_seconds", "Applying one batch of committed entries to the machine.", quick),
		batch:   histogram("stoker_apply_entries", "Entries in one such batch.", sizes),
		forward: histogram("stoker_forward_seconds", "From handing a group of commands to the leader, on another node, until it has answered.", quick),
		confirm: histogram("stoker_read_index_seconds", "One round of readers, until the leader has named the entry they must have seen.", quick),
		leaders: made.NewCounter(prometheus.CounterOpts{Name: "stoker_leader_changes_total", Help: "How often this node took another node than before for the leader."}),
		totals:  newTotals(made),
	}
}

// totals count what the machine of this node has done since the process began.
// Every node's machine does the same: take one node's counters, not their sum.
type totals struct {
	jobs, items, dead, credits *prometheus.CounterVec
	users, grants, ended, lost prometheus.Counter
}

func newTotals(made promauto.Factory) *totals {
	vec := func(name, help, label string, values ...string) *prometheus.CounterVec {
		v := made.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
		for _, value := range values {
			v.WithLabelValues(value) // a rate needs the zero that came before
		}
		return v
	}
	one := func(name, help string) prometheus.Counter {
		return made.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &totals{
		jobs: vec("stoker_jobs_total", "Jobs that came to be in a status.", "status", words(fsm.Created, fsm.Uploaded, fsm.Queued, fsm.Running, fsm.Done, fsm.Failed, fsm.Canceled)...),
		items: vec("stoker_items_total", "Items that came to be in a status.", "status",
			words(fsm.Running, fsm.Done, fsm.Failed, fsm.Canceled)...),
		dead: vec("stoker_dead_letters_total", "Items that failed for good, by the last cause.", "cause",
			words(fsm.Lost, fsm.OutOfMemory, fsm.Transient, fsm.Timeout, fsm.ModelMissing)...),
		credits: vec("stoker_credits_booked_total", "Credits booked on ledgers, without their sign.", "type", "signup", "grant", "debit", "refund", "moved-out", "moved-in"),
		users:   one("stoker_users_created_total", "New users."),
		grants:  one("stoker_leases_granted_total", "Leases handed to workers."),
		ended:   one("stoker_leases_ended_total", "Leases that have ended, however."),
		lost:    one("stoker_leases_lost_total", "Leases that ended because nobody renewed them."),
	}
}

func words[S ~string](in ...S) (out []string) {
	for _, s := range in {
		out = append(out, string(s))
	}
	return out
}

// add is told by the machine after each batch.
func (t *totals) add(c fsm.Changes) {
	for status, n := range c.Tally.Jobs {
		t.jobs.WithLabelValues(string(status)).Add(float64(n))
	}
	for status, n := range c.Tally.Items {
		t.items.WithLabelValues(string(status)).Add(float64(n))
	}
	for cause, n := range c.Tally.Dead {
		t.dead.WithLabelValues(string(cause)).Add(float64(n))
	}
	for typ, n := range c.Tally.Credits {
		t.credits.WithLabelValues(typ).Add(float64(n))
	}
	t.users.Add(float64(c.Tally.Users))
	t.lost.Add(float64(c.Tally.Lost))
	for _, l := range c.Leases {
		switch {
		case l.Granted != nil:
			t.grants.Inc()
		case l.Ended:
			t.ended.Inc()
		}
	}
}

package query

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"stoker/fsm"
)

// one is a walk over what may be there.
func one[R any](r R, ok bool) iter.Seq[R] {
	return func(yield func(R) bool) {
		if ok {
			yield(r)
		}
	}
}

var users = spec[fsm.User]{
	name: "users", about: "Who uses the app, and what they may.", key: "id", size: some,
	fields: []field[fsm.User]{
		text("id", "", func(u fsm.User) string { return u.ID }),
		moment("created_at", "", func(u fsm.User) int64 { return u.CreatedAt }),
		text("plan", "", func(u fsm.User) string { return u.Plan }),
		number("credits", "Always the sum of the user's billing_events.", func(u fsm.User) int64 { return u.Credits }),
		text("auth_provider", "Always anonymous: sign-in is by device.", func(fsm.User) string { return "anonymous" }),
		maybe("email", "Always NULL: none is asked for.", func(fsm.User) string { return "" }),
		maybe("device_hash", "", func(u fsm.User) string { return u.DeviceHash }),
		number("active_jobs", "Jobs that have not ended.", func(u fsm.User) int { return u.ActiveJobs }),
		number("rule_slots_used", "", func(u fsm.User) int { return u.RuleSlots }),
		flag("revoked", "1: may do nothing any more.", func(u fsm.User) bool { return u.Revoked }),
		maybe("away", "Why it may do nothing here: leaving, left, arriving.", func(u fsm.User) string { return string(u.Away) }),
	},
	all:   (*fsm.View).AllUsers,
	paths: []path[fsm.User]{{"id", func(v *fsm.View, id string) iter.Seq[fsm.User] { return one(v.User(id)) }}},
}

var rules = spec[fsm.Rule]{
	name: "rules", about: "Users' saved sets of changes.", key: "user_id,id", size: some,
	fields: []field[fsm.Rule]{
		text("id", "", func(r fsm.Rule) string { return r.ID }),
		text("user_id", "", func(r fsm.Rule) string { return r.User }),
		text("name", "", func(r fsm.Rule) string { return r.Name }),
		text("preset_id", "", func(r fsm.Rule) string { return r.Preset }),
		object("concepts_json", "", func(r fsm.Rule) map[string]fsm.Concept { return r.Concepts }),
		object("protect_json", "", func(r fsm.Rule) []string { return r.Protect }),
		moment("created_at", "", func(r fsm.Rule) int64 { return r.CreatedAt }),
		moment("updated_at", "", func(r fsm.Rule) int64 { return r.UpdatedAt }),
	},
	all: (*fsm.View).AllRules,
	paths: []path[fsm.Rule]{
		{"id", (*fsm.View).RuleByID},
		{"user_id", func(v *fsm.View, user string) iter.Seq[fsm.Rule] { return slices.Values(v.Rules(user)) }},
	},
}

// jobRow is a job of which only a line is read until more is asked for.
type jobRow struct {
	fsm.JobLine
	whole *fsm.Job
}

func (r *jobRow) all(s *session) fsm.Job {
	if r.whole == nil {
		j, _ := s.view.Job(r.ID)
		r.whole = &j
	}
	return *r.whole
}

// wide is a column that needs the whole job.
func wide(f field[fsm.Job]) field[*jobRow] {
	return field[*jobRow]{f.name, f.kind, f.about, func(s *session, r *jobRow) any { return f.of(s, r.all(s)) }}
}

var jobs = spec[*jobRow]{
	name: "jobs_log", about: "Every job, whatever became of it.", key: "job_id", size: many,
	fields: []field[*jobRow]{
		text("job_id", "", func(j *jobRow) string { return j.ID }),
		text("user_id", "", func(j *jobRow) string { return j.User }),
		moment("created_at", "", func(j *jobRow) int64 { return j.CreatedAt }),
		moment("finished_at", "NULL until it has ended.", func(j *jobRow) int64 {
			if !j.Status.Ended() {
				return 0
			}
			return j.UpdatedAt
		}),
		text("status", "created, uploaded, queued, running, done, failed, canceled.", func(j *jobRow) string { return string(j.Status) }),
		text("preset", "", func(j *jobRow) string { return j.Preset }),
		wide(maybe("rule_id", "", func(j fsm.Job) string { return j.Rule })),
		wide(object("concepts_json", "", func(j fsm.Job) map[string]fsm.Concept { return j.Concepts })),
		wide(object("protect_json", "", func(j fsm.Job) []string { return j.Protect })),
		wide(object("params_json", "NULL unless an output template was chosen.", func(j fsm.Job) map[string]string {
			if j.Template == "" {
				return nil
			}
			return map[string]string{"output_template": j.Template}
		})),
		wide(number("cost_estimate", "Credits that were debited for it.", func(j fsm.Job) int64 { return int64(j.Total) * j.Price })),
		{"error", Text, "Why it failed or was canceled, where something is to be said.", func(s *session, j *jobRow) any {
			if last, ok := s.view.LastStep(j.ID); ok && last.To == j.Status && (j.Status == fsm.Failed || j.Status == fsm.Canceled) && last.Detail != "" {
				return last.Detail
			}
			return nil
		}},
		moment("updated_at", "", func(j *jobRow) int64 { return j.UpdatedAt }),
		wide(number("total_items", "", func(j fsm.Job) int { return j.Total })),
		wide(number("done_items", "", func(j fsm.Job) int { return j.Done })),
		wide(number("failed_items", "", func(j fsm.Job) int { return j.Failed })),
		wide(number("price", "Credits an item, as when it was created.", func(j fsm.Job) int64 { return j.Price })),
		wide(deadline("deadline", "When its present status has lasted too long.", func(j fsm.Job) int64 { return j.Deadline })),
		wide(maybe("retry_of", "The job that it does again.", func(j fsm.Job) string { return j.RetryOf })),
		wide(number("settings_version", "The settings that it was created under.", func(j fsm.Job) uint64 { return j.Settings })),
		number("log_index", "The entry of the log that created it.", func(j *jobRow) uint64 { return j.Index }),
	},
	all: func(v *fsm.View) iter.Seq[*jobRow] { return lines(v.JobLines()) },
	paths: []path[*jobRow]{
		{"job_id", func(v *fsm.View, id string) iter.Seq[*jobRow] { return whole(one(v.Job(id))) }},
		{"user_id", func(v *fsm.View, user string) iter.Seq[*jobRow] { return whole(v.Jobs(user, fsm.Mark{})) }},
	},
	tallied: "status",
	rowid:   func(j *jobRow) int64 { return int64(j.Index<<24 | uint64(j.Ordinal)) }, // of no entry as many commands
	tally: func(v *fsm.View) iter.Seq[string] {
		return func(yield func(string) bool) {
			for s := range v.JobStatuses() {
				if !yield(string(s)) {
					return
				}
			}
		}
	},
}

func lines(all iter.Seq[fsm.JobLine]) iter.Seq[*jobRow] {
	return func(yield func(*jobRow) bool) {
		for l := range all {
			if !yield(&jobRow{JobLine: l}) {
				return
			}
		}
	}
}

func whole(all iter.Seq[fsm.Job]) iter.Seq[*jobRow] {
	return func(yield func(*jobRow) bool) {
		for j := range all {
			if !yield(&jobRow{j.Line(), &j}) {
				return
			}
		}
	}
}

// itemRow is an item and the job it is of.
type itemRow struct {
	job string
	fsm.Item
}

// input is the key of the item's picture, which its job gives unless it was imported under another.
func (r itemRow) input(s *session) any {
	if r.Input != "" {
		return r.Input
	}
	return s.jobOf(r.job).InputKey(r.Idx)
}

var items = spec[itemRow]{
	name: "job_items_log", about: "Every picture of every job.", key: "job_id,idx", size: 10 * many,
	fields: []field[itemRow]{
		text("job_id", "", func(r itemRow) string { return r.job }),
		number("idx", "", func(r itemRow) int { return r.Idx }),
		text("status", "pending, running, done, failed, canceled.", func(r itemRow) string { return string(r.Status) }),
		{"input_key", Text, "", func(s *session, r itemRow) any { return r.input(s) }},
		maybe("output_key", "NULL until it is done.", func(r itemRow) string { return r.Output }),
		maybe("error", "", func(r itemRow) string { return r.Error }),
		maybe("preview_key", "", func(r itemRow) string { return r.Preview }),
		maybe("place", "ready, leased or scheduled, while its job is worked on.", func(r itemRow) string {
			return map[fsm.Place]string{fsm.Ready: "ready", fsm.Leased: "leased", fsm.Scheduled: "scheduled"}[r.Place]
		}),
		maybe("lease_id", "The lease that holds it.", func(r itemRow) string {
			if r.Fence == 0 {
				return ""
			}
			return fsm.LeaseRow{Fence: r.Fence}.ID()
		}),
		deadline("ready_at", "When its back-off is over.", func(r itemRow) int64 { return r.ReadyAt }),
		number("attempt", "The present or next one, from 1.", func(r itemRow) int { return r.Attempt() }),
		object("errors_json", "The last five, with their workers.", func(r itemRow) []string { return r.Errors }),
		object("lost_by_json", "Workers that lost it, each once.", func(r itemRow) []string { return r.LostBy }),
	},
	all: func(v *fsm.View) iter.Seq[itemRow] {
		return func(yield func(itemRow) bool) {
			for job, it := range v.AllItems() {
				if !yield(itemRow{job, it}) {
					return
				}
			}
		}
	},
	paths: []path[itemRow]{{"job_id", func(v *fsm.View, job string) iter.Seq[itemRow] {
		return func(yield func(itemRow) bool) {
			for _, it := range v.Items(job) {
				if !yield(itemRow{job, it}) {
					return
				}
			}
		}
	}}},
}

var billing = spec[fsm.LedgerEntry]{
	name: "billing_events", about: "The ledger: every change of anybody's credits that is in the state, and what the archive brings forward.", key: "id", size: many,
	fields: []field[fsm.LedgerEntry]{
		text("id", "", func(e fsm.LedgerEntry) string {
			kind := "l"
			if e.Type == fsm.BookedForward {
				kind = "b"
			}
			return fmt.Sprintf("%s_%x-%x", kind, e.Index, e.Ordinal)
		}),
		text("user_id", "", func(e fsm.LedgerEntry) string { return e.User }),
		text("type", "signup, grant, debit, refund, moved-out, moved-in; import, and what another stack called its own. brought-forward: the sum of the user's archived_billing_events.", func(e fsm.LedgerEntry) string { return e.Type }),
		number("amount", "Negative where credits went.", func(e fsm.LedgerEntry) int64 { return e.Amount }),
		maybe("ref", "The job, or the reason of a grant.", func(e fsm.LedgerEntry) string { return e.Ref }),
		moment("created_at", "", func(e fsm.LedgerEntry) int64 { return e.At }),
		number("balance", "The user's credits after it.", func(e fsm.LedgerEntry) int64 { return e.Balance }),
		maybe("actor", "Who caused it.", func(e fsm.LedgerEntry) string { return e.By }),
		number("log_index", "", func(e fsm.LedgerEntry) uint64 { return e.Index }),
	},
	all: func(v *fsm.View) iter.Seq[fsm.LedgerEntry] { return both(v.Openings(""), v.AllLedger()) },
	paths: []path[fsm.LedgerEntry]{{onUser, func(v *fsm.View, user string) iter.Seq[fsm.LedgerEntry] {
		if user == "" {
			return func(func(fsm.LedgerEntry) bool) {}
		}
		return both(v.Ledger(user, fsm.Mark{}), v.Openings(user))
	}}},
}

// both gives one's rows, then the other's.
func both[R any](one, other iter.Seq[R]) iter.Seq[R] {
	return func(yield func(R) bool) {
		for _, rows := range []iter.Seq[R]{one, other} {
			for r := range rows {
				if !yield(r) {
					return
				}
			}
		}
	}
}

var presets = spec[fsm.Preset]{
	name: "presets", about: "The kinds of picture, of the settings in force.", key: "id", size: few,
	fields: []field[fsm.Preset]{
		text("id", "", func(p fsm.Preset) string { return p.ID }),
		text("name", "", func(p fsm.Preset) string { return p.Name }),
		text("description", "", func(p fsm.Preset) string { return p.Description }),
		number("price", "Credits an item.", func(p fsm.Preset) int64 { return p.Price }),
		object("concepts_json", "", func(p fsm.Preset) []string { return p.Concepts }),
		object("protect_json", "", func(p fsm.Preset) []string { return p.Protect }),
		number("template_count", "", func(p fsm.Preset) int { return len(p.Templates) }),
	},
	all: func(v *fsm.View) iter.Seq[fsm.Preset] {
		all := v.Settings().Presets
		return func(yield func(fsm.Preset) bool) {
			for _, id := range slices.Sorted(maps.Keys(all)) {
				if !yield(all[id]) {
					return
				}
			}
		}
	},
}

package query

import (
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"stoker/fsm"
)

var queue = spec[fsm.ReadyRow]{
	name: "queue", about: "What a worker could be given now. Items that wait for a back-off are in job_items_log.", key: "job_id,idx", size: some,
	fields: []field[fsm.ReadyRow]{
		text("job_id", "", func(r fsm.ReadyRow) string { return r.Job }),
		number("idx", "", func(r fsm.ReadyRow) int { return r.Idx }),
		text("user_id", "", func(r fsm.ReadyRow) string { return r.User }),
		text("preset", "", func(r fsm.ReadyRow) string { return r.Preset }),
		text("class", "The plan that its user was on when it came.", func(r fsm.ReadyRow) string { return r.Class }),
		deadline("ready_since", "", func(r fsm.ReadyRow) int64 { return r.Since }),
		flag("alone", "1: it shares its lease with no other item.", func(r fsm.ReadyRow) bool { return r.Alone }),
		number("turn", "The entry that queued its job: a user's own work goes in this order.", func(r fsm.ReadyRow) uint64 { return r.Turn }),
	},
	all: (*fsm.View).AllReady,
}

var leases = spec[fsm.LeaseRow]{
	name: "leases", about: "Grants to workers; ended ones stay for an hour.", key: "lease_id", size: some,
	fields: []field[fsm.LeaseRow]{
		text("lease_id", "", fsm.LeaseRow.ID),
		number("fence", "", func(l fsm.LeaseRow) uint64 { return l.Fence }),
		text("worker_id", "", func(l fsm.LeaseRow) string { return l.Worker }),
		text("job_id", "", func(l fsm.LeaseRow) string { return l.Job }),
		text("user_id", "", func(l fsm.LeaseRow) string { return l.User }),
		text("preset", "", func(l fsm.LeaseRow) string { return l.Preset }),
		object("granted_json", "The items it was granted with.", func(l fsm.LeaseRow) []int { return l.Granted }),
		object("held_json", "The items it still holds.", func(l fsm.LeaseRow) []int { return l.Held }),
		number("attempt", "", func(l fsm.LeaseRow) int { return l.Attempt }),
		deadline("granted_at", "", func(l fsm.LeaseRow) int64 { return l.At }),
		maybe("ended", "done, lost or released; NULL while it lives.", func(l fsm.LeaseRow) string { return l.Ended }),
	},
	all: (*fsm.View).AllLeases,
	paths: []path[fsm.LeaseRow]{{"lease_id", func(v *fsm.View, id string) iter.Seq[fsm.LeaseRow] {
		fence, ok := fsm.ParseLease(id)
		l, found := v.Lease(fence)
		return one(l, ok && found)
	}}},
}

var dead = spec[fsm.DeadLetter]{
	name: "dead", about: "Items that failed more often than they may; listed for 14 days.", key: "job_id,idx", size: some,
	fields: []field[fsm.DeadLetter]{
		text("job_id", "", func(d fsm.DeadLetter) string { return d.Job }),
		number("idx", "", func(d fsm.DeadLetter) int { return d.Idx }),
		text("user_id", "", func(d fsm.DeadLetter) string { return d.User }),
		text("preset", "", func(d fsm.DeadLetter) string { return d.Preset }),
		text("reason", "", func(d fsm.DeadLetter) string { return d.Reason }),
		object("errors_json", "The last five, with their workers.", func(d fsm.DeadLetter) []string { return d.Errors }),
		moment("died_at", "", func(d fsm.DeadLetter) int64 { return d.At }),
		deadline("forgotten_at", "", func(d fsm.DeadLetter) int64 { return d.Due }),
	},
	all:   (*fsm.View).AllDead,
	paths: []path[fsm.DeadLetter]{{"job_id", (*fsm.View).DeadOf}},
}

var workers = spec[fsm.Worker]{
	name: "workers", about: "Workers that have been here in the last day.", key: "id", size: few,
	fields: []field[fsm.Worker]{
		text("id", "", func(w fsm.Worker) string { return w.ID }),
		text("state", "active, draining, exiting, quarantined.", func(w fsm.Worker) string {
			if w.State == fsm.WorkerActive {
				return "active"
			}
			return string(w.State)
		}),
		maybe("why", "", func(w fsm.Worker) string { return w.Why }),
		deadline("until", "End of a quarantine.", func(w fsm.Worker) int64 { return w.Until }),
		number("slots", "", func(w fsm.Worker) int { return w.Slots }),
		object("presets_json", "NULL: any.", func(w fsm.Worker) []string { return w.Presets }),
		object("loaded_json", "Presets warm in its memory.", func(w fsm.Worker) []string { return w.Loaded }),
		object("missing_json", "Presets it reported as missing.", func(w fsm.Worker) []string { return w.Missing }),
		maybe("gpu", "", func(w fsm.Worker) string { return w.GPU }),
		number("vram_mb", "", func(w fsm.Worker) int { return w.VRAM }),
		maybe("sdk", "", func(w fsm.Worker) string { return w.SDK }),
		moment("opened_at", "When it last started.", func(w fsm.Worker) int64 { return w.Opened }),
		moment("granted_at", "When it was last given work.", func(w fsm.Worker) int64 { return w.GrantedAt }),
		deadline("seen_at", "", func(w fsm.Worker) int64 { return w.SeenAt }),
		number("faults", "In a row.", func(w fsm.Worker) int { return w.Faults }),
		number("done_items", "Ever.", func(w fsm.Worker) int64 { return w.Done }),
		number("failed_items", "", func(w fsm.Worker) int64 { return w.Failed }),
		number("released_items", "", func(w fsm.Worker) int64 { return w.Release }),
		number("lost_leases", "", func(w fsm.Worker) int64 { return w.Lost }),
	},
	all:   (*fsm.View).AllWorkers,
	paths: []path[fsm.Worker]{{"id", func(v *fsm.View, id string) iter.Seq[fsm.Worker] { return one(v.Worker(id)) }}},
}

var history = spec[fsm.Event]{
	name: "history", about: "Every transition of every job and item.", key: "job_id,log_index,ordinal", size: 50 * many,
	fields: []field[fsm.Event]{
		text("job_id", "", func(e fsm.Event) string { return e.Job }),
		number("log_index", "The entry of the log that it happened in.", func(e fsm.Event) uint64 { return e.Index }),
		number("ordinal", "Its place in that entry.", func(e fsm.Event) uint32 { return e.Ordinal }),
		moment("at", "", func(e fsm.Event) int64 { return e.At }),
		{"idx", Integer, "The item; NULL: the job itself.", func(_ *session, e fsm.Event) any {
			if e.Item == nil {
				return nil
			}
			return int64(*e.Item)
		}},
		maybe("from_status", "NULL of the first.", func(e fsm.Event) string { return string(e.From) }),
		text("to_status", "", func(e fsm.Event) string { return string(e.To) }),
		maybe("actor", "Who caused it.", func(e fsm.Event) string { return e.By }),
		maybe("detail", "", func(e fsm.Event) string { return e.Detail }),
	},
	all: (*fsm.View).AllHistory,
	paths: []path[fsm.Event]{{"job_id", func(v *fsm.View, job string) iter.Seq[fsm.Event] {
		return v.History(job, fsm.Mark{})
	}}},
}

var audit = spec[fsm.Audited]{
	name: "audit", about: "What operators did or were refused, for 400 days.", key: "id", size: some,
	fields: []field[fsm.Audited]{
		text("id", "", func(a fsm.Audited) string { return fmt.Sprintf("a_%x-%x", a.Index, a.Ordinal) }),
		moment("at", "", func(a fsm.Audited) int64 { return a.At }),
		text("who", "Name of the token.", func(a fsm.Audited) string { return a.Who }),
		text("action", "", func(a fsm.Audited) string { return a.Action }),
		maybe("subject", "", func(a fsm.Audited) string { return a.Subject }),
		maybe("detail", "", func(a fsm.Audited) string { return a.Detail }),
		maybe("code", "Of the refusal; NULL: it was done.", func(a fsm.Audited) string { return string(a.Code) }),
		maybe("request_id", "", func(a fsm.Audited) string { return a.Request }),
		number("log_index", "", func(a fsm.Audited) uint64 { return a.Index }),
	},
	all: func(v *fsm.View) iter.Seq[fsm.Audited] { return v.AuditAfter(fsm.Mark{}) },
}

var objects = spec[fsm.Object]{
	name: "objects", about: "Published objects; their bytes are files on the nodes.", key: "bucket,key", size: 10 * many,
	fields: []field[fsm.Object]{
		text("bucket", "", func(o fsm.Object) string { return o.Bucket }),
		text("key", "", func(o fsm.Object) string { return o.Key }),
		number("size", "Bytes.", func(o fsm.Object) int64 { return o.Size }),
		maybe("content_type", "", func(o fsm.Object) string { return o.ContentType }),
		text("sha256", "", func(o fsm.Object) string { return hex.EncodeToString(o.SHA256) }),
		text("etag", "", func(o fsm.Object) string { return hex.EncodeToString(o.MD5) }),
		object("nodes_json", "Nodes that held it when it was acknowledged.", func(o fsm.Object) []string { return o.Nodes }),
		moment("created_at", "", func(o fsm.Object) int64 { return o.At }),
	},
	all: func(v *fsm.View) iter.Seq[fsm.Object] { return v.ObjectsIn("") },
	paths: []path[fsm.Object]{
		{"key", func(v *fsm.View, key string) iter.Seq[fsm.Object] { return one(v.Object(v.Settings().Bucket, key)) }},
		{"bucket", func(v *fsm.View, bucket string) iter.Seq[fsm.Object] { return v.ObjectsIn(bucket) }},
	},
}

// planRow is a plan by its name.
type planRow struct {
	name string
	fsm.Plan
}

var plans = spec[planRow]{
	name: "plans", about: "What users may do at once, of the settings in force.", key: "id", size: few,
	fields: []field[planRow]{
		text("id", "", func(p planRow) string { return p.name }),
		number("max_concurrency", "Open jobs.", func(p planRow) int { return p.MaxConcurrency }),
		number("max_rule_slots", "", func(p planRow) int { return p.MaxRuleSlots }),
		number("max_items", "In one job.", func(p planRow) int { return p.MaxItems }),
		number("start_credits", "", func(p planRow) int64 { return p.StartCredits }),
		number("weight", "Share of the workers, relative.", func(p planRow) int64 { return p.Weight }),
		number("max_leased", "Items in workers' hands at once.", func(p planRow) int { return p.MaxLeased }),
	},
	all: func(v *fsm.View) iter.Seq[planRow] {
		all := v.Settings().Plans
		return func(yield func(planRow) bool) {
			for _, name := range slices.Sorted(maps.Keys(all)) {
				if !yield(planRow{name, all[name]}) {
					return
				}
			}
		}
	},
}

var settings = spec[fsm.Settings]{
	name: "settings", about: "Versions of the replicated settings.", key: "version", size: few,
	fields: []field[fsm.Settings]{
		number("version", "", func(s fsm.Settings) uint64 { return s.Version }),
		{"in_force", Integer, "1: new jobs are created under it.", func(s *session, r fsm.Settings) any {
			if s.view.Settings().Version == r.Version {
				return int64(1)
			}
			return int64(0)
		}},
		text("bucket", "", func(s fsm.Settings) string { return s.Bucket }),
		number("plan_count", "", func(s fsm.Settings) int { return len(s.Plans) }),
		number("preset_count", "", func(s fsm.Settings) int { return len(s.Presets) }),
		number("queue_depth", "Ready items before execute is refused.", func(s fsm.Settings) int { return s.QueueDepth }),
		number("max_upload", "Bytes.", func(s fsm.Settings) int64 { return s.MaxUpload }),
	},
	all: (*fsm.View).AllSettings,
}

var members = spec[fsm.Member]{
	name: "members", about: "Nodes that have said who they are.", key: "id", size: few,
	fields: []field[fsm.Member]{
		text("id", "", func(m fsm.Member) string { return m.ID }),
		text("http", "Public host and port.", func(m fsm.Member) string { return m.HTTP }),
		maybe("addr", "Cluster host and port.", func(m fsm.Member) string { return m.Addr }),
		text("version", "Of its binary.", func(m fsm.Member) string { return m.Version }),
		number("level", "The newest feature level it understands.", func(m fsm.Member) uint64 { return m.Level }),
		moment("since", "", func(m fsm.Member) int64 { return m.Since }),
		flag("draining", "", func(m fsm.Member) bool { return m.Draining }),
	},
	all: func(v *fsm.View) iter.Seq[fsm.Member] { return slices.Values(v.Members()) },
}

// columnRow is a column of some table.
type columnRow struct {
	table *Table
	Column
	position int
}

var schema = spec[columnRow]{
	name: "schema", about: "The tables and columns that there are.", key: "table_name,column_name", size: few,
	fields: []field[columnRow]{
		text("table_name", "", func(c columnRow) string { return c.table.Name }),
		text("column_name", "", func(c columnRow) string { return c.Name }),
		text("type", "", func(c columnRow) string { return string(c.Kind) }),
		number("position", "From 0.", func(c columnRow) int { return c.position }),
		flag("is_key", "1: part of what tells rows apart.", func(c columnRow) bool { return slices.Contains(c.table.Key, c.Name) }),
		flag("is_lookup", "1: equality with a value is looked up, not searched for.", func(c columnRow) bool { return slices.Contains(c.table.Lookup, c.Name) }),
		maybe("about", "", func(c columnRow) string { return strings.TrimSpace(c.About) }),
		text("table_about", "", func(c columnRow) string { return c.table.About }),
	},
	all: func(*fsm.View) iter.Seq[columnRow] {
		return func(yield func(columnRow) bool) {
			for _, t := range Tables {
				for i, c := range t.Columns {
					if !yield(columnRow{t, c, i}) {
						return
					}
				}
			}
		}
	},
}

package fsm

import (
	"iter"
	"slices"

	"stoker/store"
)

// View is the state at one index, frozen. Close it.
type View struct {
	*store.View
	meta meta
}

// View opens a view of what has been applied.
func (m *Machine) View() *View {
	v := m.store.View()
	mt, _ := metas.Get(v, metaKey)
	return &View{View: v, meta: mt}
}

// Index is the last entry the view has seen.
func (v *View) Index() uint64 { return v.meta.Index }

// Epoch is the life of the cluster the view is of; 0 before Genesis.
func (v *View) Epoch() uint64 { return v.meta.Epoch }

// ClusterID is the name Genesis gave.
func (v *View) ClusterID() string { return v.meta.ClusterID }

// Clock is the machine's clock, Wall the wall clock of the leader at that entry;
// both in ns. Their difference turns a deadline into a time for people.
func (v *View) Clock() int64 { return v.meta.Clock }

// Wall is the leader's wall clock at the last entry, ns since 1970.
func (v *View) Wall() int64 { return v.meta.Wall }

// Hash is the running hash over entries and outcomes at the view's index.
func (v *View) Hash() [32]byte { return v.meta.Hash }

// Fence is the last one handed out.
func (v *View) Fence() uint64 { return v.meta.Fence }

// Waiting is the number of ready items by preset. Do not change it.
func (v *View) Waiting() map[string]int { return v.meta.Waiting }

// Settings are those in force.
func (v *View) Settings() Settings {
	s, _ := settings.Get(v, store.Uint(v.meta.SettingsVersion))
	return s
}

// Members are the nodes that have said who they are, by id.
func (v *View) Members() []Member { return values(members.Scan(v, "")) }

// Removed are the node ids that were removed and may never come back.
func (v *View) Removed() []string {
	out := []string{}
	for k := range graves.Scan(v, "") {
		id, _ := k.PopStr()
		out = append(out, id)
	}
	return out
}

// JoinTokens are those that have not expired, used ones included.
func (v *View) JoinTokens() []JoinToken { return values(joinTokens.Scan(v, "")) }

// Autopilot is what the leader may do about members by itself.
func (v *View) Autopilot() Autopilot {
	a, _ := autopilots.Get(v, autopilotKey)
	return a
}

// User finds a user.
func (v *View) User(id string) (User, bool) { return users.Get(v, store.Str(id)) }

// Users gives the users by id, from after one (empty: from the first); with a
// plan only those on it.
func (v *View) Users(plan, after string) iter.Seq[User] {
	from := store.Key("")
	if after != "" {
		from = store.Str(after)
	}
	if plan == "" {
		return only(users.ScanAfter(v, "", from))
	}
	p := store.Str(plan)
	if after != "" {
		from = usersByPlan.Pos(p, from)
	}
	return only(usersByPlan.ScanAfter(v, p, from))
}

// Mark is a position in a ledger or history: (index of the entry, ordinal in it).
type Mark struct {
	Index   uint64 `cbor:"1,keyasint"`
	Ordinal uint32 `cbor:"2,keyasint,omitempty"`
}

func (p Mark) key(of store.Key) store.Key {
	if p == (Mark{}) {
		return ""
	}
	return of.Uint(p.Index).Uint(uint64(p.Ordinal))
}

// Ledger gives a user's entries, newest first, from before a mark (zero: the newest).
func (v *View) Ledger(user string, before Mark) iter.Seq[LedgerEntry] {
	p := store.Str(user)
	return only(ledger.Backward(v, p, before.key(p)))
}

// Rule finds a user's rule.
func (v *View) Rule(user, id string) (Rule, bool) { return rules.Get(v, ruleKey(user, id)) }

// Rules gives all rules of a user.
func (v *View) Rules(user string) []Rule { return values(rules.Scan(v, store.Str(user))) }

// Job finds a job, whoever's it is.
func (v *View) Job(id string) (Job, bool) { return jobs.Get(v, store.Str(id)) }

// Jobs gives a user's jobs, newest first, from before a mark (zero: the newest).
func (v *View) Jobs(user string, before Mark) iter.Seq[Job] {
	p := store.Str(user)
	from := store.Key("")
	if before != (Mark{}) {
		from = jobsByUser.Pos(before.key(p), "")
	}
	return only(jobsByUser.Backward(v, p, from))
}

// Items gives a job's items in order.
func (v *View) Items(job string) []Item { return values(items.Scan(v, store.Str(job))) }

// Item finds one item of a job.
func (v *View) Item(job string, idx int) (Item, bool) { return items.Get(v, itemKey(job, idx)) }

// History gives a job's transitions in order, from after a mark (zero: from the first).
func (v *View) History(job string, after Mark) iter.Seq[Event] {
	p := store.Str(job)
	return only(history.ScanAfter(v, p, after.key(p)))
}

// Object finds a published object.
func (v *View) Object(bucket, key string) (Object, bool) {
	return objects.Get(v, objectKey(bucket, key))
}

// Staged finds an object uploaded under a grant and not published yet.
func (v *View) Staged(bucket, key string, fence uint64) (Object, bool) {
	return staged.Get(v, objectKey(bucket, key).Uint(fence))
}

// Objects gives all that refers to a blob: what is published or staged, and the
// parts of uploads that are not completed. What came in several parts is given
// as that many objects, each with the blob, size and hash of its part.
func (v *View) Objects() iter.Seq[Object] {
	return func(yield func(Object) bool) {
		for _, t := range []*store.Table[Object]{objects, staged} {
			for _, o := range t.Scan(v, "") {
				for _, p := range o.Pieces() {
					if !yield(p) {
						return
					}
				}
			}
		}
		for _, u := range uploads.Scan(v, "") {
			for _, p := range uploadParts.Scan(v, store.Str(u.ID)) {
				if !yield(u.piece(p.Segment)) {
					return
				}
			}
		}
	}
}

// Lease finds a lease by its fence, ended ones for an hour.
func (v *View) Lease(fence uint64) (LeaseRow, bool) { return leases.Get(v, store.Uint(fence)) }

// Granted finds the live grant that a worker's poll was answered with, nil if there is none.
func (v *View) Granted(worker, poll string) *Grant {
	return regrant(v, Want{Worker: worker, Poll: poll})
}

// LiveLeases gives the leases that have not ended.
func (v *View) LiveLeases() []LeaseRow { return values(leasesLive.Scan(v, "")) }

// Dropped lists the items of a lease that its holder should stop working on:
// they were taken from it, and not by its own word.
func (v *View) Dropped(l LeaseRow) []int {
	var out []int
	for _, idx := range l.Granted {
		if !slices.Contains(l.Held, idx) && !slices.Contains(l.Answered, idx) {
			out = append(out, idx)
		}
	}
	return out
}

// Lost says whether a lease's holder may send nothing more under it.
func (l LeaseRow) Lost() bool { return l.Ended == endedLost || l.Ended == endedReleased }

// MayPut says whether an upload of the object would be taken: asked before its
// bytes are received, decided when they are recorded.
func (v *View) MayPut(o Object) error {
	if r := mayPut(v, v.Settings(), v.Level(), o); r != nil {
		return r
	}
	return nil
}

// MaxUpload is how many bytes an upload to a key may have.
func (v *View) MaxUpload(key string) int64 { return maxUpload(v, v.Settings(), v.Level(), key) }

// Counts are sizes for the operator's eyes.
type Counts struct {
	Live  int            // leases
	Ready map[string]int // by preset
	Dead  int
}

// Counts counts.
func (v *View) Counts() Counts {
	return Counts{Live: v.Live(), Ready: v.meta.Waiting, Dead: dead.Len(v, "")}
}

// Live is the number of leases that have not ended.
func (v *View) Live() int { return leasesLive.Len(v, "") }

// NextTimer is the machine clock of the earliest deadline, 0 if there is none.
func (v *View) NextTimer() int64 { return nextTimer(v) }

func values[V any](rows iter.Seq2[store.Key, V]) []V {
	out := []V{}
	for _, v := range rows {
		out = append(out, v)
	}
	return out
}

func only[V any](rows iter.Seq2[store.Key, V]) iter.Seq[V] {
	return func(yield func(V) bool) {
		for _, v := range rows {
			if !yield(v) {
				return
			}
		}
	}
}

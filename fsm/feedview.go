package fsm

import (
	"iter"
	"strings"

	"stoker/store"
)

// Change is one change of the state, in the order of the log. What it was read
// from may be gone since; then it says no more than that there was one.
type Change struct {
	Mark
	Epoch uint64 // in which it happened
	At    int64  // wall clock, ns

	Event  string // what happened to what: "job.done", "credits.debit", "worker.gone"
	Job    string
	User   string
	Worker string // that it happened to, or through
	Node   string // a member
	Item   *int
	Lease  uint64 // its fence
	Count  int    // items of the lease
	From   Status
	To     Status
	By     string
	Detail string

	Amount, Balance int64 // credits

	Action, Subject string // what an operator did, and to what
	Code            Code   // of the refusal, if it was refused
	Request         string
}

// EventKinds are what events are of: the part of their names before the dot.
var EventKinds = []string{"job", "item", "credits", "lease", "worker", "user", "operator", "cluster"}

const (
	onJob      = "job."
	onItem     = "item."
	onCredits  = "credits."
	onLease    = "lease."
	onWorker   = "worker."
	onUser     = "user."
	onOperator = "operator."
	onCluster  = "cluster."
)

// The events that webhooks know, by the names of the feed.
const (
	EventJobDone     = onJob + string(Done)
	EventJobFailed   = onJob + string(Failed)
	EventJobCanceled = onJob + string(Canceled)
	EventItemDone    = onItem + string(Done)
	EventItemFailed  = onItem + string(Failed)
	EventItemDead    = onItem + "dead"
)

// FeedFrom is the position behind which every change is kept. False: nothing is,
// since the cluster has not reached the feature level of the feed.
func (v *View) FeedFrom() (Mark, bool) {
	return v.meta.FeedFrom, v.meta.level() >= 3
}

// FeedEnd is the position behind everything that has happened so far.
func (v *View) FeedEnd() Mark { return Mark{Index: v.meta.Index, Ordinal: lastOrdinal} }

// Follows says whether this position is behind another one.
func (p Mark) Follows(other Mark) bool {
	return p.Index > other.Index || p.Index == other.Index && p.Ordinal > other.Ordinal
}

// Kept says whether everything behind a position that was given out in an epoch
// is in the feed. A position of an earlier epoch is good if the state that this
// one began with had come so far.
func (v *View) Kept(epoch uint64, m Mark) bool {
	if v.meta.FeedFrom.Follows(m) || epoch > v.Epoch() {
		return false
	}
	for _, e := range v.Epochs() {
		if e.Epoch > epoch && m.Index > e.From {
			return false
		}
	}
	return true
}

// FeedAt is the position before the first change at or after a time, in ns of
// wall clock; the end if there is none, the beginning if all are later.
func (v *View) FeedAt(wall int64) Mark {
	lo, hi := v.meta.FeedFrom.Index, v.meta.Index
	for lo < hi { // the first index behind which all rows are of that time or later
		mid := lo + (hi-lo)/2
		at := int64(-1)
		for _, row := range feed.ScanAfter(v, "", store.Uint(mid).Uint(uint64(lastOrdinal))) {
			at = row.Wall
			break
		}
		if at < 0 || at >= wall {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	m := Mark{Index: lo, Ordinal: lastOrdinal}
	if v.meta.FeedFrom.Follows(m) || lo == v.meta.FeedFrom.Index {
		return v.meta.FeedFrom
	}
	return m
}

// Feed gives the changes behind a position, in order.
func (v *View) Feed(after Mark) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for k, row := range feed.ScanAfter(v, "", store.Uint(after.Index)) {
			index, _ := k.PopUint()
			for n, at := range row.marks(index) {
				if at.Follows(after) && !yield(changeOf(v, row, n, at)) {
					return
				}
			}
		}
	}
}

// marks are the row's notes, each with the position of one change.
func (row feedRow) marks(index uint64) iter.Seq2[note, Mark] {
	return func(yield func(note, Mark) bool) {
		for _, n := range row.Notes {
			for i := range n.More + 1 {
				if !yield(n, Mark{Index: index, Ordinal: n.First + i}) {
					return
				}
			}
		}
	}
}

// changesOf reads all that a row points at.
func changesOf(r store.Reader, index uint64, row feedRow) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for n, at := range row.marks(index) {
			if !yield(changeOf(r, row, n, at)) {
				return
			}
		}
	}
}

// changeOf reads what a note points at.
func changeOf(r store.Reader, row feedRow, n note, at Mark) Change {
	c := Change{Mark: at, Epoch: row.Epoch, At: row.Wall, Worker: n.Who}
	switch n.Kind {
	case noteStep:
		c.readStep(r, n.Of)
	case noteBooking:
		c.readBooking(r, n.Of)
	case noteDeed:
		c.readDeed(r)
	case noteDead:
		idx := int(n.Num)
		c.Event, c.Item = EventItemDead, &idx
		c.ofJob(r, n.Of)
		if it, ok := items.Get(r, itemKey(n.Of, idx)); ok {
			c.Detail = it.Error
		}
	case noteGrant, noteLost, noteRelease:
		c.Event = onLease + map[noteKind]string{noteGrant: "granted", noteLost: "lost", noteRelease: "released"}[n.Kind]
		c.Lease, c.Count, c.Detail = n.Num, n.Count, n.Text
		c.ofJob(r, n.Of)
	case noteSession:
		c.Event, c.Worker = onWorker+"session", n.Of
	case noteState:
		c.Event, c.Worker, c.Detail = onWorker+n.Text, n.Of, n.Why
		if n.Text == string(WorkerActive) {
			c.Event = onWorker + "active"
		}
	case noteUser:
		c.Event, c.User = onUser+"created", n.Of
	case noteAlarm:
		c.Event, c.Detail = onCluster+"alarm", strings.TrimSuffix(n.Text+": "+n.Why, ": ")
	case noteEpoch:
		c.Event, c.Detail = onCluster+"epoch", n.Text
	case noteMember:
		c.Event, c.Node = onCluster+"member", n.Of
	case noteImport:
		if c.Event = onJob + "imported"; n.Num == 1 {
			c.Event, c.User = onUser+"imported", n.Of
		} else {
			c.ofJob(r, n.Of)
		}
	default: // of a newer version
		c.Event = onCluster + "unknown"
	}
	return c
}

// gone is what is said of a change whose record is not kept any more.
const gone = "its record is not kept any more"

func (c *Change) ofJob(r store.Reader, job string) {
	c.Job = job
	if j, ok := jobs.Get(r, store.Str(job)); ok {
		c.User = j.User
	}
}

func (c *Change) readStep(r store.Reader, job string) {
	c.ofJob(r, job)
	e, ok := history.Get(r, store.Str(job).Uint(c.Index).Uint(uint64(c.Ordinal)))
	if !ok {
		c.Event, c.Detail = onJob+"forgotten", gone
		return
	}
	c.Event, c.Item = onJob+string(e.To), e.Item
	if e.Item != nil {
		c.Event = onItem + string(e.To)
	}
	c.From, c.To, c.By, c.Detail = e.From, e.To, e.By, e.Detail
}

func (c *Change) readBooking(r store.Reader, user string) {
	c.User = user
	e, ok := ledger.Get(r, store.Str(user).Uint(c.Index).Uint(uint64(c.Ordinal)))
	if !ok {
		c.Event, c.Detail = onCredits+"forgotten", gone
		return
	}
	c.Event, c.Amount, c.Balance, c.By = onCredits+e.Type, e.Amount, e.Balance, e.By
	if j, ok := jobs.Get(r, store.Str(e.Ref)); ok && j.User == user {
		c.Job = j.ID
	} else {
		c.Detail = e.Ref
	}
}

func (c *Change) readDeed(r store.Reader) {
	a, ok := audits.Get(r, auditKey(c.Index, c.Ordinal))
	if !ok {
		c.Event, c.Detail = onOperator+"forgotten", gone
		return
	}
	c.Event = onOperator + "did"
	if a.Code != "" {
		c.Event = onOperator + "refused"
	}
	c.By, c.Action, c.Subject, c.Detail, c.Code, c.Request = a.Who, a.Action, a.Subject, a.Detail, a.Code, a.Request
	c.subject(r)
}

// subject says whose matter an operator's deed is, so that it is found by that
// name. Names of different things do not collide: jobs and users begin with what
// they are.
func (c *Change) subject(r store.Reader) {
	key := store.Str(c.Subject)
	switch {
	case c.Subject == "" || len(c.Subject) > maxName:
	case jobs.Has(r, key):
		c.ofJob(r, c.Subject)
	case users.Has(r, key):
		c.User = c.Subject
	case workers.Has(r, key):
		c.Worker = c.Subject
	case members.Has(r, key):
		c.Node = c.Subject
	}
}

package fsm

import (
	"maps"
	"slices"

	"stoker/store"
)

// What is checked after each step of [steps], by the names that reports give them.
const (
	heldLedger    = "a user's credits are the sum of its ledger, and not negative"
	heldMoney     = "granted = spent + held + balances"
	heldOnce      = "a job is debited once and refunded once"
	heldOpen      = "active_jobs = open jobs"
	heldFinal     = "an item is final once"
	heldPlace     = "an item is in exactly one of waiting, leased, scheduled"
	heldFence     = "fences strictly increase"
	heldTimer     = "what is not terminal has a timer, one"
	heldClock     = "time never runs back"
	heldRefusal   = "a refusal writes nothing"
	heldModel     = "what an entry touched is as in the model"
	heldAnswer    = "answers are as the model's"
	heldAudit     = "the whole state passes the audit, and is as in the model"
	heldReplay    = "snapshot + tail = all entries one by one"
	heldRestart   = "the state is the same after a restart"
	heldReapplied = "entries that come twice change nothing"
)

// envelope are the tables that a refused proposal may write to.
var envelope = []string{"machine", "origins", "answers", "idempotency", "timers", "audit", "feed"}

// watched says what timer each row of a table has, exactly one.
var watched = map[string]timerKind{
	"origins": originSilent, "idempotency": idemOld, "dead": deadOld, "uploads": uploadOld, "workers": workerSilent, "joins": joinTokenOld,
}

// timed is what a timer is for.
type timed struct {
	kind timerKind
	ref  store.Key
}

// steps holds the invariants against each entry by the rows that it wrote, which costs as much as was written; [auditor] walks
// the whole state. What adds up over all rows is kept as running sums.
type steps struct {
	failf  func(format string, args ...any)
	checks map[string]int

	sum      map[string]int64 // of ledgers, by user
	balances int64            // of all
	granted  int64            // that came from outside: sign-up, grants, imports
	outlay   int64            // spent on items that are done, or held for open jobs
	debits   map[string]int   // by job
	refunds  map[string]int
	open     map[string]int // jobs, by user
	status   map[string]map[Status]int
	timers   map[timed]int
	rows     map[string]int // by table
	fence    uint64
	clock    int64

	wrote    string // a table of the state that the entry wrote to
	refunded []string
	grants   map[string]int64
	refs     map[timed]bool
	left     map[string]bool           // jobs that the entry took out of the state, until it says where they are
	folding  map[string]BroughtForward // bookings, likewise, by user
	forward  map[string]int64          // balance that is brought forward, by user

	// Touched since the last comparison with the model, and by the entry.
	users, jobs map[string]bool
	items       map[store.Key]bool
	leases      map[uint64]bool
	uncompared  struct {
		users, jobs map[string]bool
		leases      map[uint64]bool
	}
}

func newSteps(failf func(string, ...any)) *steps {
	s := &steps{
		failf: failf, checks: map[string]int{}, sum: map[string]int64{}, debits: map[string]int{}, refunds: map[string]int{},
		open: map[string]int{}, status: map[string]map[Status]int{}, timers: map[timed]int{}, rows: map[string]int{},
		grants: map[string]int64{}, refs: map[timed]bool{}, left: map[string]bool{}, folding: map[string]BroughtForward{}, forward: map[string]int64{},
		users: map[string]bool{}, jobs: map[string]bool{}, items: map[store.Key]bool{}, leases: map[uint64]bool{},
	}
	s.uncompared.users, s.uncompared.jobs, s.uncompared.leases = map[string]bool{}, map[string]bool{}, map[uint64]bool{}
	return s
}

// rowOf decodes a row; nil has the zero value.
func rowOf[V any](raw []byte) (v V) {
	if raw != nil {
		if err := decoder.Unmarshal(raw, &v); err != nil {
			panic(err)
		}
	}
	return v
}

// saw is the machine's Watch.
func (s *steps) saw(table string, k store.Key, was, is []byte) {
	if was == nil && is != nil {
		s.rows[table]++
	}
	if is == nil && was != nil {
		s.rows[table]--
	}
	if !slices.Contains(envelope, table) && string(was) != string(is) {
		s.wrote = table
	}
	if kind, ok := watched[table]; ok {
		s.refs[timed{kind, k}] = true
	}
	switch table {
	case "users":
		id, _ := k.PopStr()
		s.users[id] = true
	case "ledger":
		s.sawLedger(was, is)
	case "jobs":
		s.sawJob(rowOf[Job](was), rowOf[Job](is))
	case "items":
		s.sawItem(k, rowOf[Item](was), rowOf[Item](is))
	case "ready":
		ref := parseReady(k)
		s.items[itemKey(ref.job, ref.idx)] = true
	case "archived":
		id, _ := k.PopStr()
		if !s.left[id] {
			s.failf("job %s is in the archive, and was not taken out of the state", id)
		}
		delete(s.left, id)
	case "brought_forward":
		s.sawForward(rowOf[BroughtForward](was), rowOf[BroughtForward](is))
	case "leases":
		s.sawLease(rowOf[LeaseRow](was), rowOf[LeaseRow](is), was == nil)
	case "timers":
		s.sawTimer(k, was == nil, is == nil)
	}
}

func (s *steps) sawLedger(was, is []byte) {
	e := rowOf[LedgerEntry](is)
	if is == nil { // it may be gone if the entry says where it is
		e = rowOf[LedgerEntry](was)
		f, ok := s.folding[e.User]
		if !ok {
			f.Balance = s.forward[e.User]
		}
		s.folding[e.User] = BroughtForward{User: e.User, Index: e.Index, Ordinal: e.Ordinal, Rows: f.Rows + 1, Balance: f.Balance + e.Amount, At: e.At}
		return
	}
	if was != nil {
		s.failf("the ledger's row %+v has become %+v", rowOf[LedgerEntry](was), e)
		return
	}
	s.sum[e.User] += e.Amount
	s.balances += e.Amount
	s.users[e.User] = true
	s.checks[heldLedger]++
	if e.Balance != s.sum[e.User] || e.Balance < 0 {
		s.failf("the ledger of %s says %d, the sum is %d", e.User, e.Balance, s.sum[e.User])
	}
	switch {
	case e.Old == "" && e.Type == "debit":
		s.debits[e.Ref]++
		s.once(e.Ref, s.debits, "debited")
	case e.Old == "" && e.Type == "refund":
		s.refunds[e.Ref]++
		s.once(e.Ref, s.refunds, "refunded")
		s.grants[e.Ref] += e.Amount
	default:
		s.granted += e.Amount
	}
}

// sawForward: what a ledger brings forward is what it had before, and what the entry has taken out of it.
func (s *steps) sawForward(was, is BroughtForward) {
	s.checks[heldLedger]++
	want := s.folding[is.User]
	want.Segment = is.Segment
	if was.Rows != 0 || is.Rows == 0 || is != want {
		s.failf("the ledger brought forward %+v and now %+v; what was taken out of it is %+v", was, is, want)
	}
	s.forward[is.User] = is.Balance
	delete(s.folding, is.User)
}

func (s *steps) once(job string, times map[string]int, what string) {
	s.checks[heldOnce]++
	if times[job] > 1 {
		s.failf("job %s is %s %d times", job, what, times[job])
	}
}

// outlayOf is what a job has taken from its user's credits: held while it is open, spent on what is done once it has ended.
func outlayOf(j Job) int64 {
	switch {
	case j.Imported != 0:
		return 0
	case j.Status.Ended():
		return int64(j.Done) * j.Price
	}
	return int64(j.Total) * j.Price
}

func (s *steps) sawJob(was, is Job) {
	if is.ID == "" && was.Status.Ended() { // what it has spent stays spent
		s.left[was.ID] = true
		delete(s.jobs, was.ID)
		return
	}
	s.outlay += outlayOf(is) - outlayOf(was)
	if was.ID != "" && !was.Status.Ended() {
		s.open[was.User]--
	}
	if is.ID == "" {
		s.failf("job %s is gone", was.ID)
		return
	}
	if !is.Status.Ended() {
		s.open[is.User]++
	}
	s.jobs[is.ID], s.users[is.User] = true, true
	if was.Status != is.Status {
		for i := range is.Total {
			s.items[itemKey(is.ID, i)] = true
		}
	}
}

func (s *steps) sawItem(k store.Key, was, is Item) {
	job, _ := k.PopStr()
	n := s.status[job]
	if n == nil {
		n = map[Status]int{}
		s.status[job] = n
	}
	if s.left[job] && is.Status == "" {
		delete(s.items, k)
		n[was.Status]--
		return
	}
	s.jobs[job], s.items[k] = true, true
	if was.Status != "" {
		n[was.Status]--
	}
	if is.Status != "" {
		n[is.Status]++
	}
	s.checks[heldFinal]++
	if was.final() && is.Status != was.Status {
		s.failf("item %s/%d was %s and is %q", job, was.Idx, was.Status, is.Status)
	}
	if was.Place == Leased {
		s.leases[was.Fence] = true
	}
}

func (s *steps) sawLease(was, is LeaseRow, fresh bool) {
	for _, l := range []LeaseRow{was, is} {
		for _, idx := range l.Held {
			s.items[itemKey(l.Job, idx)] = true
		}
		if l.Fence != 0 {
			s.leases[l.Fence] = true
		}
	}
	if fresh {
		s.checks[heldFence]++
		if is.Fence <= s.fence {
			s.failf("fence %d was granted after %d", is.Fence, s.fence)
		}
		s.fence = is.Fence
		return
	}
	if is.Fence != 0 && (is.Worker != was.Worker || is.Job != was.Job || !slices.Equal(is.Granted, was.Granted)) {
		s.failf("lease %+v has become %+v", was, is)
	}
}

func (s *steps) sawTimer(k store.Key, fresh, gone bool) {
	_, rest := k.PopUint()
	kind, ref := rest.PopUint()
	t := timed{timerKind(kind), ref}
	switch {
	case fresh && !gone:
		s.timers[t]++
	case gone && !fresh:
		s.timers[t]--
	}
	switch t.kind {
	case jobDeadline:
		job, _ := ref.PopStr()
		s.jobs[job] = true
	case itemReady:
		s.items[ref] = true
	case leaseOld:
		fence, _ := ref.PopUint()
		s.leases[fence] = true
	}
	if slices.Contains(slices.Collect(maps.Values(watched)), t.kind) {
		s.refs[t] = true
	}
}

package fsm

import (
	"maps"
	"slices"
	"time"
)

// model is the specification once more, as plain maps: written from design.md
// and api.md, not from the machine, and without a thought of speed. Each method
// that is named after a command says the code it is refused with, "" for none,
// and does to the maps what the command does to the tables.
type model struct {
	now   int64
	turn  uint64 // entries, for the order of a user's work
	fence uint64
	set   Settings

	versions []Settings // deployed, the first one included

	users   map[string]*modelUser
	devices map[string]string
	rules   map[string]map[string]string // user → rule → preset
	jobs    map[string]*modelJob
	leases  map[uint64]*modelLease
	workers map[string]*modelWorker
	paused  map[string]bool
	objects map[string]string
	useless map[string]bool              // objects that are no picture a worker can take
	uploads map[string]*modelUpload      // in parts, by id
	files   map[string]string            // copy → the key whose file it shares
	staged  map[string]map[uint64]string // key → fence → upload
	dead    map[string]*modelDead

	pictures map[string]int64 // when the pictures of items are forgotten that were dead when the others went

	gone     map[string]modelGone // jobs in the archive
	segments map[string]string    // upload of its object, by key

	stretches int             // of ledgers in the archive
	filled    map[string]bool // segments that have some

	brought []modelBrought // objects of imported jobs, and when they are forgotten

	seeded  bool                   // the entry brings chance: back-offs are spread
	virtual map[string]int64       // by preset: of the plan that was served last in turn
	classes map[string]*modelClass // by plan
	tag     map[string]int64       // virtual time that users have received
	hungry  map[string]int64       // since when users wait for their next grant
	pace    map[string]int64       // ms an item takes, by preset
	shown   map[string]bool        // rules of the fair order that have come to bear
}

// modelDead is a dead item, and until when it is listed.
type modelDead struct {
	item *modelItem
	due  int64
}

type modelUser struct {
	id, plan string
	credits  int64
	revoked  bool

	imported bool
	partly   bool  // events are to come, and until then it may do nothing
	barred   bool  // the operator's last word on it
	taken    int   // events so far
	booked   int64 // by them

	folded int // bookings in the archive
}

type modelJob struct {
	id, user, preset string
	status           Status
	price            int64
	set              Settings // it was created under
	items            []*modelItem
	deadline         int64
	turn             uint64
	retryOf          string
	old              map[string]int64 // when its objects are forgotten, by kind
	auto             bool             // its last upload confirms it
	execute          bool             // and queues it, with
	rule             string
	imported         bool
}

type modelItem struct {
	job         *modelJob
	idx         int
	status      Status
	place       Place
	fence       uint64
	since       int64    // ready
	back        int64    // scheduled
	spread      [2]int64 // where back may lie, when chance came in
	tries       map[Cause]int
	alone       bool
	unconfirmed int
	lostBy      map[string]bool
}

type modelLease struct {
	fence        uint64
	worker, poll string
	job          *modelJob
	granted      []int
	load         int64  // ns its holder was given to load the model
	ended        string // "", done, lost, released
	forget       int64
}

func newModel(s Settings) *model {
	return &model{
		now: dawn, set: s, versions: []Settings{s},
		users: map[string]*modelUser{}, devices: map[string]string{}, rules: map[string]map[string]string{},
		jobs: map[string]*modelJob{}, leases: map[uint64]*modelLease{}, workers: map[string]*modelWorker{},
		objects: map[string]string{}, uploads: map[string]*modelUpload{}, useless: map[string]bool{}, files: map[string]string{}, staged: map[string]map[uint64]string{}, dead: map[string]*modelDead{},
		paused: map[string]bool{}, classes: map[string]*modelClass{}, tag: map[string]int64{}, pace: map[string]int64{},
		gone: map[string]modelGone{}, segments: map[string]string{}, filled: map[string]bool{},
		pictures: map[string]int64{}, virtual: map[string]int64{}, hungry: map[string]int64{}, shown: map[string]bool{},
	}
}

func (m *model) plan(u *modelUser) Plan { return m.set.Plans[u.plan] }

func (m *model) open(user string) (n int) {
	for _, j := range m.jobs {
		if j.user == user && !j.status.Ended() {
			n++
		}
	}
	return n
}

func (m *model) signIn(device, id string) Code {
	if known, ok := m.devices[device]; ok && device != "" {
		if m.users[known].revoked {
			return Forbidden
		}
		return ""
	}
	if m.users[id] != nil {
		return ValidationFailed
	}
	m.users[id] = &modelUser{id: id, plan: "free", credits: m.set.Plans["free"].StartCredits}
	m.rules[id] = map[string]string{}
	if device != "" {
		m.devices[device] = id
	}
	return ""
}

func (m *model) grantCredits(user string, n int64) Code {
	u := m.users[user]
	switch {
	case u == nil:
		return NotFound
	case n == 0 || u.credits+n < 0:
		return ValidationFailed
	}
	u.credits += n
	return ""
}

func (m *model) setPlan(user, plan string) Code {
	u := m.users[user]
	if u == nil {
		return NotFound
	}
	if _, ok := m.set.Plans[plan]; !ok {
		return ValidationFailed
	}
	m.replan(u, plan)
	return ""
}

func (m *model) revoke(user string, revoked bool) Code {
	u := m.users[user]
	if u == nil {
		return NotFound
	}
	u.revoked, u.barred = revoked || u.partly, revoked
	return ""
}

// member is who may do something new.
func (m *model) member(user string) Code {
	switch u := m.users[user]; {
	case u == nil:
		return AuthInvalidToken
	case u.revoked:
		return Forbidden
	}
	return ""
}

func (m *model) createRule(user, id, preset string) Code {
	if c := m.member(user); c != "" {
		return c
	}
	if _, ok := m.set.Presets[preset]; !ok {
		return InvalidPreset
	}
	if len(m.rules[user]) >= m.plan(m.users[user]).MaxRuleSlots {
		return RuleSlotLimit
	}
	if m.rules[user][id] != "" {
		return ValidationFailed
	}
	m.rules[user][id] = preset
	return ""
}

func (m *model) deleteRule(user, id string) Code {
	if c := m.member(user); c != "" {
		return c
	}
	if m.rules[user][id] == "" {
		return RuleNotFound
	}
	delete(m.rules[user], id)
	return ""
}

func (m *model) createJob(user, id, preset string, n int64) Code {
	if c := m.member(user); c != "" {
		return c
	}
	p, ok := m.set.Presets[preset]
	u := m.users[user]
	switch plan := m.plan(u); {
	case !ok:
		return InvalidPreset
	case n < 1:
		return InvalidItemCount
	case n > int64(plan.MaxItems):
		return ItemLimit
	case m.open(user) >= plan.MaxConcurrency:
		return ConcurrencyLimit
	case u.credits < n*p.Price:
		return InsufficientCredits
	case m.jobs[id] != nil || m.gone[id].user != "":
		return ValidationFailed
	}
	u.credits -= n * p.Price
	j := &modelJob{id: id, user: user, preset: preset, price: p.Price, set: m.set, status: Created, deadline: m.now + m.set.Budgets.Upload}
	for i := range int(n) {
		j.items = append(j.items, &modelItem{job: j, idx: i, status: Pending, tries: map[Cause]int{}, lostBy: map[string]bool{}})
	}
	m.jobs[id] = j
	return ""
}

func (m *model) owned(user, id string) (*modelJob, Code) {
	j := m.jobs[id]
	if j == nil || j.user != user {
		return nil, JobNotFound
	}
	if m.users[user].revoked {
		return nil, Forbidden
	}
	return j, ""
}

func (m *model) confirm(user, id string) Code {
	j, c := m.owned(user, id)
	if c != "" {
		return c
	}
	if j.auto && (j.status == Uploaded || j.status == Queued || j.status == Running) {
		return ""
	}
	if j.status != Created {
		return JobInvalidTransition
	}
	if !m.complete(j) {
		return UploadIncomplete
	}
	j.status, j.deadline = Uploaded, m.now+j.set.Budgets.Execute
	return ""
}

func (m *model) execute(user, id, rule string) Code {
	j, c := m.owned(user, id)
	if c != "" {
		return c
	}
	if j.status != Uploaded {
		return JobInvalidTransition
	}
	if rule != "" {
		preset, ok := m.rules[user][rule]
		if !ok {
			return RuleNotFound
		}
		if preset != j.preset {
			return ValidationFailed
		}
	}
	if len(m.ready(nil))+len(j.items) > m.set.QueueDepth {
		return QueueFull
	}
	m.queue(j)
	return ""
}

func (m *model) queue(j *modelJob) {
	budget := j.set.Budgets.Queue
	if own := j.set.Presets[j.preset].Queue; own > 0 {
		budget = own
	}
	j.status, j.deadline, j.turn = Queued, m.now+budget, m.turn
	for _, it := range j.items {
		m.enqueue(it)
	}
}

func (m *model) cancel(user, id string) Code {
	j := m.jobs[id]
	if j == nil || user != "" && j.user != user {
		return JobNotFound
	}
	if user != "" && m.users[user].revoked {
		return Forbidden
	}
	if j.status.Ended() {
		return JobInvalidTransition
	}
	m.end(j, Canceled, Canceled)
	return ""
}

// end makes what is not final so and settles the job.
func (m *model) end(j *modelJob, items, to Status) {
	for _, it := range j.items {
		if !it.status.Ended() {
			m.finish(it, items)
		}
	}
	j.status, j.deadline = to, 0
	m.ages(j)
	m.users[j.user].credits += int64(len(j.items)-j.count(Done)) * j.price
	maps.DeleteFunc(m.staged, func(key string, _ map[uint64]string) bool {
		_, job, _, _ := parseKey(key)
		return job == j.id
	})
}

// settle ends a job whose last item is final.
func (m *model) settle(j *modelJob) {
	if j.status.Ended() || slices.ContainsFunc(j.items, func(it *modelItem) bool { return !it.status.Ended() }) {
		return
	}
	if j.count(Done) > 0 {
		m.end(j, Failed, Done)
	} else {
		m.end(j, Failed, Failed)
	}
}

func (j *modelJob) count(s Status) (n int) {
	for _, it := range j.items {
		if it.status == s {
			n++
		}
	}
	return n
}

const (
	hour = int64(time.Hour)
	day  = 24 * hour
)

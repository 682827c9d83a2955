package fsm

import (
	"slices"

	"stoker/store"
)

// Lease hands ready work to workers that wait: one command for as many as there
// are. The leader's broker proposes it; the machine decides who gets what.
type Lease struct {
	Wants []Want `cbor:"1,keyasint"`
}

// Want is a worker that waits.
type Want struct {
	Worker  string   `cbor:"1,keyasint"`
	Poll    string   `cbor:"2,keyasint"`           // the same poll gets the same grant
	Presets []string `cbor:"3,keyasint,omitempty"` // none: any
	Max     int      `cbor:"4,keyasint"`           // items
	Loaded  []string `cbor:"5,keyasint,omitempty"` // presets warm in its memory
}

// takes says whether the worker takes work of a preset.
func (w Want) takes(preset string) bool {
	return len(w.Presets) == 0 || slices.Contains(w.Presets, preset)
}

// LeasedWork answers Lease: a grant for each want, nil where there was nothing.
type LeasedWork struct {
	Grants []*Grant `cbor:"1,keyasint"`
	// RetryAt is the machine's clock at which work that waits for a warm worker
	// goes to any: ask again then. 0: no need.
	RetryAt int64 `cbor:"2,keyasint,omitempty"`
}

// Grant is what a worker was given; everything its message is made of.
type Grant struct {
	Lease LeaseRow `cbor:"1,keyasint"`
	Job   Job      `cbor:"2,keyasint"`
	Load  int64    `cbor:"3,keyasint,omitempty"` // ns it may take to load the preset's model, 0 if it is warm
	Exec  int64    `cbor:"4,keyasint,omitempty"` // ns for one item
}

const (
	// warmWait is how long work waits for a worker that has its preset warm.
	warmWait = 2 * second
	// laneEvery: one grant of so many goes to overdue work, if there is any.
	laneEvery = 10
)

func (c Lease) apply(tx *Tx) (LeasedWork, error) {
	for _, w := range c.Wants {
		if w.Worker == "" {
			return LeasedWork{}, invalid("worker_id", "must not be empty")
		}
		if r := tooLong("worker_id", w.Worker, w.Poll); r != nil {
			return LeasedWork{}, r
		}
	}
	r := round{tx: tx, wants: c.Wants, answer: LeasedWork{Grants: make([]*Grant, len(c.Wants))}, held: map[string]bool{}, cold: map[string]bool{}}
	r.open()
	for r.next() {
	}
	return r.answer, nil
}

// round is one Lease: the wants that are still open, and the presets that wait
// for a warm worker.
type round struct {
	tx     *Tx
	wants  []Want
	left   []int // indexes of wants that may still be granted something
	answer LeasedWork
	held   map[string]bool
	cold   map[string]bool // presets that no worker at work had warm when it was looked; who is granted work may change that
}

// open answers repeated polls and leaves out workers that may not work.
func (r *round) open() {
	for i, w := range r.wants {
		if g := regrant(r.tx, w); g != nil {
			r.answer.Grants[i] = g
			continue
		}
		known, ok := workers.Get(r.tx, store.Str(w.Worker))
		if ok && known.State != WorkerActive {
			continue
		}
		if ok && len(known.Missing) > 0 {
			r.wants[i].Presets = without(w.Presets, known.Missing, sorted(r.tx.m.Waiting))
			if len(r.wants[i].Presets) == 0 {
				continue
			}
		}
		r.left = append(r.left, i)
	}
}

// without gives the presets (none: all of any) that are not missing.
func without(presets, missing, any []string) []string {
	if len(presets) == 0 {
		presets = any
	}
	return slices.DeleteFunc(slices.Clone(presets), func(p string) bool { return slices.Contains(missing, p) })
}

// next grants the work that comes next to a waiting worker; false when there is none.
func (r *round) next() bool {
	presets := r.presets()
	if len(r.left) == 0 || len(presets) == 0 {
		return false
	}
	h, found := r.head(presets)
	if !found {
		return false
	}
	i, warm, ok := r.warmer(h, presets)
	if ok {
		h = warm
	} else if i, ok = r.choose(h); !ok {
		r.held[h.ref.preset] = true
		return true
	}
	g, w := r.grant(i, h), r.wants[i]
	r.left = slices.DeleteFunc(r.left, func(k int) bool {
		same := k == i || w.Poll != "" && r.wants[k].Worker == w.Worker && r.wants[k].Poll == w.Poll
		if same {
			r.answer.Grants[k] = g
		}
		return same
	})
	return true
}

// presets are those of ready work that somebody waits for and nobody holds up.
func (r *round) presets() []string {
	var out []string
	for _, p := range sorted(r.tx.m.Waiting) {
		if r.held[p] || paused(r.tx, p) {
			continue
		}
		if slices.ContainsFunc(r.left, func(i int) bool { return r.wants[i].takes(p) }) {
			out = append(out, p)
		}
	}
	return out
}

// warmer finds, where no worker that waits has the head's preset warm, other work
// for the first that takes it: the fairest of the presets it has warm, unless the
// head's class or the user whose turn it is would be passed over by more than
// slack. When more is ordered than can be done, all work has waited for long and
// one worker at a time comes; without this rule it would change models each time.
func (r *round) warmer(h head, presets []string) (int, head, bool) {
	first := -1
	for _, i := range r.left {
		w := r.wants[i]
		if !w.takes(h.ref.preset) {
			continue
		}
		if slices.Contains(w.Loaded, h.ref.preset) {
			return 0, head{}, false
		}
		if first < 0 {
			first = i
		}
	}
	if first < 0 || h.lane {
		return 0, head{}, false
	}
	w := r.wants[first]
	var loaded []string
	for _, p := range presets {
		if w.takes(p) && slices.Contains(w.Loaded, p) {
			loaded = append(loaded, p)
		}
	}
	s, found := fairest(r.tx, loaded)
	if !found {
		return 0, head{}, false
	}
	its, theirs := classOf(r.tx, h.share.Class), classOf(r.tx, s.Class)
	turn, _ := fairestOf(r.tx, s.Class, presets)
	if theirs.VTime > its.VTime+r.tx.slack()/weightOf(r.tx, its.Name) || s.VTime > turn.VTime+r.tx.slack() {
		return 0, head{}, false
	}
	warm, found := earliest(r.tx, s, loaded)
	return first, warm, found
}

// choose finds the worker for a head: one that has the preset warm, else the
// first that takes it. False: a warm worker may be free in a moment, and the work
// has waited for less than warmWait.
func (r *round) choose(h head) (int, bool) {
	preset := h.ref.preset
	first := -1
	for _, i := range r.left {
		w := r.wants[i]
		switch {
		case !w.takes(preset):
		case slices.Contains(w.Loaded, preset):
			return i, true
		case first < 0:
			first = i
		}
	}
	if until := h.since + warmWait; until > r.tx.now() && r.warmElsewhere(preset) {
		if r.answer.RetryAt == 0 || until < r.answer.RetryAt {
			r.answer.RetryAt = until
		}
		return 0, false
	}
	return first, true
}

// warmElsewhere says whether a worker that is at work now has the preset warm. All
// workers are looked through for a no, which is therefore kept: a yes is asked for
// once, since it holds the preset up.
func (r *round) warmElsewhere(preset string) bool {
	if r.cold[preset] {
		return false
	}
	for _, w := range workers.Scan(r.tx, "") {
		if w.State == WorkerActive && slices.Contains(w.Loaded, preset) && leasesByWorker.Len(r.tx, store.Str(w.ID)) > 0 {
			return true
		}
	}
	r.cold[preset] = true
	return false
}

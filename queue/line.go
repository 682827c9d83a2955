package queue

import (
	"cmp"
	"container/list"
	"fmt"
	"slices"

	"stoker/fsm"
)

// maxWants is how many waiting workers one Lease serves.
const maxWants = 256

// line is the workers that wait, by kind. Those of one kind take the same work
// and are the same to the machine, which serves them in the order they came: so
// as many of a kind are asked for as there is work that it takes, and when one
// of them gets nothing, so would all. The broker's lock guards it.
type line struct {
	kinds map[string]*kind
	polls map[poll]*waiter
	came  uint64 // waiters, ever
	n     int
}

// kind is the waiting workers that take, lack and have loaded the same presets.
type kind struct {
	name    string
	want    fsm.Want // presets and loaded
	lacks   []string // presets they have reported as missing
	waiters list.List
	tried   uint64 // the news at which there was nothing for them
	said    uint64 // number of the last waiter that was looked at with it
}

func newLine() *line { return &line{kinds: map[string]*kind{}, polls: map[poll]*waiter{}} }

// poll names a long poll; asked again, it replaces itself.
type poll struct{ worker, id string }

func pollOf(w fsm.Want) poll { return poll{w.Worker, w.Poll} }

// waiter is one parked poll.
type waiter struct {
	want    fsm.Want
	kind    *kind
	place   *list.Element   // in its kind; nil: it waits no more
	last    bool            // it does not wait, and is asked no more
	came    uint64          // its number in the whole line
	asked   bool            // it is part of the Lease that is on its way
	tried   uint64          // the news at which it alone was granted nothing
	leaving bool            // its time is over; nil will do
	looked  chan struct{}   // closed once the work that is ready has been looked through for it
	got     chan *fsm.Grant // holds one
}

func newWaiter(want fsm.Want) *waiter {
	return &waiter{want: want, looked: make(chan struct{}), got: make(chan *fsm.Grant, 1)}
}

// look notes that what is ready has been looked through for the waiter.
func (w *waiter) look() {
	select {
	case <-w.looked:
	default:
		close(w.looked)
	}
}

// add puts a waiter at the end of the line. False: its kind has been looked at
// with this news already, and there was nothing.
func (l *line) add(w *waiter, lacks []string, news uint64) bool {
	presets, loaded, lacks := ordered(w.want.Presets), ordered(w.want.Loaded), ordered(lacks)
	name := fmt.Sprintf("%q %q %q", presets, loaded, lacks)
	k := l.kinds[name]
	if k == nil {
		k = &kind{name: name, want: fsm.Want{Presets: presets, Loaded: loaded}, lacks: lacks}
		l.kinds[name] = k
	}
	l.came++
	l.n++
	w.kind, w.came, w.place = k, l.came, k.waiters.PushBack(w)
	l.polls[pollOf(w.want)] = w
	if k.tried == news {
		w.look()
		return false
	}
	return true
}

func ordered(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// remove takes a waiter out; false if it is not there any more.
func (l *line) remove(w *waiter) bool {
	if w.place == nil {
		return false
	}
	w.kind.waiters.Remove(w.place)
	w.place = nil
	l.n--
	if w.kind.waiters.Len() == 0 {
		delete(l.kinds, w.kind.name)
	}
	if l.polls[pollOf(w.want)] == w {
		delete(l.polls, pollOf(w.want))
	}
	return true
}

// next chooses whom to ask for with this news, in the order they came: of each
// kind as many as there is work for it, those that have some of it warm before
// others if that is too many.
func (l *line) next(ready map[string]int, news uint64) []*waiter {
	var out []*waiter
	for _, k := range l.kinds {
		if k.tried == news {
			continue
		}
		n := len(out)
		out = k.next(out, min(k.work(ready), maxWants), news)
		if len(out) == n {
			k.nothing(news)
		}
	}
	return first(out, ready)
}

// ahead is next for work that is yet to become ready: nobody has been looked at with it.
func (l *line) ahead(coming map[string]int, news uint64) []*waiter {
	var out []*waiter
	for _, k := range l.kinds {
		out = k.next(out, min(k.work(coming), maxWants), news)
	}
	return first(out, coming)
}

// first gives as many as one Lease serves, in the order they came.
func first(out []*waiter, ready map[string]int) []*waiter {
	if len(out) > maxWants {
		warm := func(w *waiter) int {
			if slices.ContainsFunc(w.kind.want.Loaded, func(p string) bool { return ready[p] > 0 && w.kind.takes(p) }) {
				return 0
			}
			return 1
		}
		slices.SortFunc(out, func(a, b *waiter) int { return cmp.Or(warm(a)-warm(b), cmp.Compare(a.came, b.came)) })
		out = out[:maxWants]
	}
	slices.SortFunc(out, func(a, b *waiter) int { return cmp.Compare(a.came, b.came) })
	return out
}

// next appends the kind's first n waiters that may still be granted something.
func (k *kind) next(out []*waiter, n int, news uint64) []*waiter {
	for e := k.waiters.Front(); e != nil && n > 0; e = e.Next() {
		if w := e.Value.(*waiter); w.tried != news {
			out = append(out, w)
			n--
		}
	}
	return out
}

// takes says whether the kind takes work of a preset.
func (k *kind) takes(preset string) bool {
	return (len(k.want.Presets) == 0 || slices.Contains(k.want.Presets, preset)) && !slices.Contains(k.lacks, preset)
}

// work is how many of the ready items the kind takes.
func (k *kind) work(ready map[string]int) (n int) {
	for preset, items := range ready {
		if k.takes(preset) {
			n += items
		}
	}
	return n
}

// nothing notes that there is nothing for the kind before there is other news.
func (k *kind) nothing(news uint64) {
	k.tried = news
	last := k.said
	for e := k.waiters.Back(); e != nil; e = e.Prev() {
		w := e.Value.(*waiter)
		if w.came <= last {
			break
		}
		w.look()
		k.said = max(k.said, w.came)
	}
}

// refused notes that a waiter was granted nothing, and so nothing is there for
// its kind; unless the machine knows something of this worker that has set it
// apart meanwhile.
func (l *line) refused(w *waiter, known fsm.Worker, news uint64) {
	switch {
	case known.State != fsm.WorkerActive:
		w.tried = news
		w.look()
	case w.place != nil && !slices.Equal(ordered(known.Missing), w.kind.lacks):
		l.remove(w)
		l.add(w, known.Missing, news)
	default:
		w.kind.nothing(news)
	}
}

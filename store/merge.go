package store

import (
	"iter"
	"strings"
)

// layers is what a reader reads: the newest rows over those being flushed over
// those in bbolt. A row in a higher layer hides the same key in all below.
type layers struct {
	live   *overlay // applied since the last freeze
	frozen *overlay // on its way into bbolt; nil if there is none
	base   *base
	recent *recent // what a transaction has just looked up; nil for other readers
}

// Reader is a *Tx, a *View or a *Snapshot.
type Reader interface {
	// read returns the layers as they are now; it panics if the reader is closed.
	read() *layers
	// hold is read for a walk that takes longer: the layers stay as they are,
	// whatever is written meanwhile, until the function is called.
	hold() (layers, func())
}

// get returns the stored bytes, which must not be changed or kept beyond the
// life of the reader.
func (l *layers) get(key string) ([]byte, bool) {
	if l.recent == nil {
		return l.find(key)
	}
	if v, had, ok := l.recent.get(key); ok {
		return v, had
	}
	v, had := l.find(key)
	l.recent.add(key, v, had)
	return v, had
}

func (l *layers) find(key string) ([]byte, bool) {
	if v, ok := l.live.rows.Get(key); ok {
		return v, v != nil
	}
	if l.frozen != nil {
		if v, ok := l.frozen.rows.Get(key); ok {
			return v, v != nil
		}
	}
	return l.base.get(key)
}

// beneath says whether a row would be seen at key if the live overlay had nothing
// there, now or once the frozen one is in the file.
func (l *layers) beneath(key string) bool {
	if l.frozen != nil {
		if val, ok := l.frozen.rows.Get(key); ok {
			return val != nil
		}
	}
	return l.base.has(key)
}

// run is one layer's walk and the row it stands on.
type run struct {
	next func() (string, []byte, bool)
	file bool // its values are sealed, and its keys borrowed
	key  string
	val  []byte
	ok   bool
}

func (r *run) advance() { r.key, r.val, r.ok = r.next() }

// scan walks the rows of [lo, hi), descending if backward is set.
func (l *layers) scan(lo, hi string, backward bool) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		runs := l.runs(lo, hi, backward)
		for {
			first := -1
			for i := range runs {
				if runs[i].ok && (first < 0 || before(runs[i].key, runs[first].key, backward)) {
					first = i
				}
			}
			if first < 0 {
				return
			}
			// runs[first] is the highest layer that has this key: runs are in
			// the order of the layers and only a strictly smaller key wins.
			key, val, file := runs[first].key, runs[first].val, runs[first].file
			for i := range runs {
				if runs[i].ok && runs[i].key == key {
					runs[i].advance()
				}
			}
			if val == nil {
				continue
			}
			if file {
				key = strings.Clone(key)
				val = unseal([]byte(key), val)
			}
			if !yield(key, val) {
				return
			}
		}
	}
}

func (l *layers) runs(lo, hi string, backward bool) []run {
	runs := make([]run, 0, 3)
	for _, o := range [...]*overlay{l.live, l.frozen} {
		switch {
		case o == nil || o.rows.Len() == 0:
		case backward:
			runs = append(runs, run{next: o.backward(lo, hi)})
		default:
			runs = append(runs, run{next: o.forward(lo, hi)})
		}
	}
	if backward {
		runs = append(runs, run{next: l.base.backward(lo, hi), file: true})
	} else {
		runs = append(runs, run{next: l.base.forward(lo, hi), file: true})
	}
	for i := range runs {
		runs[i].advance()
	}
	return runs
}

func before(a, b string, backward bool) bool {
	if backward {
		return a > b
	}
	return a < b
}

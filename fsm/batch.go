package fsm

import (
	"slices"

	"stoker/store"
)

// How far the fair order bends. Whoever waits may be behind its weight's share, in
// any window, by one batch of its own that it has just had, one that the others
// have had since, and the slack: 6 + 6 + 4 items at the preset's price, which is
// 16, the largest batch that a worker is given unless it asks for more.
const (
	// contestedBatch is how many items one lease takes while somebody else waits
	// for work that the worker takes.
	contestedBatch = 6
	// slack is the virtual time by which somebody may be served before the fair
	// head for the sake of a worker that has its preset warm.
	slack = 4 * tick

	oldContestedBatch = 8         // at level 1, and as much slack
	oldBank           = 64 * tick // at level 1
)

func (tx *Tx) contestedBatch() int {
	if tx.level() >= 2 {
		return contestedBatch
	}
	return oldContestedBatch
}

func (tx *Tx) slack() uint64 {
	if tx.level() >= 2 {
		return slack
	}
	return oldContestedBatch * tick
}

// bank is the most virtual time that anybody has in hand who could not be served
// for a while: paused, at its cap, or with work that no worker takes. It is what
// whoever could be served may be behind: a batch and the slack.
func (tx *Tx) bank(price int64) uint64 {
	if tx.level() >= 2 {
		return contestedBatch*uint64(max(price, 1))*tick + slack
	}
	return oldBank
}

// contested says whether somebody else has ready work that the worker takes; at
// level 1 only work of the head's preset counted.
func (r *round) contested(w Want, h head) bool {
	presets := []string{h.ref.preset}
	if r.tx.level() >= 2 {
		presets = slices.DeleteFunc(offered(r.tx), func(p string) bool { return !w.takes(p) })
	}
	for _, p := range presets {
		for _, c := range classes.Scan(r.tx, "") {
			for _, s := range fair.Scan(r.tx, store.Str(p).Str(c.Name)) {
				if s.User != h.share.User {
					return true
				}
			}
		}
	}
	return false
}

// beyond is the virtual time of what a grant of n items has beyond a contested
// batch. Who wakes up after it begins that much later: it was not there to be
// passed over, and must not make up for it.
func (tx *Tx) beyond(n int, price int64) uint64 {
	if tx.level() < 2 || n <= contestedBatch {
		return 0
	}
	return uint64(n-contestedBatch) * uint64(max(price, 1)) * tick
}

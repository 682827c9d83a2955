package node

import (
	"crypto/rand"
	"time"
)

// origin is the name under which this process numbers its proposals, so that the
// machine applies each once however often it is sent (design rule 3).
//
// The floor that travels with a proposal is the lowest sequence somebody still
// waits for. The machine forgets the answers below it and refuses to apply
// proposals below it. A caller whose deadline has passed waits no more, so its
// sequence stops holding the floor, although copies of its proposal may be under
// way. That is safe whatever becomes of them:
//
//   - Before an entry with the higher floor is applied the machine applies the
//     first copy that comes and knows the others by its answer.
//   - After it, every copy is refused, whether one was applied before or not.
//
// So the command happens once or not at all, which is what ErrOutcomeUnknown
// says; and nobody sends the sequence again, so nobody mistakes the refusal for
// an answer. A sequence that has its answer is the same case. Floors may be
// applied out of order (an old group is sent again after a new one): the machine
// keeps the highest, and a proposal somebody waits for is never below it, since
// its own sequence bounds every floor made while it waits.
type origin struct {
	id         string
	registered bool      // the machine has answered our RegisterOrigin
	used       time.Time // when the machine last answered us

	first uint64 // the lowest open sequence, or the next one if none is open: the floor
	open  []bool // of first, first+1, …
}

func newOrigin() *origin { return &origin{id: rand.Text(), first: 1} }

// take opens the next sequence.
func (o *origin) take() uint64 {
	o.open = append(o.open, true)
	return o.first + uint64(len(o.open)) - 1
}

// settle closes a sequence: answered, or given up.
func (o *origin) settle(seq uint64) {
	if seq < o.first {
		return
	}
	o.open[seq-o.first] = false
	n := 0
	for n < len(o.open) && !o.open[n] {
		n++
	}
	o.open = o.open[n:]
	o.first += uint64(n)
}

// floor is the lowest open sequence.
func (o *origin) floor() uint64 { return o.first }

// stale says whether the origin has been silent for so long that the machine may
// soon forget it. Then a new one takes its place before the next proposal: that
// costs a registration in the proposal's own group, where a forgotten origin
// costs an attempt.
func (o *origin) stale(after time.Duration) bool {
	return o.registered && len(o.open) == 0 && time.Since(o.used) >= after
}

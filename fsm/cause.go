package fsm

import "time"

// Cause is why an attempt at an item came to nothing. Causes decide: each has its
// own attempts and back-off.
type Cause string

// The causes a worker may name, and Lost, which only the machine does.
const (
	Lost         Cause = "lost"          // nobody renewed the lease
	Drain        Cause = "drain"         // given back by a worker that leaves
	Preempted    Cause = "preempted"     // its machine was taken away
	OutOfMemory  Cause = "oom"           // the GPU's or the machine's
	BadInput     Cause = "bad_input"     // the picture itself
	Transient    Cause = "transient"     // anything that may go better next time
	Timeout      Cause = "timeout"       // it took longer than its budget
	ModelMissing Cause = "model_missing" // the worker has not what the preset needs
)

// policy is what a cause does to an item.
type policy struct {
	waits []int64 // ns before the next attempt; one more and the item is dead
	free  bool    // burns no attempt, however often
	final bool    // no next attempt
	alone bool    // from now on the item shares its lease with no other
	fault bool    // counts against the worker
}

const second = int64(time.Second)

// policies is the whole table. A cause that is not in it is Transient.
var policies = map[Cause]policy{
	Lost:         {waits: []int64{1 * second, 20 * second, 40 * second}, alone: true, fault: true},
	Transient:    {waits: []int64{2 * second, 8 * second, 30 * second}, fault: true},
	OutOfMemory:  {waits: []int64{5 * second, 30 * second}, alone: true, fault: true},
	Timeout:      {waits: []int64{5 * second, 60 * second}, alone: true, fault: true},
	ModelMissing: {waits: []int64{1 * second, 5 * second, 5 * second, 30 * second, 30 * second, 60 * second, 60 * second, 60 * second}},
	Drain:        {free: true},
	Preempted:    {free: true},
	BadInput:     {final: true},
}

// known gives a cause that is in the table.
func (c Cause) known() Cause {
	if _, ok := policies[c]; ok {
		return c
	}
	return Transient
}

// named gives the cause that a worker names: Lost is the machine's own word.
func (c Cause) named() Cause {
	if c == Lost {
		return Transient
	}
	return c.known()
}

// jitter spreads a wait by up to a tenth either way, so that items that failed
// together do not come back together. Chance comes in with the entry: the same
// on every node, none where the entry brings none.
func (tx *Tx) jitter(wait int64) int64 {
	if tx.seed == 0 || wait <= 0 {
		return wait
	}
	// SplitMix64 (Steele, Lea, Flood 2014).
	tx.seed += 0x9e3779b97f4a7c15
	z := tx.seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return wait + wait/1000*(int64(z%201)-100)
}

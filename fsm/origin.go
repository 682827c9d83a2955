package fsm

import (
	"time"

	"stoker/store"
)

// originLife is how long an origin may be silent before it is forgotten.
const originLife = int64(24 * time.Hour)

// origin is one process that proposes: rule 3 of the design.
type origin struct {
	Node     string `cbor:"1,keyasint"`
	Floor    uint64 `cbor:"2,keyasint"` // answers below it are pruned, proposals below it are refused
	LastSeen int64  `cbor:"3,keyasint"` // machine clock
}

var (
	origins = store.NewTable[origin]("origins")
	answers = store.NewTable[Outcome]("answers") // (origin, sequence)
)

// RegisterOrigin makes an origin known. It is harmless twice and keeps a known one alive.
type RegisterOrigin struct {
	Origin string `cbor:"1,keyasint"`
	Node   string `cbor:"2,keyasint"`
}

// OriginRegistered answers RegisterOrigin.
type OriginRegistered struct{}

func (c RegisterOrigin) apply(tx *Tx) (OriginRegistered, error) {
	if c.Origin == "" {
		return OriginRegistered{}, invalid("origin", "must not be empty")
	}
	if r := tooLong("origin", c.Origin); r != nil {
		return OriginRegistered{}, r
	}
	o, known := origins.Get(tx, store.Str(c.Origin))
	if !known {
		o = origin{Node: c.Node}
		setTimer(tx, tx.now()+originLife, originSilent, store.Str(c.Origin))
	}
	o.LastSeen = tx.now()
	origins.Put(tx.Tx, store.Str(c.Origin), o)
	return OriginRegistered{}, nil
}

// recall answers a proposal that was answered before, or that must not be
// applied: of an unknown origin, or below its origin's floor. It moves the floor.
func (tx *Tx) recall(p *Proposal) (Outcome, bool) {
	refuse := func(c Code, msg string) (Outcome, bool) {
		return Outcome{Index: tx.m.Index, Refusal: Refuse(c, "%s", msg)}, true
	}
	key := store.Str(p.Origin)
	o, known := origins.Get(tx, key)
	if !known {
		return refuse(OriginUnknown, "the proposal's origin is not registered or has expired")
	}
	for ; o.Floor < p.Floor; o.Floor++ {
		answers.Delete(tx.Tx, key.Uint(o.Floor))
	}
	o.LastSeen = tx.now()
	origins.Put(tx.Tx, key, o)
	if p.Seq < o.Floor {
		return refuse(SequencePassed, "the origin has given this sequence up")
	}
	return answers.Get(tx, key.Uint(p.Seq))
}

// remember keeps the answer until the origin's floor passes it.
func (tx *Tx) remember(p *Proposal, o Outcome) {
	answers.Put(tx.Tx, store.Str(p.Origin).Uint(p.Seq), o)
}

// forgetOrigin is the timer's end of a silent origin; one that spoke since is
// looked at again later.
func forgetOrigin(tx *Tx, ref store.Key) {
	o, ok := origins.Get(tx, ref)
	if !ok {
		return
	}
	if due := o.LastSeen + originLife; due > tx.now() {
		setTimer(tx, due, originSilent, ref)
		return
	}
	for k := range answers.Scan(tx, ref) {
		answers.Delete(tx.Tx, k)
	}
	origins.Delete(tx.Tx, ref)
}

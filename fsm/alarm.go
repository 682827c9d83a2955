package fsm

import (
	"slices"

	"stoker/store"
)

// Alarm is something that people must look at before more is spent: while one
// stands, the kinds that spend are refused (see row.spends).
type Alarm struct {
	Kind  AlarmKind `cbor:"1,keyasint"`
	Index uint64    `cbor:"2,keyasint"`           // the first entry known to be touched
	Nodes []string  `cbor:"3,keyasint"`           // that are suspected, in order
	Why   string    `cbor:"4,keyasint,omitempty"` // for people
	At    int64     `cbor:"5,keyasint"`           // wall clock, ns
	By    string    `cbor:"6,keyasint,omitempty"` // who raised it
}

// AlarmKind is what is wrong.
type AlarmKind string

// Divergence: nodes hold different states at the same index (design rule 8).
const Divergence AlarmKind = "divergence"

var alarms = store.NewTable[Alarm]("alarms") // by kind

// RaiseAlarm stops spending until ClearAlarm. Raised again, an alarm keeps the
// lowest index and names all nodes it was ever raised about.
type RaiseAlarm struct {
	Kind  AlarmKind `cbor:"1,keyasint"`
	Index uint64    `cbor:"2,keyasint"`
	Nodes []string  `cbor:"3,keyasint"`
	Why   string    `cbor:"4,keyasint,omitempty"`
}

func (c RaiseAlarm) apply(tx *Tx) (Alarm, error) {
	if c.Kind != Divergence {
		return Alarm{}, invalid("kind", "no kind of alarm is called %q", c.Kind)
	}
	if r := tooLong("node", append(c.Nodes, c.Why)...); r != nil {
		return Alarm{}, r
	}
	key := store.Str(string(c.Kind))
	a, stands := alarms.Get(tx, key)
	if !stands {
		a = Alarm{Kind: c.Kind, Index: c.Index, Why: c.Why, At: tx.wall(), By: tx.by}
	}
	if c.Index < a.Index {
		a.Index, a.Why = c.Index, c.Why
	}
	a.Nodes = slices.Concat(a.Nodes, c.Nodes)
	slices.Sort(a.Nodes)
	a.Nodes = slices.Compact(a.Nodes)
	alarms.Put(tx.Tx, key, a)
	tx.calm = false
	tx.say(note{Kind: noteAlarm, Text: string(a.Kind), Why: a.Why})
	return a, nil
}

// ClearAlarm lets the cluster spend again, when an operator has repaired what was wrong.
type ClearAlarm struct {
	Kind AlarmKind `cbor:"1,keyasint"`
}

func (c ClearAlarm) deed() deed { return deed{Subject: string(c.Kind)} }

func (c ClearAlarm) apply(tx *Tx) (Alarm, error) {
	key := store.Str(string(c.Kind))
	a, stands := alarms.Get(tx, key)
	if !stands {
		return Alarm{}, Refuse(NotFound, "no alarm %q stands", c.Kind)
	}
	alarms.Delete(tx.Tx, key)
	return a, nil
}

// Alarms are those that stand.
func (v *View) Alarms() []Alarm { return values(alarms.Scan(v, "")) }

// sound refuses what spends while an alarm stands.
func (tx *Tx) sound() *Refusal {
	if tx.calm {
		return nil
	}
	for _, a := range alarms.Scan(tx, "") {
		r := Refuse(Diverged, "nodes hold different states since entry %d (%s); nothing is spent until an operator has looked: `stoker verify`", a.Index, a.Why)
		r.RetryAfter = 60
		return r
	}
	tx.calm = true
	return nil
}

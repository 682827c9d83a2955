package fsm

import (
	"iter"
	"strings"
	"time"

	"stoker/store"
)

// Audited is one thing that an operator did, or was refused.
type Audited struct {
	Index   uint64 `cbor:"1,keyasint"`
	Ordinal uint32 `cbor:"2,keyasint"`
	At      int64  `cbor:"3,keyasint"` // wall clock, ns
	Who     string `cbor:"4,keyasint"` // the name of the token
	Action  string `cbor:"5,keyasint"` // the command's name, or what a Note says
	Subject string `cbor:"6,keyasint,omitempty"`
	Detail  string `cbor:"7,keyasint,omitempty"`
	Code    Code   `cbor:"8,keyasint,omitempty"` // of the refusal; "": it was done
	Request string `cbor:"9,keyasint,omitempty"` // the request's id
	Until   int64  `cbor:"10,keyasint"`          // machine clock when the row goes
}

// audits is the audit log: rows are added in the entry of the action itself.
var audits = store.NewTable[Audited]("audit") // (index, ordinal)

const (
	auditLife  = int64(400 * 24 * time.Hour) // a year and a month: what is asked for once a year is still there
	auditBatch = 200                         // rows that one timer takes away
)

// deed is what the audit log says of a command beside its name.
type deed struct {
	Action  string // instead of the command's name
	Subject string // what it was done to: a user, a job, a worker, a name
	Detail  string
}

// doer is a command that says more of itself than its name. Those of an
// operator do.
type doer interface{ deed() deed }

// operators' proposals say so in By: "admin" and the name of the token.
const operatorBy = "admin"

// audit writes down what an operator asked for, in the entry that did or refused
// it. An answer that is only repeated (same sequence, same Idempotency-Key) does
// not come here: it was done once and stands here once.
func (tx *Tx) audit(p *Proposal, name string, refused *Refusal) {
	who, ok := strings.CutPrefix(p.By, operatorBy)
	if !ok || tx.level() < 2 {
		return
	}
	d := tx.deed
	if d.Action == "" {
		d.Action = name
	}
	index, ordinal := tx.position()
	row := Audited{
		Index: index, Ordinal: ordinal, At: tx.wall(), Who: strings.TrimPrefix(who, " "),
		Action: d.Action, Subject: d.Subject, Detail: d.Detail, Request: p.RequestID, Until: tx.now() + auditLife,
	}
	if refused != nil {
		row.Code = refused.Code
	}
	if nothing(audits.Scan(tx, "")) {
		setTimer(tx, row.Until, auditOld, "")
	}
	audits.Add(tx.Tx, auditKey(index, ordinal), row)
	tx.tell(ordinal, note{Kind: noteDeed})
}

// nothing says whether there are no rows, without counting them.
func nothing[V any](rows iter.Seq2[store.Key, V]) bool {
	for range rows {
		return false
	}
	return true
}

func auditKey(index uint64, ordinal uint32) store.Key {
	return store.Uint(index).Uint(uint64(ordinal))
}

// forgetAudits takes away the oldest rows, and comes back for the next.
func forgetAudits(tx *Tx, _ store.Key) {
	n := 0
	for k, a := range audits.Scan(tx, "") {
		if a.Until > tx.now() || n == auditBatch {
			setTimer(tx, a.Until, auditOld, "")
			return
		}
		audits.Delete(tx.Tx, k)
		n++
	}
}

// Note writes an operator's action into the audit log that is no command of its
// own: a backup that was taken, a leader that was told to hand over.
type Note struct {
	Action  string `cbor:"1,keyasint"`
	Subject string `cbor:"2,keyasint,omitempty"`
	Detail  string `cbor:"3,keyasint,omitempty"`
}

// Noted answers Note.
type Noted struct{}

func (c Note) apply(*Tx) (Noted, error) {
	if c.Action == "" {
		return Noted{}, invalid("action", "must not be empty")
	}
	if r := tooLong("action", c.Action, c.Subject, c.Detail); r != nil {
		return Noted{}, r
	}
	return Noted{}, nil
}

func (c Note) deed() deed { return deed(c) }

// Audit gives the audit log, newest first, from before a mark (zero: the newest).
func (v *View) Audit(before Mark) iter.Seq[Audited] {
	return only(audits.Backward(v, "", before.key("")))
}

// AuditAfter gives the audit log from behind a mark, oldest first.
func (v *View) AuditAfter(mark Mark) iter.Seq[Audited] {
	return only(audits.ScanAfter(v, "", mark.key("")))
}

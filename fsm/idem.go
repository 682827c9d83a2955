package fsm

import (
	"bytes"
	"time"

	"stoker/store"
)

// idemLife is how long an answer is kept under its Idempotency-Key.
const idemLife = int64(24 * time.Hour)

// Idem asks for an answer to be kept under a client's Idempotency-Key, in the
// command's own entry.
type Idem struct {
	Scope string `cbor:"1,keyasint"` // user, method and path
	Key   string `cbor:"2,keyasint"`
	Hash  []byte `cbor:"3,keyasint"` // of the request: another one under the same key is refused
}

type idemRecord struct {
	Hash    []byte  `cbor:"1,keyasint"`
	Outcome Outcome `cbor:"2,keyasint"`
}

var idems = store.NewTable[idemRecord]("idempotency") // (scope, key)

func (i *Idem) row() store.Key { return store.Str(i.Scope).Str(i.Key) }

// replay answers out of the record, or refuses a different request under the same key.
func (tx *Tx) replay(p *Proposal) (Outcome, bool) {
	rec, ok := idems.Get(tx, p.Idem.row())
	switch {
	case !ok:
		return Outcome{}, false
	case !bytes.Equal(rec.Hash, p.Idem.Hash):
		return Outcome{Index: tx.m.Index, Refusal: Refuse(IdempotencyMismatch,
			"Idempotency-Key %q was used for a different request; use a new key for a new request", p.Idem.Key)}, true
	}
	o := rec.Outcome
	o.Replayed = true
	return o, true
}

// keep writes the record, but not for answers that are about the moment.
func (tx *Tx) keep(p *Proposal, o Outcome) {
	if o.Refusal != nil && o.Refusal.passing() {
		return
	}
	idems.Put(tx.Tx, p.Idem.row(), idemRecord{Hash: p.Idem.Hash, Outcome: o})
	setTimer(tx, tx.now()+idemLife, idemOld, p.Idem.row())
}

func forgetIdem(tx *Tx, ref store.Key) { idems.Delete(tx.Tx, ref) }

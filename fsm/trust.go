package fsm

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"stoker/store"
)

// Trust says which CA is to sign the nodes' certificates, and how far it is with
// taking over. A cluster whose first CA was never replaced has no such row.
type Trust struct {
	Phase   Phase    `cbor:"1,keyasint"`
	CA      []byte   `cbor:"2,keyasint"`           // its certificate, DER
	Without []string `cbor:"3,keyasint,omitempty"` // members that are not waited for, and are left behind
	Since   int64    `cbor:"4,keyasint"`           // wall clock, ns: of the phase
}

// Phase is how far a CA is with taking over. Each ends when every member has
// done its part: no member ever meets a certificate it does not believe.
type Phase string

// The phases, in their order.
const (
	Trusting Phase = "trusting" // members learn to believe the new CA beside the old one, which signs
	Signing  Phase = "signing"  // the new one signs; members have their certificates renewed
	Settled  Phase = "settled"  // the old one is believed no more; its key is gone
)

var nextPhase = map[Phase]Phase{Trusting: Signing, Signing: Settled}

var trusts = store.NewTable[Trust]("trust") // one row

var trustKey = store.Str("ca")

const (
	maxCA      = 16 << 10 // bytes of a CA's certificate
	maxWithout = 64
)

// AuthorityID names a CA by its certificate (DER): the SHA-256 in hex.
func AuthorityID(cert []byte) string {
	sum := sha256.Sum256(cert)
	return hex.EncodeToString(sum[:])
}

// RotateCA brings a new CA, which from now on every member is to believe.
type RotateCA struct {
	Cert    []byte   `cbor:"1,keyasint"` // DER
	Sealed  []byte   `cbor:"2,keyasint"` // its key
	SealKey string   `cbor:"3,keyasint,omitempty"`
	Without []string `cbor:"4,keyasint,omitempty"`
}

func (c RotateCA) apply(tx *Tx) (Trust, error) {
	if r := tx.begun(); r != nil {
		return Trust{}, r
	}
	if len(c.Cert) == 0 || len(c.Cert) > maxCA || len(c.Sealed) == 0 || len(c.Sealed) > maxSealed {
		return Trust{}, invalid("cert", "a certificate and its sealed key are needed, of a few KiB each")
	}
	if r := leftOut(c.Without); r != nil {
		return Trust{}, r
	}
	if r := tx.sealed(c.SealKey); r != nil {
		return Trust{}, r
	}
	if t, ok := trusts.Get(tx, trustKey); ok && t.Phase != Settled {
		return Trust{}, Refuse(Unavailable, "a new CA is taking over already, and is %s; try again", t.Phase)
	}
	id := AuthorityID(c.Cert)
	if secrets.Has(tx, secretKey(UseCA, id)) {
		return Trust{}, invalid("cert", "is the present CA's")
	}
	putSecret(tx, UseCA, Secret{ID: id, Sealed: c.Sealed})
	t := Trust{Phase: Trusting, CA: c.Cert, Without: c.Without, Since: tx.wall()}
	trusts.Put(tx.Tx, trustKey, t)
	return t, nil
}

func (c RotateCA) deed() deed { return deed{Subject: AuthorityID(c.Cert)} }

// leftOut refuses a list of members that is none.
func leftOut(ids []string) *Refusal {
	if len(ids) > maxWithout {
		return invalid("without", "may name %d members", maxWithout)
	}
	return tooLong("without", ids...)
}

// StepCA takes the new CA into its next phase, or changes within a phase whom it
// does not wait for. The leader proposes the steps once all members are ready.
type StepCA struct {
	CA      string   `cbor:"1,keyasint"` // AuthorityID: a step of an older rotation changes nothing
	To      Phase    `cbor:"2,keyasint"`
	Without []string `cbor:"3,keyasint,omitempty"`
}

func (c StepCA) apply(tx *Tx) (Trust, error) {
	if r := leftOut(c.Without); r != nil {
		return Trust{}, r
	}
	t, ok := trusts.Get(tx, trustKey)
	switch {
	case !ok || AuthorityID(t.CA) != c.CA || t.Phase == Settled:
		return Trust{}, Refuse(NotFound, "no such CA is taking over: `stoker cert rotate` begins it")
	case c.To == t.Phase:
		t.Without = c.Without
	case c.To == nextPhase[t.Phase] && slices.Equal(c.Without, t.Without):
		t.Phase, t.Since = c.To, tx.wall()
	default:
		return Trust{}, Refuse(Unavailable, "the new CA is %s, or whom it waits for has changed; try again", t.Phase)
	}
	if t.Phase == Settled {
		for k, s := range secrets.Scan(tx, store.Str(UseCA)) {
			if s.ID != c.CA {
				secrets.Delete(tx.Tx, k)
			}
		}
	}
	trusts.Put(tx.Tx, trustKey, t)
	return t, nil
}

func (c StepCA) deed() deed { return deed{Subject: c.CA, Detail: string(c.To)} }

// Trust says how far a new CA is. ok is false while the first one was never replaced.
func (v *View) Trust() (t Trust, ok bool) { return trusts.Get(v, trustKey) }

// SigningCA is the sealed key of the CA that signs nodes' certificates now.
func (v *View) SigningCA() (Secret, bool) {
	t, rotated := v.Trust()
	for _, s := range v.Secrets(UseCA) {
		if !rotated || (s.ID == AuthorityID(t.CA)) == (t.Phase != Trusting) {
			return s, len(s.Sealed) > 0
		}
	}
	return Secret{}, false
}

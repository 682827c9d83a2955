package fsm

import "stoker/store"

// KeepACME keeps what an ACME client wants to find again on every node: account
// key, certificates, challenges that are under way. Nothing sealed forgets it.
type KeepACME struct {
	Name    string `cbor:"1,keyasint"`
	Sealed  []byte `cbor:"2,keyasint,omitempty"`
	SealKey string `cbor:"3,keyasint,omitempty"` // see PutSecret
}

// ACMEKept answers KeepACME.
type ACMEKept struct{}

// maxACME is how many names there may be: three for each domain.
const maxACME = 64

func (c KeepACME) apply(tx *Tx) (ACMEKept, error) {
	if c.Name == "" || len(c.Sealed) > maxSealed {
		return ACMEKept{}, invalid("name", "a name is needed, and at most 16 KiB")
	}
	if r := tooLong("name", c.Name); r != nil {
		return ACMEKept{}, r
	}
	key := secretKey(UseACME, c.Name)
	if len(c.Sealed) == 0 {
		secrets.Delete(tx.Tx, key)
		return ACMEKept{}, nil
	}
	if r := tx.sealed(c.SealKey); r != nil {
		return ACMEKept{}, r
	}
	if !secrets.Has(tx, key) && secrets.Len(tx, store.Str(UseACME)) >= maxACME {
		return ACMEKept{}, invalid("name", "there are %d names; use fewer domains", maxACME)
	}
	putSecret(tx, UseACME, Secret{ID: c.Name, Sealed: c.Sealed})
	return ACMEKept{}, nil
}

// ACME finds what was kept under a name. It is sealed.
func (v *View) ACME(name string) (Secret, bool) { return v.SecretOf(UseACME, name) }

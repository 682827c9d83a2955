package fsm

import (
	"bytes"
	"crypto/sha256"

	"stoker/store"
)

// Secret is a sealed value under a public name (a key id, an access key).
type Secret struct {
	ID        string `cbor:"1,keyasint"`
	Sealed    []byte `cbor:"2,keyasint"`
	CreatedAt int64  `cbor:"3,keyasint"`           // wall clock, ns
	Until     int64  `cbor:"4,keyasint,omitempty"` // machine clock when it goes; 0: never

	Key *AccessKey `cbor:"20,keyasint,omitempty"` // of the use UseKey: what it is for
}

var secrets = store.NewTable[Secret]("secrets") // (use, id)

// The uses of a secret; also the purpose it is sealed for, but for those that
// operators make: theirs is bound to the name too.
const (
	UseCA     = "ca"
	UseJWT    = "jwt"
	UseObject = "object"
	UseNamed  = "named"
	UseKey    = "key"
	UseACME   = "acme"
)

const (
	maxSecrets = 256
	maxSealed  = 17 << 10 // a value of 16 KiB; all of them fit into one entry, see Rekey
	maxJWTKeys = 16
)

func secretKey(use, id string) store.Key { return store.Str(use).Str(id) }

func putSecret(tx *Tx, use string, s Secret) {
	s.CreatedAt = tx.wall()
	secrets.Put(tx.Tx, secretKey(use, s.ID), s)
}

// PutSecret keeps an operator's secret, or replaces it.
type PutSecret struct {
	Name    string `cbor:"1,keyasint"`
	Sealed  []byte `cbor:"2,keyasint"`
	SealKey string `cbor:"3,keyasint,omitempty"` // as in View.SealKey: with which key it was sealed

	Life int64 `cbor:"150,keyasint,omitempty"` // ns, after which it is forgotten; 0: kept for good. From level 3 on
}

// SecretPut answers PutSecret.
type SecretPut struct {
	Replaced bool `cbor:"1,keyasint,omitempty"`
}

func (c PutSecret) apply(tx *Tx) (SecretPut, error) {
	if c.Name == "" || len(c.Sealed) == 0 {
		return SecretPut{}, invalid("name", "a name and a value are needed")
	}
	if len(c.Sealed) > maxSealed {
		return SecretPut{}, invalid("value", "may have 16 KiB")
	}
	if r := tooLong("name", c.Name); r != nil {
		return SecretPut{}, r
	}
	if r := tx.sealed(c.SealKey); r != nil {
		return SecretPut{}, r
	}
	switch {
	case c.Life != 0 && tx.level() < 3:
		return SecretPut{}, LifeTooEarly(tx.level())
	case c.Life < 0 || c.Life > century:
		return SecretPut{}, invalid("life", "must be up to a hundred years, or 0 for good")
	}
	key := secretKey(UseNamed, c.Name)
	old, replaced := secrets.Get(tx, key)
	if !replaced && secrets.Len(tx, store.Str(UseNamed)) >= maxSecrets {
		return SecretPut{}, invalid("name", "there are %d secrets; delete some first", maxSecrets)
	}
	s := Secret{ID: c.Name, Sealed: c.Sealed}
	if c.Life > 0 {
		s.Until = tx.now() + c.Life
		setTimer(tx, s.Until, secretOld, key)
	}
	putSecret(tx, UseNamed, s)
	if old.Until != 0 && old.Until != s.Until {
		clearTimer(tx, old.Until, secretOld, key)
	}
	if replaced {
		tx.changes.revoked(SecretHolder(c.Name))
	}
	return SecretPut{Replaced: replaced}, nil
}

// LifeTooEarly refuses a secret's life below level 3. Who proposes asks as well: an
// older node would keep the secret, and for good.
func LifeTooEarly(level uint64) *Refusal {
	return Refuse(FeatureLevel, "a secret that ends by itself needs feature level 3 and the cluster is at %d: when all nodes run the new version, `stoker upgrade finalize` raises it", level)
}

func (c PutSecret) deed() deed { return deed{Subject: c.Name} }

// sealed refuses what was sealed with a key that is not in force any more: the
// operator may throw the old one away as soon as Rekey was answered.
func (tx *Tx) sealed(key string) *Refusal {
	if key != tx.m.SealKey {
		return Refuse(Unavailable, "the seal key has just changed; try again")
	}
	return nil
}

// SecretHolder is how whoever came in with a secret is called in Changes.Revoked.
func SecretHolder(name string) string { return "secret " + name }

// DeleteSecret forgets an operator's secret.
type DeleteSecret struct {
	Name string `cbor:"1,keyasint"`
}

// SecretDeleted answers DeleteSecret.
type SecretDeleted struct{}

func (c DeleteSecret) apply(tx *Tx) (SecretDeleted, error) {
	key := secretKey(UseNamed, c.Name)
	s, ok := secrets.Get(tx, key)
	if !ok {
		return SecretDeleted{}, Refuse(NotFound, "no secret %.80q", c.Name)
	}
	if s.Until != 0 {
		clearTimer(tx, s.Until, secretOld, key)
	}
	secrets.Delete(tx.Tx, key)
	tx.changes.revoked(SecretHolder(c.Name))
	return SecretDeleted{}, nil
}

func (c DeleteSecret) deed() deed { return deed{Subject: c.Name} }

// Rekey puts every secret under another seal key, all of them or none.
type Rekey struct {
	SealKey string     `cbor:"1,keyasint"` // the new one, as nodes call it
	Secrets []Resealed `cbor:"2,keyasint"`
}

// Resealed is a secret under the new key.
type Resealed struct {
	Use    string   `cbor:"1,keyasint"`
	ID     string   `cbor:"2,keyasint"`
	Was    [32]byte `cbor:"3,keyasint"` // SHA-256 of what it was sealed as
	Sealed []byte   `cbor:"4,keyasint"`
}

// Rekeyed answers Rekey.
type Rekeyed struct{}

func (c Rekey) apply(tx *Tx) (Rekeyed, error) {
	if c.SealKey == "" || len(c.SealKey) > maxName {
		return Rekeyed{}, invalid("seal_key", "must have 1 to %d bytes", maxName)
	}
	changed := Refuse(Unavailable, "a secret has changed meanwhile; try again")
	brought := map[store.Key]bool{}
	for _, r := range c.Secrets {
		key := secretKey(r.Use, r.ID)
		s, ok := secrets.Get(tx, key)
		if !ok || sha256.Sum256(s.Sealed) != r.Was {
			return Rekeyed{}, changed
		}
		brought[key] = true
	}
	for k, s := range secrets.Scan(tx, "") {
		if !brought[k] && len(s.Sealed) > 0 {
			return Rekeyed{}, changed
		}
	}
	for _, r := range c.Secrets {
		key := secretKey(r.Use, r.ID)
		s, _ := secrets.Get(tx, key)
		s.Sealed = r.Sealed
		secrets.Put(tx.Tx, key, s)
	}
	tx.m.SealKey = c.SealKey
	return Rekeyed{}, nil
}

func (c Rekey) deed() deed { return deed{Subject: c.SealKey} }

// RollJWT has tokens of the app signed with a new key. The older keys verify for
// as long as a token lives, or from now on no more.
type RollJWT struct {
	ID      string `cbor:"1,keyasint"`
	Sealed  []byte `cbor:"2,keyasint"`
	SealKey string `cbor:"3,keyasint,omitempty"` // see PutSecret
	Drop    bool   `cbor:"4,keyasint,omitempty"` // the older ones, and with them everybody's token
}

// JWTRolled answers RollJWT.
type JWTRolled struct {
	Keys int `cbor:"1,keyasint"` // that verify now
}

func (c RollJWT) apply(tx *Tx) (JWTRolled, error) {
	if c.ID == "" || len(c.Sealed) == 0 || secrets.Has(tx, secretKey(UseJWT, c.ID)) {
		return JWTRolled{}, invalid("id", "a new id and a key are needed")
	}
	if r := tooLong("id", c.ID); r != nil {
		return JWTRolled{}, r
	}
	if r := tx.sealed(c.SealKey); r != nil {
		return JWTRolled{}, r
	}
	n := secrets.Len(tx, store.Str(UseJWT))
	if n >= maxJWTKeys && !c.Drop {
		return JWTRolled{}, invalid("drop", "%d keys verify; older ones go by themselves, or all at once with drop", n)
	}
	made := tx.wall()
	for k, s := range secrets.Scan(tx, store.Str(UseJWT)) {
		made = max(made, s.CreatedAt+1) // the newest signs: two rolls in one entry must not tie
		switch {
		case c.Drop:
			clearTimer(tx, s.Until, secretOld, k)
			secrets.Delete(tx.Tx, k)
			n--
		case s.Until == 0:
			s.Until = tx.now() + longestTokenLife(tx)
			setTimer(tx, s.Until, secretOld, k)
			secrets.Put(tx.Tx, k, s)
		}
	}
	secrets.Put(tx.Tx, secretKey(UseJWT, c.ID), Secret{ID: c.ID, Sealed: bytes.Clone(c.Sealed), CreatedAt: made})
	return JWTRolled{Keys: n + 1}, nil
}

func (c RollJWT) deed() deed {
	if c.Drop {
		return deed{Subject: c.ID, Detail: "the older keys are dropped"}
	}
	return deed{Subject: c.ID}
}

// forgetSecret is the end of a key that has nothing left to verify, and of an
// operator's secret that was kept for a while.
func forgetSecret(tx *Tx, ref store.Key) {
	secrets.Delete(tx.Tx, ref)
	if use, rest := ref.PopStr(); use == UseNamed {
		name, _ := rest.PopStr()
		tx.changes.revoked(SecretHolder(name))
	}
}

// SealKey names the key that secrets are sealed with: "" before the first Rekey.
func (v *View) SealKey() string { return v.meta.SealKey }

// Secrets of a use, as in UseJWT. They are sealed.
func (v *View) Secrets(use string) []Secret { return values(secrets.Scan(v, store.Str(use))) }

// SecretOf finds one secret of a use. It is sealed.
func (v *View) SecretOf(use, id string) (Secret, bool) { return secrets.Get(v, secretKey(use, id)) }

// Secret finds an operator's secret. It is sealed.
func (v *View) Secret(name string) (Secret, bool) { return v.SecretOf(UseNamed, name) }

// AllSecrets gives every secret under its use.
func (v *View) AllSecrets() map[string][]Secret {
	all := map[string][]Secret{}
	for k, s := range secrets.Scan(v, "") {
		use, _ := k.PopStr()
		all[use] = append(all[use], s)
	}
	return all
}

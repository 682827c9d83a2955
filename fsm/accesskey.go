package fsm

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"stoker/store"
)

// AccessKey is what an operator's access key to the object store may do. Its
// secret is a [Secret] of the use UseKey, under the access key itself.
type AccessKey struct {
	Name    string    `cbor:"1,keyasint"` // unique
	Access  KeyAccess `cbor:"2,keyasint"`
	Prefix  string    `cbor:"3,keyasint,omitempty"` // of all keys it is for; "": all
	Expires int64     `cbor:"4,keyasint,omitempty"` // wall clock, ns; 0: never
	By      string    `cbor:"5,keyasint,omitempty"` // who made it
}

// KeyAccess is what may be done with the objects under a key's prefix.
type KeyAccess string

// The kinds of access.
const (
	KeyRead      KeyAccess = "read"
	KeyWrite     KeyAccess = "write"
	KeyReadWrite KeyAccess = "read-write"
)

const (
	maxAccessKeys = 1000    // all secrets fit into one entry, see Rekey
	maxSealedKey  = 1 << 10 // bytes
)

// Reads says whether objects may be read and listed.
func (k AccessKey) Reads() bool { return k.Access == KeyRead || k.Access == KeyReadWrite }

// Writes says whether objects may be put and deleted.
func (k AccessKey) Writes() bool { return k.Access == KeyWrite || k.Access == KeyReadWrite }

// Expired says whether it opens nothing any more at a wall clock reading.
func (k AccessKey) Expired(now time.Time) bool { return k.Expires != 0 && now.UnixNano() >= k.Expires }

// CreateKey makes an access key known. It and its secret were made by whoever
// asks; the secret comes here sealed.
type CreateKey struct {
	ID      string    `cbor:"1,keyasint"` // the access key
	Name    string    `cbor:"2,keyasint"`
	Access  KeyAccess `cbor:"3,keyasint"`
	Prefix  string    `cbor:"4,keyasint,omitempty"`
	Life    int64     `cbor:"5,keyasint,omitempty"` // ns; 0: no end
	Sealed  []byte    `cbor:"6,keyasint"`
	SealKey string    `cbor:"7,keyasint,omitempty"` // see PutSecret
}

// apply answers with the key's row but for what is sealed.
func (c CreateKey) apply(tx *Tx) (Secret, error) {
	if r := c.check(); r != nil {
		return Secret{}, r
	}
	if r := tx.sealed(c.SealKey); r != nil {
		return Secret{}, r
	}
	if secrets.Has(tx, secretKey(UseObject, c.ID)) {
		return Secret{}, invalid("access_key", "is taken; make another one")
	}
	n := 0
	for _, s := range secrets.Scan(tx, store.Str(UseKey)) {
		n++
		k := *s.Key
		switch {
		case s.ID == c.ID && k.Name == c.Name && k.Access == c.Access && k.Prefix == c.Prefix:
			return s.shown(), nil // asked again
		case s.ID == c.ID:
			return Secret{}, invalid("access_key", "is known under another name, or for something else")
		case k.Name == c.Name:
			return Secret{}, invalid("name", "%q is taken; revoke it or choose another one", c.Name)
		}
	}
	if n >= maxAccessKeys {
		return Secret{}, invalid("name", "there are %d access keys; revoke some first", n)
	}
	s := Secret{ID: c.ID, Sealed: c.Sealed, CreatedAt: tx.wall()}
	s.Key = &AccessKey{Name: c.Name, Access: c.Access, Prefix: c.Prefix, By: tx.by}
	key := secretKey(UseKey, c.ID)
	if c.Life > 0 {
		s.Key.Expires, s.Until = tx.wall()+c.Life, tx.now()+c.Life+tokenKept
		setTimer(tx, s.Until, secretOld, key)
	}
	secrets.Put(tx.Tx, key, s)
	return s.shown(), nil
}

func (c CreateKey) check() *Refusal {
	switch {
	case c.ID == "" || len(c.ID) > 64 || strings.ContainsAny(c.ID, "/ "):
		return invalid("access_key", "must have 1 to 64 bytes and no slash")
	case c.Name == "" || len(c.Name) > maxName:
		return invalid("name", "must have 1 to %d bytes", maxName)
	case c.Access != KeyRead && c.Access != KeyWrite && c.Access != KeyReadWrite:
		return invalid("access", "must be %s, %s or %s", KeyRead, KeyWrite, KeyReadWrite)
	case len(c.Prefix) > maxName || !utf8.ValidString(c.Prefix) || strings.ContainsFunc(c.Prefix, unicode.IsControl) || strings.HasPrefix(c.Prefix, "/"):
		return invalid("prefix", "must be the beginning of a key: %d bytes of text at most, without a slash in front", maxName)
	case c.Life < 0 || c.Life > maxLife:
		return invalid("expires_in_s", "must be at most ten years")
	case len(c.Sealed) == 0 || len(c.Sealed) > maxSealedKey:
		return invalid("secret_key", "is needed, and may have %d bytes when it is sealed", maxSealedKey)
	}
	return nil
}

func (c CreateKey) deed() deed {
	return deed{Subject: c.Name, Detail: strings.TrimSuffix(c.ID+" "+string(c.Access)+" "+c.Prefix, " ")}
}

// shown leaves out what only nodes need.
func (s Secret) shown() Secret {
	s.Sealed = nil
	return s
}

// RevokeKey forgets an access key: a node that has applied this lets nothing more
// in by it.
type RevokeKey struct {
	Name string `cbor:"1,keyasint"` // or the access key itself
}

// KeyRevoked answers RevokeKey.
type KeyRevoked struct {
	ID   string `cbor:"1,keyasint"`
	Name string `cbor:"2,keyasint"`
}

func (c RevokeKey) apply(tx *Tx) (KeyRevoked, error) {
	var found *Secret
	for _, s := range secrets.Scan(tx, store.Str(UseKey)) {
		if s.Key.Name == c.Name || found == nil && s.ID == c.Name {
			found = &s
		}
	}
	if found == nil {
		return KeyRevoked{}, Refuse(NotFound, "no access key %.80q", c.Name)
	}
	key := secretKey(UseKey, found.ID)
	clearTimer(tx, found.Until, secretOld, key)
	secrets.Delete(tx.Tx, key)
	return KeyRevoked{ID: found.ID, Name: found.Key.Name}, nil
}

func (c RevokeKey) deed() deed { return deed{Subject: c.Name} }

// AccessKey finds an operator's access key; its secret is sealed. An expired one
// is found for a while.
func (v *View) AccessKey(id string) (Secret, bool) { return v.SecretOf(UseKey, id) }

// AccessKeys lists operators' access keys by name.
func (v *View) AccessKeys() []Secret {
	all := v.Secrets(UseKey)
	slices.SortFunc(all, func(a, b Secret) int { return cmp.Compare(a.Key.Name, b.Key.Name) })
	return all
}

package fsm

import (
	"bytes"

	"stoker/store"
)

// JoinToken lets one node in, once, until it expires. Only the hash of its secret
// is kept.
type JoinToken struct {
	ID        string `cbor:"1,keyasint"`
	Hash      []byte `cbor:"2,keyasint"`           // SHA-256 of the secret
	For       string `cbor:"3,keyasint,omitempty"` // the only node id it is good for; "": any
	Note      string `cbor:"4,keyasint,omitempty"`
	By        string `cbor:"5,keyasint,omitempty"`
	CreatedAt int64  `cbor:"6,keyasint"` // wall clock, ns
	Due       int64  `cbor:"7,keyasint"` // machine clock, ns: when it is forgotten

	UsedBy      string `cbor:"8,keyasint,omitempty"` // the node that it let in
	Incarnation string `cbor:"9,keyasint,omitempty"` // that node's
}

var joinTokens = store.NewTable[JoinToken]("joins")

// The life of a join token.
const (
	minJoinLife = int64(60e9)
	maxJoinLife = 30 * 24 * 3600 * int64(1e9)
)

// CreateJoinToken makes a join token known.
type CreateJoinToken struct {
	ID   string `cbor:"1,keyasint"`
	Hash []byte `cbor:"2,keyasint"`
	TTL  int64  `cbor:"3,keyasint"` // ns
	For  string `cbor:"4,keyasint,omitempty"`
	Note string `cbor:"5,keyasint,omitempty"`
}

func (c CreateJoinToken) deed() deed {
	if c.For == "" {
		return deed{Subject: c.ID, Detail: "for any node"}
	}
	return deed{Subject: c.ID, Detail: "for " + c.For}
}

func (c CreateJoinToken) apply(tx *Tx) (JoinToken, error) {
	if r := tx.begun(); r != nil {
		return JoinToken{}, r
	}
	if r := tooLong("id", c.ID, c.For, c.Note); r != nil {
		return JoinToken{}, r
	}
	switch {
	case c.ID == "" || len(c.Hash) != 32:
		return JoinToken{}, invalid("id", "needs an id and the SHA-256 of a secret")
	case c.TTL < minJoinLife || c.TTL > maxJoinLife:
		return JoinToken{}, invalid("ttl", "must be between one minute and 30 days")
	case joinTokens.Has(tx, store.Str(c.ID)):
		return JoinToken{}, invalid("id", "there is a join token %s", c.ID)
	}
	if c.For != "" {
		if r := tx.vacant(c.For); r != nil {
			return JoinToken{}, r
		}
	}
	t := JoinToken{ID: c.ID, Hash: c.Hash, For: c.For, Note: c.Note, By: tx.by, CreatedAt: tx.wall(), Due: tx.now() + c.TTL}
	joinTokens.Put(tx.Tx, store.Str(c.ID), t)
	setTimer(tx, t.Due, joinTokenOld, store.Str(c.ID))
	return t, nil
}

// UseJoinToken lets a node in: from then on it is a member, without a vote until
// it has caught up. The same node may say it twice, since it may have missed the answer.
type UseJoinToken struct {
	Token  string    `cbor:"1,keyasint"`
	Hash   []byte    `cbor:"2,keyasint"`
	Member SetMember `cbor:"3,keyasint"`
}

func (c UseJoinToken) apply(tx *Tx) (Member, error) {
	if r := tooLong("token", c.Token); r != nil {
		return Member{}, r
	}
	t, known := joinTokens.Get(tx, store.Str(c.Token))
	if r := t.opens(known, c.Hash, c.Member.ID); r != nil {
		return Member{}, r
	}
	if r := tx.admit(c.Member); r != nil {
		return Member{}, r
	}
	if t.UsedBy != "" {
		m, seated := members.Get(tx, store.Str(c.Member.ID))
		if seated && t.UsedBy == c.Member.ID && t.Incarnation == c.Member.Incarnation {
			return m, nil
		}
		return Member{}, Refuse(JoinRefused, "the join token %s has let %s in and is good for one node: `stoker token create` makes another", t.ID, t.UsedBy)
	}
	if r := tx.vacant(c.Member.ID); r != nil {
		return Member{}, r
	}
	t.UsedBy, t.Incarnation = c.Member.ID, c.Member.Incarnation
	joinTokens.Put(tx.Tx, store.Str(t.ID), t)
	return tx.seat(c.Member.over(Member{})), nil
}

// opens refuses who may not come in by this token.
func (t JoinToken) opens(known bool, hash []byte, id string) *Refusal {
	switch {
	case !known:
		return Refuse(JoinRefused, "the join token is unknown: it has expired or was revoked; `stoker token create` makes another")
	case !bytes.Equal(t.Hash, hash):
		return Refuse(JoinRefused, "the join token's secret is wrong: copy the whole token")
	case t.For != "" && t.For != id:
		return Refuse(JoinRefused, "the join token is for node %s, not for %s", t.For, id)
	}
	return nil
}

// MayJoin says why a token does not let a node in, nil if it does, as far as can
// be known before it is used.
func (v *View) MayJoin(token string, hash []byte, node string) error {
	if r := tooLong("token", token, node); r != nil {
		return r
	}
	t, known := joinTokens.Get(v, store.Str(token))
	if r := t.opens(known, hash, node); r != nil {
		return r
	}
	return nil
}

// vacant refuses an id that is taken, or was.
func (tx *Tx) vacant(id string) *Refusal {
	if members.Has(tx, store.Str(id)) {
		return Refuse(MemberExists, "there is a member %s: choose another id, or remove it first and then choose another id", id)
	}
	return tx.alive(id)
}

// RevokeJoinToken makes a join token worthless. Who came in by it stays.
type RevokeJoinToken struct {
	ID string `cbor:"1,keyasint"`
}

// JoinTokenRevoked answers RevokeJoinToken.
type JoinTokenRevoked struct{}

func (c RevokeJoinToken) deed() deed { return deed{Subject: c.ID} }

func (c RevokeJoinToken) apply(tx *Tx) (JoinTokenRevoked, error) {
	if r := tooLong("id", c.ID); r != nil {
		return JoinTokenRevoked{}, r
	}
	t, known := joinTokens.Get(tx, store.Str(c.ID))
	if !known {
		return JoinTokenRevoked{}, Refuse(NotFound, "no join token %q: it has expired or was revoked", c.ID)
	}
	clearTimer(tx, t.Due, joinTokenOld, store.Str(c.ID))
	joinTokens.Delete(tx.Tx, store.Str(c.ID))
	return JoinTokenRevoked{}, nil
}

// forgetJoinToken is what its timer does.
func forgetJoinToken(tx *Tx, ref store.Key) { joinTokens.Delete(tx.Tx, ref) }

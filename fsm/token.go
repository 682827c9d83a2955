package fsm

import (
	"strings"
	"time"

	"stoker/store"
)

// Token is an operator's or a worker's token, of which only the hash is kept.
type Token struct {
	Kind      TokenKind `cbor:"1,keyasint"`
	CreatedAt int64     `cbor:"2,keyasint"`           // wall clock, ns
	Name      string    `cbor:"3,keyasint,omitempty"` // unique; those of Genesis have none, see named
	Scope     Scope     `cbor:"4,keyasint,omitempty"` // of an operator's; "": admin
	Expires   int64     `cbor:"5,keyasint,omitempty"` // wall clock, ns; 0: never
	Until     int64     `cbor:"6,keyasint,omitempty"` // machine clock when the row goes
	By        string    `cbor:"7,keyasint,omitempty"` // who made it
}

// TokenKind is what a token opens.
type TokenKind string

// The kinds of token.
const (
	AdminToken  TokenKind = "admin" // an operator's, whatever its scope
	WorkerToken TokenKind = "worker"
)

// Scope is how much an operator's token may do. Each includes those before it.
type Scope string

// The scopes.
const (
	ScopeRead    Scope = "read"    // look
	ScopeOperate Scope = "operate" // run the queue, its jobs and workers
	ScopeAdmin   Scope = "admin"   // tokens, secrets, members, money
)

// scopes are in order of power.
var scopes = map[Scope]int{ScopeRead: 1, ScopeOperate: 2, ScopeAdmin: 3}

// tokens are all that open something, by SHA-256.
var tokens = store.NewTable[Token]("tokens")

const (
	maxTokens = 1000                             // that there may be at once: names are looked for one by one
	maxLife   = int64(10 * 365 * 24 * time.Hour) // of a token that expires
	tokenKept = int64(30 * 24 * time.Hour)       // a row after its token has expired: people ask what it was
)

// named fills in what the tokens of Genesis do not say.
func (t Token) named() Token {
	if t.Name == "" {
		t.Name = "first " + string(t.Kind)
	}
	if t.Kind == AdminToken && t.Scope == "" {
		t.Scope = ScopeAdmin
	}
	return t
}

// Allows says whether an operator's token may do what needs a scope.
func (t Token) Allows(s Scope) bool {
	return t.Kind == AdminToken && scopes[t.named().Scope] >= scopes[s]
}

// Expired says whether it opens nothing any more at a wall clock reading.
func (t Token) Expired(now time.Time) bool { return t.Expires != 0 && now.UnixNano() >= t.Expires }

// Holder is how a token's owner is called as the one who asks.
func (t Token) Holder() string { return string(t.Kind) + " " + t.named().Name }

// CreateToken makes a token known by its hash: the text was made by whoever will
// use it, and never travels before it is used.
type CreateToken struct {
	Hash  [32]byte  `cbor:"1,keyasint"` // SHA-256 of the text
	Kind  TokenKind `cbor:"2,keyasint"`
	Scope Scope     `cbor:"3,keyasint,omitempty"` // of an operator's
	Name  string    `cbor:"4,keyasint"`
	Life  int64     `cbor:"5,keyasint,omitempty"` // ns; 0: no end
}

func (c CreateToken) apply(tx *Tx) (Token, error) {
	if r := c.check(); r != nil {
		return Token{}, r
	}
	n := 0
	for k, t := range tokens.Scan(tx, "") {
		n++
		switch same := k == tokenKey(c.Hash); {
		case same && t.Name == c.Name && t.Kind == c.Kind && t.Scope == c.Scope:
			return t, nil // asked again
		case same:
			return Token{}, invalid("token_sha256", "this token is known under another name")
		case t.named().Name == c.Name:
			return Token{}, invalid("name", "%q is taken; revoke it or choose another one", c.Name)
		}
	}
	if n >= maxTokens {
		return Token{}, invalid("name", "there are %d tokens; revoke some first", n)
	}
	t := Token{Kind: c.Kind, Scope: c.Scope, Name: c.Name, CreatedAt: tx.wall(), By: tx.by}
	if c.Life > 0 {
		t.Expires, t.Until = tx.wall()+c.Life, tx.now()+c.Life+tokenKept
		setTimer(tx, t.Until, tokenOld, tokenKey(c.Hash))
	}
	tokens.Put(tx.Tx, tokenKey(c.Hash), t)
	return t, nil
}

func (c CreateToken) check() *Refusal {
	switch {
	case c.Name == "" || len(c.Name) > maxName:
		return invalid("name", "must have 1 to %d bytes", maxName)
	case c.Kind != AdminToken && c.Kind != WorkerToken:
		return invalid("kind", "must be %s or %s", AdminToken, WorkerToken)
	case c.Kind == AdminToken && scopes[c.Scope] == 0:
		return invalid("scope", "must be %s, %s or %s", ScopeRead, ScopeOperate, ScopeAdmin)
	case c.Kind == WorkerToken && c.Scope != "":
		return invalid("scope", "is for operators; a worker's token opens the queue and nothing else")
	case c.Life < 0 || c.Life > maxLife:
		return invalid("expires_in_s", "must be at most ten years")
	}
	return nil
}

func (c CreateToken) deed() deed {
	return deed{Subject: c.Name, Detail: strings.TrimSuffix(string(c.Kind)+" "+string(c.Scope), " ")}
}

func tokenKey(hash [32]byte) store.Key { return store.Str(string(hash[:])) }

// RevokeToken forgets a token: from this entry on it opens nothing.
type RevokeToken struct {
	Name string `cbor:"1,keyasint"`
}

// TokenRevoked answers RevokeToken.
type TokenRevoked struct{}

func (c RevokeToken) apply(tx *Tx) (TokenRevoked, error) {
	var gone []store.Key
	remains := false // a token that can make others, for good
	for k, t := range tokens.Scan(tx, "") {
		if t.named().Name == c.Name {
			gone = append(gone, k)
		} else if t.Allows(ScopeAdmin) && t.Expires == 0 {
			remains = true
		}
	}
	if len(gone) == 0 {
		return TokenRevoked{}, Refuse(NotFound, "no token %.80q", c.Name)
	}
	if t, _ := tokens.Get(tx, gone[0]); t.Allows(ScopeAdmin) && !remains {
		return TokenRevoked{}, invalid("name", "it is the last one of scope admin that does not expire; make another one first")
	}
	for _, k := range gone {
		t, _ := tokens.Get(tx, k)
		endToken(tx, k, t)
	}
	return TokenRevoked{}, nil
}

func (c RevokeToken) deed() deed { return deed{Subject: c.Name} }

// endToken takes a token's row away, and its timer.
func endToken(tx *Tx, k store.Key, t Token) {
	clearTimer(tx, t.Until, tokenOld, k)
	tokens.Delete(tx.Tx, k)
	tx.changes.revoked(t.Holder())
}

// forgetToken is the end of an expired token's row.
func forgetToken(tx *Tx, ref store.Key) { tokens.Delete(tx.Tx, ref) }

// Token finds a token by the SHA-256 of its text, expired ones for a while.
func (v *View) Token(sum [32]byte) (Token, bool) {
	t, ok := tokens.Get(v, tokenKey(sum))
	return t.named(), ok
}

// Tokens gives all tokens by their hashes.
func (v *View) Tokens() map[[32]byte]Token {
	all := map[[32]byte]Token{}
	for k, t := range tokens.Scan(v, "") {
		text, _ := k.PopStr()
		all[[32]byte([]byte(text))] = t.named()
	}
	return all
}

package client

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// TokenKind is whose a token is.
type TokenKind string

// The kinds of token.
const (
	OperatorToken TokenKind = "operator"
	WorkerToken   TokenKind = "worker"
)

// AccessToken is a token as the cluster knows it: by everything but its text.
type AccessToken struct {
	Name      string     `json:"name"`
	Kind      TokenKind  `json:"kind"`
	Scope     string     `json:"scope"` // read, operate or admin; empty of a worker's
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by"` // empty: it began with the cluster
	ExpiresAt *time.Time `json:"expires_at"` // nil: never
	Expired   bool       `json:"expired"`
	LastUsed  *time.Time `json:"last_used"` // nil: not since the nodes were started
}

// NewToken says what a token shall be.
type NewToken struct {
	Name  string
	Kind  TokenKind
	Scope string        // of an operator's
	Life  time.Duration // whole seconds; zero: for good
}

// CreateToken makes a token. Its text is made here and only its hash travels: text is the only copy.
func (o *Operator) CreateToken(ctx context.Context, t NewToken) (text string, made AccessToken, err error) {
	prefix := "adm_"
	if t.Kind == WorkerToken {
		prefix = "wrk_"
	}
	text = prefix + strings.ToLower(rand.Text())
	sum := sha256.Sum256([]byte(text))
	body := struct {
		Name   string    `json:"name"`
		Kind   TokenKind `json:"kind"`
		Scope  string    `json:"scope,omitempty"`
		Hash   string    `json:"token_sha256"`
		Expire int64     `json:"expires_in_s,omitempty"`
	}{t.Name, t.Kind, t.Scope, hex.EncodeToString(sum[:]), int64(t.Life / time.Second)}
	var out struct{ Token AccessToken }
	err = o.call(ctx, http.MethodPost, "/admin/tokens", body, &out)
	return text, out.Token, err
}

// Tokens lists all tokens.
func (o *Operator) Tokens(ctx context.Context) ([]AccessToken, error) {
	var out struct{ Tokens []AccessToken }
	err := o.call(ctx, http.MethodGet, "/admin/tokens", nil, &out)
	return out.Tokens, err
}

// RevokeToken ends a token: it opens nothing more, on any node.
func (o *Operator) RevokeToken(ctx context.Context, name string) error {
	return o.call(ctx, http.MethodDelete, "/admin/tokens/"+url.PathEscape(name), nil, nil)
}

// RevokeUser signs a user out for good, or lets it in again.
func (o *Operator) RevokeUser(ctx context.Context, user string, revoked bool) error {
	body := struct {
		Revoked bool `json:"revoked"`
	}{revoked}
	return o.call(ctx, http.MethodPost, userPath(user)+"/revoke", body, nil)
}

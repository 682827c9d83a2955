package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Secrets are the names of what the cluster keeps sealed.
type Secrets struct {
	SealKey string        `json:"seal_key"` // names the key that all are sealed with; empty before the first Rekey
	Secrets []KnownSecret `json:"secrets"`
	JWTKeys []JWTKey      `json:"jwt_keys"` // newest first
}

// KnownSecret is a secret without its value.
type KnownSecret struct {
	Name      string     `json:"name"`
	Use       string     `json:"use"` // empty: the cluster has none for this name
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"` // nil: never
}

// JWTKey is a key that tokens of the app are verified with.
type JWTKey struct {
	ID        string     `json:"id"`
	CreatedAt time.Time  `json:"created_at"`
	Signs     bool       `json:"signs"`
	Until     *time.Time `json:"verifies_until"` // nil: until it is rolled
}

// Secrets lists names and keys.
func (o *Operator) Secrets(ctx context.Context) (all Secrets, err error) {
	err = o.call(ctx, http.MethodGet, "/admin/secrets", nil, &all)
	return all, err
}

// PutSecret keeps a value under a name, sealed, for so long (whole seconds; zero: for good); use says what the cluster does with it.
func (o *Operator) PutSecret(ctx context.Context, name, value string, life time.Duration) (use string, replaced bool, err error) {
	body := struct {
		Value  string `json:"value"`
		Expire int64  `json:"expires_in_s,omitempty"`
	}{value, int64(life / time.Second)}
	var out struct {
		Use      string
		Replaced bool
	}
	err = o.call(ctx, http.MethodPut, "/admin/secrets/"+url.PathEscape(name), body, &out)
	return out.Use, out.Replaced, err
}

// DeleteSecret forgets a secret.
func (o *Operator) DeleteSecret(ctx context.Context, name string) error {
	return o.call(ctx, http.MethodDelete, "/admin/secrets/"+url.PathEscape(name), nil, nil)
}

// Rekey seals everything with the newest seal key of the node that is asked; all members must hold it.
func (o *Operator) Rekey(ctx context.Context) (key string, resealed int, err error) {
	var out struct {
		SealKey  string `json:"seal_key"`
		Resealed int    `json:"resealed"`
	}
	err = o.call(ctx, http.MethodPost, "/admin/rekey", nil, &out)
	return out.SealKey, out.Resealed, err
}

// RollJWT has tokens of the app signed with a new key and says how many keys verify now. With drop the older ones do not, and
// everybody signs in again.
func (o *Operator) RollJWT(ctx context.Context, drop bool) (keys int, err error) {
	body := struct {
		Drop bool `json:"drop"`
	}{drop}
	var out struct{ Keys int }
	err = o.call(ctx, http.MethodPost, "/admin/jwt/roll", body, &out)
	return out.Keys, err
}

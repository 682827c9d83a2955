package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

// What may be wrong with a token: two answers of the contract.
var (
	errForged  = errors.New("the token is not one of ours")
	errExpired = errors.New("the token has expired")
)

// maxToken is far above what we issue (under 300 bytes): longer ones are not
// even parsed.
const maxToken = 4096

// claims is all that we take from a token.
type claims struct {
	user string
	kid  string // "": the old stack's key has signed it
	key  []byte // that has verified it
	exp  time.Time
}

// tokens signs and verifies JWTs with the replicated keys, so that every node
// verifies every node's tokens and keys can roll.
type tokens struct {
	keys  *keyring
	known *verified
}

// sign issues a token for the user: sub, iat, exp and iss, and nothing else. iss is the cluster's id: a router in front of several
// clusters sends whoever shows the token to the one that has signed it. Nothing here reads it, since nothing here would sign another.
func (t *tokens) sign(ctx context.Context, user, cluster string, now time.Time, life time.Duration) (string, error) {
	kid, secret, err := t.keys.newest(ctx)
	if err != nil {
		return "", err
	}
	key, err := hs256(kid, secret)
	if err != nil {
		return "", err
	}
	token, err := jwt.NewBuilder().Issuer(cluster).Subject(user).IssuedAt(now).Expiration(now.Add(life)).Build()
	if err != nil {
		return "", fmt.Errorf("build token: %w", err)
	}
	signed, err := jwt.Sign(token, jwt.WithKey(jwa.HS256, key))
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return string(signed), nil
}

// verify gives the token's claims, errForged or errExpired. Another error means
// that the keys could not be read.
func (t *tokens) verify(ctx context.Context, token string) (claims, error) {
	if c, ok := t.known.get(token); ok {
		// A cached token ends with its time and with its key.
		key, err := t.keys.secret(ctx, c.kid)
		if err == nil && !bytes.Equal(key, c.key) {
			err = errForged // the old stack's key was replaced
		}
		if err != nil {
			return claims{}, err
		}
		return c, c.expired(time.Now())
	}
	kid, err := pinned(token)
	if err != nil {
		return claims{}, err
	}
	secret, err := t.keys.secret(ctx, kid)
	if err != nil {
		return claims{}, err
	}
	c, err := read(token, kid, secret)
	if err != nil {
		return claims{}, err
	}
	t.known.put(token, c)
	return c, c.expired(time.Now())
}

// read gives what a token of a key says, if that key has signed it. It may have expired.
func read(token, kid string, secret []byte) (claims, error) {
	key, err := hs256(kid, secret)
	if err != nil {
		return claims{}, err
	}
	parsed, err := jwt.Parse([]byte(token), jwt.WithKey(jwa.HS256, key), jwt.WithValidate(false))
	if err != nil || parsed.Subject() == "" || parsed.Expiration().IsZero() || !saneName.MatchString(parsed.Subject()) {
		return claims{}, errForged
	}
	return claims{user: parsed.Subject(), kid: kid, key: secret, exp: parsed.Expiration()}, nil
}

func (c claims) expired(now time.Time) error {
	if now.After(c.exp) {
		return errExpired
	}
	return nil
}

// pinned reads the key id of a compact token, "" if it has none, and refuses every algorithm but
// HS256, "none" included, before any key is looked at (RFC 8725, 3.1).
func pinned(token string) (kid string, err error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return "", errForged
	}
	message, err := jws.Parse([]byte(token), jws.WithCompact())
	if err != nil || len(message.Signatures()) != 1 {
		return "", errForged
	}
	h := message.Signatures()[0].ProtectedHeaders()
	if h.Algorithm() != jwa.HS256 || h.KeyID() != "" && !saneName.MatchString(h.KeyID()) {
		return "", errForged
	}
	return h.KeyID(), nil
}

func hs256(kid string, secret []byte) (jwk.Key, error) {
	key, err := jwk.FromRaw(secret)
	if err == nil && kid != "" {
		err = key.Set(jwk.KeyIDKey, kid)
	}
	if err == nil {
		err = key.Set(jwk.AlgorithmKey, jwa.HS256)
	}
	if err != nil {
		return nil, fmt.Errorf("token key %s: %w", kid, err)
	}
	return key, nil
}

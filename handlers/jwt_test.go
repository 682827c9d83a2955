package handlers

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/lestrrat-go/jwx/v2/jwt"

	"stoker/fsm"
)

var testSecret = []byte("0123456789abcdef0123456789abcdef")

// mint signs a token the way somebody else might.
func mint(t *testing.T, alg jwa.SignatureAlgorithm, kid string, secret []byte, claims map[string]any) string {
	t.Helper()
	key, err := jwk.FromRaw(secret)
	if err != nil {
		t.Fatal(err)
	}
	if kid != "" {
		if err := key.Set(jwk.KeyIDKey, kid); err != nil {
			t.Fatal(err)
		}
	}
	token := jwt.New()
	for name, value := range claims {
		if err := token.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	signed, err := jwt.Sign(token, jwt.WithKey(alg, key))
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

func TestToken_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	plain := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	parts := strings.Split(p.token, ".")
	head := func(json string) string { return plain(json) + "." + parts[1] + "." + parts[2] }
	full, err := jws.Sign([]byte(`{"sub":"`+p.id+`"}`), jws.WithJSON(), jws.WithKey(jwa.HS256, testSecret))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		token string
		code  fsm.Code
	}{
		"none":              {"", authRequired},
		"nonsense":          {"nonsense", fsm.AuthInvalidToken},
		"two dots":          {"..", fsm.AuthInvalidToken},
		"longer than ours":  {p.token + strings.Repeat("A", maxToken), fsm.AuthInvalidToken},
		"expired":           {mint(t, jwa.HS256, "k1", testSecret, m{"sub": p.id, "exp": past}), authExpiredToken},
		"expired, again":    {mint(t, jwa.HS256, "k1", testSecret, m{"sub": p.id, "exp": past}), authExpiredToken},
		"no exp":            {mint(t, jwa.HS256, "k1", testSecret, m{"sub": p.id}), fsm.AuthInvalidToken},
		"no sub":            {mint(t, jwa.HS256, "k1", testSecret, m{"exp": soon}), fsm.AuthInvalidToken},
		"no kid":            {mint(t, jwa.HS256, "", testSecret, m{"sub": p.id, "exp": soon}), fsm.AuthInvalidToken},
		"unknown kid":       {mint(t, jwa.HS256, "k2", testSecret, m{"sub": p.id, "exp": soon}), fsm.AuthInvalidToken},
		"another secret":    {mint(t, jwa.HS256, "k1", []byte("x"), m{"sub": p.id, "exp": soon}), fsm.AuthInvalidToken},
		"HS512":             {mint(t, jwa.HS512, "k1", testSecret, m{"sub": p.id, "exp": soon}), fsm.AuthInvalidToken},
		"unknown user":      {mint(t, jwa.HS256, "k1", testSecret, m{"sub": "u_nobody", "exp": soon}), fsm.AuthInvalidToken},
		"a path as user":    {mint(t, jwa.HS256, "k1", testSecret, m{"sub": "../x", "exp": soon}), fsm.AuthInvalidToken},
		"alg none":          {head(`{"alg":"none","kid":"k1"}`), fsm.AuthInvalidToken},
		"alg none, no sig":  {plain(`{"alg":"none","kid":"k1"}`) + "." + parts[1] + ".", fsm.AuthInvalidToken},
		"tampered claims":   {parts[0] + "." + plain(fmt.Sprintf(`{"sub":"%s","exp":%d}`, p.id, soon.Unix())) + "." + parts[2], fsm.AuthInvalidToken},
		"tampered sig":      {parts[0] + "." + parts[1] + "." + plain("0123456789abcdef0123456789abcdef"), fsm.AuthInvalidToken},
		"JSON, not compact": {string(full), fsm.AuthInvalidToken},
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			h.bad(c.code, ask{method: "GET", path: "/me", token: c.token})
		})
	}
	h.t = t
	h.bad(authRequired, ask{method: "GET", path: "/me", header: map[string]string{"Authorization": "Basic dTpw"}})
	good := mint(t, jwa.HS256, "k1", testSecret, m{"sub": p.id, "exp": soon})
	for range 2 { // once verified, once remembered
		h.good(200, ask{method: "GET", path: "/me", header: map[string]string{"Authorization": "bearer " + good}})
	}
}

func TestToken_CarriesNoMoreThanItNeeds(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("pro")
	token, err := jwt.Parse([]byte(p.token), jwt.WithKey(jwa.HS256, testSecret))
	if err != nil {
		t.Fatal(err)
	}
	claims, err := token.AsMap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(claims) != 4 || token.Issuer() != "test" || token.Subject() != p.id || token.Expiration().Sub(token.IssuedAt()) != 30*24*time.Hour {
		t.Errorf("claims: %v", claims)
	}
}

func TestVerified_IsBounded(t *testing.T) {
	v := newVerified()
	v.put("regular", claims{user: "u"})
	for i := range 3 * cacheHalf {
		v.put(fmt.Sprint(i), claims{})
		if _, ok := v.get("regular"); !ok {
			t.Fatalf("who calls all the time is forgotten after %d others", i)
		}
	}
	if n := len(v.young) + len(v.old); n > 2*cacheHalf {
		t.Errorf("%d tokens are remembered", n)
	}
	if _, ok := v.get("0"); ok {
		t.Error("who came once is never forgotten")
	}
}

func TestVerified_AnExpiredTokenIsNotGoodFromMemory(t *testing.T) {
	c := claims{user: "u", exp: time.Unix(100, 0)}
	if err := c.expired(time.Unix(100, 0)); err != nil {
		t.Error(err)
	}
	if err := c.expired(time.Unix(101, 0)); err != errExpired {
		t.Error(err)
	}
}

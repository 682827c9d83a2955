package handlers

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"

	"stoker/fsm"
)

var legacy = "the old stack's secret, 32 bytes"

// TestToken_ofTheOldStack: an app that the old stack has signed in stays signed in, for as long as its key is kept here.
func TestToken_ofTheOldStack(t *testing.T) {
	h := newHouse(t)
	h.imports(m{"users": []m{oldUser("user-1", nil)}})
	soon := time.Now().Add(time.Hour)
	of := func(secret string, claims m) ask {
		return ask{method: "GET", path: "/me", token: mint(t, jwa.HS256, "", []byte(secret), claims)}
	}
	good := of(legacy, m{"sub": "user-1", "exp": soon})
	h.bad(fsm.AuthInvalidToken, good)
	h.good(200, h.operate("PUT", "/admin/secrets/jwt-legacy", m{"value": legacy, "expires_in_s": 31 * 24 * 3600}))
	for range 2 { // once verified, once remembered
		if a := h.good(200, good); a.Data["user_id"] != "user-1" || number(a.Data["credits"]) != 7 {
			t.Errorf("signed in as %v", a.Data)
		}
	}
	refreshed := h.good(200, ask{method: "POST", path: "/auth/refresh", token: good.token}).Data["token"].(string)
	if head, _ := base64.RawURLEncoding.DecodeString(strings.Split(refreshed, ".")[0]); !strings.Contains(string(head), `"kid":"k1"`) {
		t.Errorf("the old key has signed %s", head)
	}
	h.bad(authExpiredToken, of(legacy, m{"sub": "user-1", "exp": time.Now().Add(-time.Hour)}))
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(good.token, ".")[1] + "."
	for name, a := range map[string]ask{
		"no exp":          of(legacy, m{"sub": "user-1"}),
		"a stranger":      of(legacy, m{"sub": "user-2", "exp": soon}),
		"another key":     of("another secret of 32 bytes, yes.", m{"sub": "user-1", "exp": soon}),
		"ours, no kid":    of(string(testSecret), m{"sub": "user-1", "exp": soon}),
		"its key, a kid":  {method: "GET", path: "/me", token: mint(t, jwa.HS256, "k1", []byte(legacy), m{"sub": "user-1", "exp": soon})},
		"its name as kid": {method: "GET", path: "/me", token: mint(t, jwa.HS256, legacySecret, []byte(legacy), m{"sub": "user-1", "exp": soon})},
		"HS512":           {method: "GET", path: "/me", token: mint(t, jwa.HS512, "", []byte(legacy), m{"sub": "user-1", "exp": soon})},
		"alg none":        {method: "GET", path: "/me", token: none},
		"RS256":           {method: "GET", path: "/me", token: base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256"}`)) + good.token[strings.Index(good.token, "."):]},
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			h.bad(fsm.AuthInvalidToken, a)
		})
	}
	h.t = t
	h.good(200, good)
	h.good(200, h.operate("POST", "/admin/users/user-1/revoke", nil))
	h.bad(fsm.Forbidden, good)
	h.good(200, h.operate("POST", "/admin/users/user-1/revoke", m{"revoked": false}))
	h.good(200, h.operate("PUT", "/admin/secrets/jwt-legacy", m{"value": "another secret of 32 bytes, yes.", "expires_in_s": 60}))
	h.bad(fsm.AuthInvalidToken, good) // though it was remembered
	h.good(200, of("another secret of 32 bytes, yes.", m{"sub": "user-1", "exp": soon}))
	h.good(200, h.operate("PUT", "/admin/secrets/jwt-legacy", m{"value": legacy, "expires_in_s": 60}))
	h.good(200, good)
	h.good(200, h.operate("DELETE", "/admin/secrets/jwt-legacy", nil))
	h.bad(fsm.AuthInvalidToken, good)
	h.good(200, ask{method: "GET", path: "/me", token: refreshed})
}

func TestToken_theOldKeyMustEnd(t *testing.T) {
	h := newHouse(t)
	for _, body := range []m{
		{"value": legacy}, {"value": legacy, "expires_in_s": 401 * 24 * 3600}, {"value": legacy, "expires_in_s": -1}, {"value": "short", "expires_in_s": 60},
	} {
		h.bad(fsm.ValidationFailed, h.operate("PUT", "/admin/secrets/jwt-legacy", body))
	}
	h.good(200, h.operate("PUT", "/admin/secrets/jwt-legacy", m{"value": legacy, "expires_in_s": 60}))
	list := h.good(200, h.operate("GET", "/admin/secrets", nil)).Data["secrets"].([]any)
	if line := list[0].(map[string]any); line["name"] != legacySecret || line["use"] == "" || line["expires_at"] == nil {
		t.Errorf("listed: %v", line)
	}
}

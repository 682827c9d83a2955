package handlers

import (
	"strings"
	"testing"

	"stoker/fsm"
)

func TestSecrets_AreNeverShown(t *testing.T) {
	h := newHouse(t)
	put := h.good(200, h.operate("PUT", "/admin/secrets/s3.access", m{"value": "s3cret-1"}))
	again := h.good(200, h.operate("PUT", "/admin/secrets/s3.access", m{"value": "s3cret-2"}))
	if put.Data["replaced"] != false || again.Data["replaced"] != true || put.Data["use"] == "" {
		t.Errorf("put %v, then %v", put.Data, again.Data)
	}
	h.good(200, h.operate("PUT", "/admin/secrets/mine", m{"value": "x"}))
	list := h.good(200, h.operate("GET", "/admin/secrets", nil))
	if n := len(list.Data["secrets"].([]any)); n != 2 {
		t.Errorf("listed: %s", list.text)
	}
	if value, err := h.node.Secret(t.Context(), "s3.access"); err != nil || string(value) != "s3cret-2" {
		t.Errorf("the cluster reads %q, %v", value, err)
	}
	audit := h.good(200, h.operate("GET", "/admin/audit", nil))
	for _, a := range []answer{put, again, list, audit} {
		if strings.Contains(string(a.text), "s3cret") {
			t.Errorf("a value is shown: %s", a.text)
		}
	}
	h.good(200, h.operate("DELETE", "/admin/secrets/mine", nil))
	h.bad(fsm.NotFound, h.operate("DELETE", "/admin/secrets/mine", nil))
	h.bad(fsm.NotFound, h.operate("DELETE", "/admin/secrets/No%20Name", nil))
	for _, body := range []any{m{}, m{"value": ""}, m{"value": 1}, m{"value": strings.Repeat("x", maxSecret+1)}} {
		h.bad(fsm.ValidationFailed, h.operate("PUT", "/admin/secrets/x", body))
	}
	h.bad(fsm.ValidationFailed, h.operate("PUT", "/admin/secrets/Upper", m{"value": "x"}))
}

func TestSecrets_TheCallbackSecretOpensTheQueue(t *testing.T) {
	h := newHouse(t)
	by := func(secret string) ask {
		return ask{method: "POST", path: "/queue/lease", body: m{"worker_id": "w", "wait_s": 0}, header: map[string]string{"X-Callback-Secret": secret}}
	}
	h.bad(callbackUnauthorized, by("from-the-old-days"))
	h.good(200, h.operate("PUT", "/admin/secrets/callback", m{"value": "from-the-old-days"}))
	h.good(204, by("from-the-old-days"))
	h.good(204, by(workerToken))
	h.bad(fsm.AuthInvalidToken, ask{method: "GET", path: "/admin/status", token: "from-the-old-days"})
	h.good(200, h.operate("PUT", "/admin/secrets/callback", m{"value": "another"}))
	h.bad(callbackUnauthorized, by("from-the-old-days"))
	h.good(204, by("another"))
	h.good(200, h.operate("DELETE", "/admin/secrets/callback", nil))
	h.bad(callbackUnauthorized, by("another"))
}

func TestSecrets_JWTKeysRoll(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	if n := number(h.good(200, h.operate("POST", "/admin/jwt/roll", nil)).Data["keys"]); n != 2 {
		t.Errorf("%d keys", n)
	}
	p.get("/me") // by the old key
	old := p.token
	p.token = h.good(200, p.ask("POST", "/auth/refresh", nil)).Data["token"].(string)
	keys := h.good(200, h.operate("GET", "/admin/secrets", nil)).Data["jwt_keys"].([]any)
	first, second := keys[0].(map[string]any), keys[1].(map[string]any)
	if first["signs"] != true || first["verifies_until"] != nil || second["signs"] != false || second["verifies_until"] == nil {
		t.Errorf("keys: %v", keys)
	}
	h.good(200, h.operate("POST", "/admin/jwt/roll", m{"drop": true}))
	for _, token := range []string{old, p.token} {
		h.bad(fsm.AuthInvalidToken, ask{method: "GET", path: "/me", token: token})
	}
	h.signUp("free").get("/me")
	if n := number(h.good(200, h.operate("POST", "/admin/rekey", nil)).Data["resealed"]); n == 0 {
		t.Error("nothing was sealed anew") // the only key takes its name
	}
	h.signUp("free").uploaded(1)
}

package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"stoker/fsm"
)

// newToken makes a token known; its text is its name.
func (h *house) newToken(name string, more m) answer {
	h.t.Helper()
	return h.good(201, h.operate("POST", "/admin/tokens", tokenBody(name, more)))
}

func tokenBody(name string, more m) m {
	sum := sha256.Sum256([]byte(name))
	body := m{"name": name, "kind": "operator", "token_sha256": hex.EncodeToString(sum[:])}
	for k, v := range more {
		body[k] = v
	}
	return body
}

func TestTokens_ScopesOpenWhatTheySay(t *testing.T) {
	h := newHouse(t)
	for _, scope := range []string{"read", "operate", "admin"} {
		h.newToken(scope, m{"scope": scope})
	}
	level := map[string]int{"read": 1, "operate": 2, "admin": 3}
	for _, r := range routes {
		need := level[string(scopeOf[r.who])]
		if need == 0 {
			continue
		}
		for scope, has := range level {
			if has >= need {
				continue
			}
			a := h.bad(fsm.Forbidden, ask{method: r.method, path: r.path, token: scope})
			if !strings.Contains(a.Error.Message, string(scopeOf[r.who])) {
				t.Errorf("%s %s does not say what it needs: %s", r.method, r.path, a.Error.Message)
			}
		}
	}
	p := h.signUp("free")
	h.good(200, ask{method: "GET", path: "/admin/users/" + p.id, token: "read"})
	h.good(200, ask{method: "POST", path: "/admin/queue/pause", token: "operate"})
	h.good(200, ask{method: "POST", path: "/admin/users/" + p.id + "/credits", token: "admin", body: m{"amount": 1, "reason": "x"}})
}

func TestTokens_ListedWithoutTheirTexts(t *testing.T) {
	h := newHouse(t)
	made := h.newToken("night shift", m{"scope": "read", "expires_in_s": 3600})
	line := made.Data["token"].(map[string]any)
	if line["created_by"] != "admin first admin" || line["expires_at"] == nil || line["last_used"] != nil {
		t.Errorf("made: %v", line)
	}
	h.newToken("night shift", m{"scope": "read", "expires_in_s": 3600}) // sent again
	h.good(200, ask{method: "GET", path: "/admin/status", token: "night shift"})
	a := h.good(200, h.operate("GET", "/admin/tokens", nil))
	got := ""
	for _, one := range a.Data["tokens"].([]any) {
		line := one.(map[string]any)
		got += line["kind"].(string) + " " + line["name"].(string) + " " + line["scope"].(string)
		if line["last_used"] != nil {
			got += " used"
		}
		got += "; "
	}
	if want := "operator first admin admin used; operator night shift read used; worker first worker ; "; got != want {
		t.Errorf("listed:\n got %s\nwant %s", got, want)
	}
	sum := sha256.Sum256([]byte("night shift"))
	if strings.Contains(string(a.text), hex.EncodeToString(sum[:])) {
		t.Error("the list shows a hash")
	}
}

func TestTokens_WhatIsRefused(t *testing.T) {
	h := newHouse(t)
	for _, more := range []m{
		{"name": ""}, {"name": " x"}, {"name": strings.Repeat("x", 65)}, {"name": "a/b"}, {"kind": "root"}, {"kind": nil}, {"scope": "root"},
		{"token_sha256": "abc"}, {"token_sha256": strings.Repeat("zz", 32)}, {"expires_in_s": -1}, {"expires_in_s": 1e10},
		{"kind": "worker", "scope": "read"}, {"scope": ""},
	} {
		body := tokenBody("x", m{"scope": "read"})
		for k, v := range more {
			body[k] = v
		}
		h.bad(fsm.ValidationFailed, h.operate("POST", "/admin/tokens", body))
	}
	h.bad(fsm.NotFound, h.operate("DELETE", "/admin/tokens/nobody", nil))
	h.bad(fsm.NotFound, h.operate("DELETE", "/admin/tokens/%00", nil))
	h.bad(fsm.ValidationFailed, h.operate("DELETE", "/admin/tokens/first%20admin", nil))
}

func TestTokens_RevokedAndExpiredOpenNothing(t *testing.T) {
	h := newHouse(t)
	h.newToken("gone", m{"scope": "read"})
	h.newToken("brief", m{"scope": "read", "expires_in_s": 1})
	h.newToken("rack", m{"kind": "worker"})
	status := func(token string) ask { return ask{method: "GET", path: "/admin/status", token: token} }
	poll := ask{method: "POST", path: "/queue/lease", token: "rack", body: m{"worker_id": "w", "wait_s": 0}}
	h.good(200, status("gone"))
	h.good(204, poll)
	h.bad(fsm.AuthInvalidToken, status("rack"))
	h.bad(callbackUnauthorized, ask{method: "POST", path: "/queue/lease", token: "gone", body: m{"worker_id": "w"}})

	// A poll that is parked under a token ends with the token.
	poll.body = m{"worker_id": "w", "wait_s": 60}
	parked := make(chan answer, 1)
	go func() { parked <- h.do(poll) }()
	h.untilWaiters(1)
	h.good(200, h.operate("DELETE", "/admin/tokens/rack", nil))
	if a := <-parked; a.status != 401 || a.Error.Code != callbackUnauthorized {
		t.Errorf("the parked poll: %d %s", a.status, a.text)
	}
	h.bad(callbackUnauthorized, poll)
	h.good(200, h.operate("DELETE", "/admin/tokens/gone", nil))
	h.bad(fsm.AuthInvalidToken, status("gone"))
	for began := time.Now(); h.do(status("brief")).status == 200; {
		if time.Since(began) > 30*time.Second {
			t.Fatal("the token never expires")
		}
	}
	h.bad(authExpiredToken, status("brief"))
}

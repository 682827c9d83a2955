package handlers

import (
	"testing"

	"stoker/fsm"
)

func TestWorker_ThreeWaysToSayTheSecret(t *testing.T) {
	h := newHouse(t)
	poll := m{"worker_id": "w", "wait_s": 0}
	for _, header := range []map[string]string{
		{"Authorization": "Bearer " + workerToken},
		{"X-Callback-Secret": workerToken},
		{"X-GPU-Callback-Secret": workerToken},
		{"Authorization": "Bearer wrong", "X-Callback-Secret": workerToken},
	} {
		h.good(204, ask{method: "POST", path: "/queue/lease", body: poll, header: header})
	}
	p := h.signUp("free")
	for _, header := range []map[string]string{
		nil,
		{"Authorization": "Bearer wrong"},
		{"X-Callback-Secret": "wrong"},
		{"X-GPU-Callback-Secret": ""},
		{"X-Callback-Secret": adminToken},
		{"Authorization": "Bearer " + p.token},
	} {
		for _, path := range []string{"/queue/lease", "/queue/leases/ls_1/heartbeat", "/queue/leases/ls_1/results", "/queue/leases/ls_1/release", "/jobs/j/callback"} {
			h.bad(callbackUnauthorized, ask{method: "POST", path: path, body: poll, header: header})
		}
	}
}

func TestEveryRoute_AsksWhoCalls(t *testing.T) {
	h := newHouse(t)
	wrong := map[who]fsm.Code{user: fsm.AuthInvalidToken, worker: callbackUnauthorized, adminRead: fsm.AuthInvalidToken, adminOperate: fsm.AuthInvalidToken, admin: fsm.AuthInvalidToken, scraper: fsm.AuthInvalidToken}
	none := map[who]fsm.Code{user: authRequired, worker: callbackUnauthorized, adminRead: authRequired, adminOperate: authRequired, admin: authRequired, scraper: authRequired}
	for _, r := range routes {
		if r.who == anyone {
			continue
		}
		h.bad(none[r.who], ask{method: r.method, path: r.path})
		h.bad(wrong[r.who], ask{method: r.method, path: r.path, token: "wrong"})
	}
}

func TestAdmin_OnlyItsOwnToken(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	for _, token := range []string{workerToken, p.token, adminToken + "x"} {
		h.bad(fsm.AuthInvalidToken, ask{method: "GET", path: "/admin/status", token: token})
	}
	h.good(200, ask{method: "GET", path: "/admin/status", token: adminToken})
}

package handlers

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"stoker/fsm"
)

// limited is a house behind a proxy that is trusted, so that requests can come
// from anywhere.
func limited(t *testing.T, l Limits) *house {
	return newHouse(t, func(_ *fsm.Settings, c *Config) {
		c.Limits = l
		c.Limits.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	})
}

func from(address string, a ask) ask {
	header := map[string]string{"X-Forwarded-For": address}
	for k, v := range a.header {
		header[k] = v
	}
	a.header = header
	return a
}

func TestLimits_SignUpsByAddress(t *testing.T) {
	h := limited(t, Limits{SignUps: 6})
	in := ask{method: "POST", path: "/auth/anon"}
	for range 3 { // half of them at once
		h.good(200, from("192.0.2.1", in))
	}
	a := h.bad(rateLimited, from("192.0.2.1", in))
	if after := a.header.Get("Retry-After"); after == "" || after == "0" || len(after) > 2 {
		t.Errorf("Retry-After: %q", after)
	}
	h.good(200, from("192.0.2.2", in))
	// What the client writes itself is in front of what the proxies write.
	h.bad(rateLimited, from("203.0.113.9, 192.0.2.1, 10.1.1.1", in))
	// A subscriber has 64 bits of IPv6 to choose from.
	for i := range 3 {
		h.good(200, from(fmt.Sprintf("2001:db8::%d", i), in))
	}
	h.bad(rateLimited, from("2001:db8::ffff:1", in))
	h.good(200, from("2001:db8:0:1::1", in))
	for range 9 { // this machine is not limited, and what is no address is the proxy
		h.good(200, in)
		h.good(200, from("garbage", in))
	}
}

func TestLimits_NobodyIsBelievedUnlessTrusted(t *testing.T) {
	h := newHouse(t, func(_ *fsm.Settings, c *Config) { c.Limits.SignUps = 2 })
	for range 5 { // else they would be 192.0.2.1 and limited
		h.good(200, from("192.0.2.1", ask{method: "POST", path: "/auth/anon"}))
	}
}

func TestLimits_AppByAddressAndUser(t *testing.T) {
	h := limited(t, Limits{Address: 2, User: -1})
	p := h.signUp("free")
	until := func(h *house, what string, a ask) {
		t.Helper()
		for range 200 {
			if got := h.do(a); got.status == 429 {
				if got.Error.Code != rateLimited || !strings.Contains(got.Error.Message, what) {
					t.Errorf("%s: %s", what, got.text)
				}
				return
			}
		}
		t.Errorf("%s is never limited", what)
	}
	until(h, "address", from("192.0.2.1", p.ask("GET", "/presets", nil)))
	h.good(200, from("192.0.2.2", p.ask("GET", "/presets", nil)))
	h.good(200, from("192.0.2.1", ask{method: "GET", path: "/health"}))
	h.good(204, from("192.0.2.1", h.work("/queue/lease", m{"worker_id": "w", "wait_s": 0})))

	h = limited(t, Limits{Address: -1, User: 2})
	p, q := h.signUp("free"), h.signUp("free")
	until(h, "you send", from("192.0.2.1", p.ask("GET", "/presets", nil)))
	h.bad(rateLimited, from("192.0.2.9", p.ask("GET", "/presets", nil)))
	h.good(200, from("192.0.2.1", q.ask("GET", "/presets", nil)))
}

func TestLimits_WrongTokens(t *testing.T) {
	h := limited(t, Limits{WrongTokens: 4})
	h.newToken("late", m{"scope": "read"})
	p := h.signUp("free")
	status := func(token string) ask {
		return from("192.0.2.1", ask{method: "GET", path: "/admin/status", token: token})
	}
	poll := func(token string) ask {
		return from("192.0.2.1", ask{method: "POST", path: "/queue/lease", token: token, body: m{"worker_id": "w", "wait_s": 0}})
	}
	me := func(token string) ask { return from("192.0.2.1", ask{method: "GET", path: "/me", token: token}) }
	h.good(200, status(adminToken))
	h.good(204, poll(workerToken))
	h.good(200, me(p.token))
	h.bad(fsm.AuthInvalidToken, status("guess-1"))
	h.bad(callbackUnauthorized, poll("guess-2"))
	for _, a := range []ask{status("guess-3"), poll("guess-4"), me("guess-5"), status("late")} {
		h.bad(rateLimited, a)
	}
	// Those that were good here before go on, and others are not concerned.
	h.good(200, status(adminToken))
	h.good(204, poll(workerToken))
	h.good(200, me(p.token))
	h.bad(fsm.AuthInvalidToken, from("192.0.2.2", ask{method: "GET", path: "/admin/status", token: "guess"}))
	h.bad(authRequired, from("192.0.2.1", ask{method: "GET", path: "/me"}))
}

func TestBuckets_AreBounded(t *testing.T) {
	b := newBuckets[int](60, time.Minute, 0.5)
	now := time.Now()
	for range 30 {
		if wait := b.take(-1, now); wait != 0 {
			t.Fatalf("limited at once: %v", wait)
		}
	}
	for i := range 5 * bucketsHalf {
		b.take(i, now)
		if i%1000 == 0 {
			b.look(-1, now) // whoever calls often is remembered through a flood
		}
	}
	if n := len(b.young) + len(b.old); n > 2*bucketsHalf {
		t.Errorf("%d buckets", n)
	}
	if wait := b.take(-1, now); wait <= 0 || wait > time.Second {
		t.Errorf("after the flood it waits %v", wait)
	}
	if wait := b.look(-1, now.Add(time.Second)); wait != 0 {
		t.Errorf("a second later it waits %v", wait)
	}
}

func TestRevokedUser_IsOutAtOnce(t *testing.T) {
	h := newHouse(t)
	p := h.signUp("free")
	id := p.queued(1)
	stream, socket := h.openStream(p, id, ""), h.dial(p, "/jobs/"+id+"/ws")
	stream.next()
	h.good(200, h.operate("POST", "/admin/users/"+p.id+"/revoke", nil))
	if e, more := stream.read(); more {
		t.Errorf("the stream goes on: %v", e)
	}
	if _, code := hear(t, socket); code != 1008 {
		t.Errorf("the socket closed with %d", code)
	}
	for _, a := range []ask{p.ask("POST", "/auth/refresh", nil), p.ask("GET", "/me", nil), p.ask("POST", "/jobs", m{"preset": "interior", "item_count": 1}), p.ask("GET", "/jobs/"+id+"/events", nil)} {
		h.bad(fsm.Forbidden, a)
	}
	h.good(200, h.operate("POST", "/admin/users/"+p.id+"/revoke", m{"revoked": false}))
	p.get("/me")
}

func TestHeaders_OnEveryAnswer(t *testing.T) {
	h := newHouse(t)
	for _, a := range []ask{
		{method: "GET", path: "/health"}, {method: "GET", path: "/nothing"}, {method: "GET", path: "/me"}, {method: "GET", path: "/openapi.json"},
		{method: "GET", path: "/admin/status", token: adminToken},
	} {
		checkHeaders(t, a.path, h.do(a).header)
	}
	res, err := h.client.Do(h.request(ask{method: "GET", path: "/photos/x"}))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	checkHeaders(t, "an object", res.Header)
	if cache := h.do(ask{method: "GET", path: "/admin/status", token: adminToken}).header.Get("Cache-Control"); cache != "no-store" {
		t.Errorf("Cache-Control: %q", cache)
	}
}

func checkHeaders(t *testing.T, what string, header http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Server": "stoker",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: %s is %q", what, name, got)
		}
	}
}
